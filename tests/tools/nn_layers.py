"""Records what PyTorch's layers are and compute: tests/capture/nn/fixtures/layers.json.

Usage: python tests/tools/nn_layers.py
Parameters and inputs come from counted_weights.py. A row has the constructor's arguments, inputs, options of the call, the
layer's text, names and shapes of its state, outputs, buffers that changed, and the operators that torch.export records.
"""

import json
import pathlib

import numpy as np
import torch
from counted_weights import fill, values

OUT = pathlib.Path(__file__).parent.parent / "capture" / "nn" / "fixtures" / "layers.json"
ROWS = []


def t(*shape, kind="plain", below=None):
    spec = {"shape": list(shape)}
    if kind != "plain":
        spec["kind"] = kind
    if below is not None:
        spec["below"] = below
    return {"$tensor": spec}


def ints(below, *shape):
    return t(*shape, kind="int", below=below)


def row(layer, args, inputs, options=None, call=None, train=False, note="", dtype=None):
    ROWS.append(dict(layer=layer, args=args, inputs=inputs, options=options or {}, call=call or {}, train=train, note=note, dtype=dtype))


def module(layer, *args, **options):
    return {"$module": [layer, list(args), options]}


# linear
row("Identity", [], [t(2, 3)])
row("Linear", [4, 3], [t(2, 4)])
row("Linear", [4, 3], [t(2, 5, 4)], dict(bias=False))
row("Linear", [4, 3], [t(4)], note="one vector")
row("Linear", [4, 3], [t(2, 4)], dict(dtype="float64"), dtype="float64")
row("Bilinear", [3, 4, 2], [t(5, 3), t(5, 4)])
row("Bilinear", [3, 4, 2], [t(5, 3), t(5, 4)], dict(bias=False))
# flatten
row("Flatten", [], [t(2, 3, 4)])
row("Flatten", [0, 1], [t(2, 3, 4)])
row("Unflatten", [1, [2, 3]], [t(2, 6, 2)])
row("Fold", [[4, 5], [2, 3]], [t(1, 12, 9)])
row("Fold", [6, 2], [t(2, 8, 16)], dict(stride=2, padding=1))
row("Unfold", [[2, 3]], [t(1, 2, 4, 5)])
row("Unfold", [2], [t(2, 2, 6, 6)], dict(stride=2, padding=1, dilation=2))
# conv
row("Conv1d", [3, 4, 3], [t(2, 3, 8)])
row("Conv1d", [3, 4, 3], [t(3, 8)], note="no batch")
row("Conv1d", [4, 4, 3], [t(2, 4, 9)], dict(stride=2, padding=1, groups=2, bias=False))
row("Conv1d", [3, 4, 4], [t(2, 3, 8)], dict(padding="same", dilation=2))
row("Conv1d", [3, 4, 3], [t(2, 3, 8)], dict(padding="valid"))
row("Conv1d", [3, 4, 3], [t(2, 3, 8)], dict(padding=2, padding_mode="circular"))
row("Conv2d", [3, 4, 3, 2, 1], [t(2, 3, 7, 8)])
row("Conv2d", [3, 4, [2, 3]], [t(1, 3, 7, 8)], dict(stride=[2, 1], padding=[1, 2], dilation=[2, 1]))
row("Conv2d", [4, 8, 3], [t(1, 4, 6, 6)], dict(groups=4))
row("Conv2d", [3, 4, 3], [t(1, 3, 6, 6)], dict(padding=1, padding_mode="reflect"))
row("Conv2d", [3, 4, 3], [t(1, 3, 6, 6)], dict(padding=[1, 2], padding_mode="replicate"))
row("Conv2d", [3, 4, [4, 3]], [t(1, 3, 6, 6)], dict(padding="same"))
row("Conv2d", [3, 4, [4, 3]], [t(1, 3, 6, 6)], dict(padding="same", padding_mode="circular"))
row("Conv2d", [3, 4, 3], [t(3, 6, 6)], note="no batch")
row("Conv3d", [2, 3, 2], [t(1, 2, 4, 4, 5)])
row("Conv3d", [2, 4, [1, 2, 3]], [t(1, 2, 3, 4, 5)], dict(stride=[1, 2, 1], padding=1, groups=2))
row("ConvTranspose1d", [4, 3, 3], [t(2, 4, 5)])
row("ConvTranspose1d", [4, 6, 3], [t(2, 4, 5)], dict(stride=2, padding=1, output_padding=1, groups=2, bias=False))
row("ConvTranspose2d", [3, 4, 3], [t(1, 3, 4, 5)], dict(stride=2, dilation=2))
row("ConvTranspose2d", [3, 4, 3], [t(1, 3, 4, 5), [8, 10]], dict(stride=2, padding=1), note="output size")
row("ConvTranspose3d", [2, 3, 2], [t(1, 2, 2, 3, 3)], dict(stride=[1, 2, 2]))
# norms
for n, shapes in {1: [(4, 3), (4, 3, 5)], 2: [(2, 3, 4, 5)], 3: [(2, 3, 2, 3, 4)]}.items():
    for shape in shapes:
        row(f"BatchNorm{n}d", [3], [t(*shape)])
        row(f"BatchNorm{n}d", [3], [t(*shape)], train=True)
row("BatchNorm2d", [3], [t(2, 3, 4, 5)], dict(momentum=None), train=True)
row("BatchNorm2d", [3], [t(2, 3, 4, 5)], dict(eps=0.01, momentum=0.3), train=True)
row("BatchNorm2d", [3], [t(2, 3, 4, 5)], dict(affine=False))
row("BatchNorm2d", [3], [t(2, 3, 4, 5)], dict(track_running_stats=False))
row("BatchNorm2d", [3], [t(2, 3, 4, 5)], dict(track_running_stats=False), train=True)
for n, shape in {1: (2, 3, 5), 2: (2, 3, 4, 5), 3: (2, 3, 2, 3, 4)}.items():
    row(f"InstanceNorm{n}d", [3], [t(*shape)])
    row(f"InstanceNorm{n}d", [3], [t(*shape)], dict(affine=True, track_running_stats=True))
row("InstanceNorm2d", [3], [t(2, 3, 4, 5)], dict(affine=True, track_running_stats=True), train=True)
row("InstanceNorm1d", [3], [t(3, 5)], note="no batch")
row("LayerNorm", [5], [t(2, 3, 5)])
row("LayerNorm", [[3, 5]], [t(2, 3, 5)], dict(eps=0.001))
row("LayerNorm", [5], [t(2, 3, 5)], dict(elementwise_affine=False))
row("LayerNorm", [5], [t(2, 3, 5)], dict(bias=False))
row("GroupNorm", [2, 4], [t(2, 4, 3)])
row("GroupNorm", [4, 4], [t(2, 4, 3, 2)], dict(affine=False, eps=0.001))
row("RMSNorm", [5], [t(2, 3, 5)])
row("RMSNorm", [[3, 5]], [t(2, 3, 5)], dict(eps=0.001))
row("RMSNorm", [5], [t(2, 3, 5)], dict(elementwise_affine=False))
row("LocalResponseNorm", [3], [t(2, 5, 4)])
row("LocalResponseNorm", [2], [t(2, 5, 4, 3)], dict(alpha=0.1, beta=0.5, k=2.0))
# activations
for name in ["ReLU", "ReLU6", "SiLU", "Mish", "SELU", "Hardsigmoid", "Hardswish", "ELU", "CELU", "LeakyReLU", "Hardtanh", "RReLU"]:
    row(name, [], [t(3, 7)])
    row(name, [], [t(2, 3)], dict(inplace=True))
for name in ["Sigmoid", "Tanh", "LogSigmoid", "Softsign", "Tanhshrink", "Hardshrink", "Softshrink", "Softplus", "GELU", "PReLU"]:
    row(name, [], [t(3, 7)])
row("ELU", [0.5], [t(7)])
row("CELU", [0.5], [t(7)])
row("LeakyReLU", [0.2], [t(7)])
row("Hardtanh", [-0.5, 1.5], [t(7)])
row("RReLU", [0.1, 0.4], [t(7)])
row("Threshold", [0.5, -1.0], [t(7)])
row("Threshold", [0.5, -1.0], [t(7)], dict(inplace=True))
row("Hardshrink", [1.0], [t(7)])
row("Softshrink", [0.25], [t(7)])
row("Softplus", [2.0, 1.5], [t(7)])
row("GELU", [], [t(7)], dict(approximate="tanh"))
row("GLU", [], [t(3, 4)])
row("GLU", [0], [t(4, 3)])
row("PReLU", [3], [t(2, 3, 2)])
for name in ["Softmax", "Softmin", "LogSoftmax"]:
    row(name, [1], [t(2, 3, 4)])
    row(name, [-1], [t(2, 3)])
    row(name, [], [t(2, 3, 2)], note="implicit dim")
row("Softmax2d", [], [t(2, 3, 2, 2)])
# pooling
row("MaxPool1d", [2], [t(2, 3, 7)])
row("MaxPool1d", [3, 1, 1], [t(2, 3, 7)], dict(dilation=2, ceil_mode=True))
row("MaxPool2d", [2], [t(1, 2, 5, 6)])
row("MaxPool2d", [3, 2, 1], [t(1, 2, 7, 7)])
row("MaxPool2d", [[2, 3]], [t(1, 2, 7, 7)], dict(stride=[2, 1], return_indices=True))
row("MaxPool2d", [3], [t(2, 7, 7)], dict(stride=2, ceil_mode=True), note="no batch")
row("MaxPool3d", [2], [t(1, 2, 4, 4, 5)])
row("MaxUnpool1d", [2], [t(1, 2, 3), t(1, 2, 3, kind="even")])
row("MaxUnpool2d", [2], [t(1, 1, 2, 3), t(1, 1, 2, 3, kind="even")])
row("MaxUnpool2d", [2], [t(1, 1, 2, 3), t(1, 1, 2, 3, kind="even"), [5, 7]], dict(stride=2), note="output size")
row("MaxUnpool3d", [2], [t(1, 1, 1, 2, 2), t(1, 1, 1, 2, 2, kind="even")])
row("AvgPool1d", [2], [t(2, 3, 7)])
row("AvgPool1d", [3, 2, 1], [t(2, 3, 7)], dict(count_include_pad=False))
row("AvgPool2d", [2], [t(1, 2, 5, 6)])
row("AvgPool2d", [[3, 2]], [t(1, 2, 5, 6)], dict(stride=2, padding=1, ceil_mode=True, divisor_override=4))
row("AvgPool3d", [2], [t(1, 2, 4, 4, 5)])
row("LPPool1d", [2.0, 3], [t(2, 3, 7)])
row("LPPool2d", [2.0, 2], [t(1, 2, 5, 6)], dict(stride=1))
row("LPPool3d", [1.0, 2], [t(1, 2, 4, 4, 4, kind="unit")])
row("AdaptiveAvgPool1d", [3], [t(2, 3, 7)])
row("AdaptiveAvgPool2d", [[2, 3]], [t(1, 2, 5, 7)])
row("AdaptiveAvgPool2d", [1], [t(1, 2, 5, 7)])
row("AdaptiveAvgPool2d", [[None, 2]], [t(1, 2, 5, 7)])
row("AdaptiveAvgPool3d", [2], [t(1, 2, 3, 4, 5)])
row("AdaptiveMaxPool1d", [3], [t(2, 3, 7)])
row("AdaptiveMaxPool2d", [[2, 3]], [t(1, 2, 5, 7)], dict(return_indices=True))
row("AdaptiveMaxPool3d", [2], [t(1, 2, 3, 4, 5)])
# tables
row("Embedding", [7, 3], [ints(7, 2, 4)])
row("Embedding", [7, 3], [ints(7, 2, 4)], dict(padding_idx=-1))
row("Embedding", [7, 3], [ints(7, 5)], dict(max_norm=0.8))
row("EmbeddingBag", [7, 3], [ints(7, 2, 4)])
row("EmbeddingBag", [7, 3], [ints(7, 6), [0, 2, 5]], dict(mode="sum"))
row("EmbeddingBag", [7, 3], [ints(7, 6), [0, 2, 2]], dict(mode="max", padding_idx=2))
row("EmbeddingBag", [7, 3], [ints(7, 6), [0, 2, 5, 6]], dict(include_last_offset=True))
row("EmbeddingBag", [7, 3], [ints(7, 2, 4), None, t(2, 4)], dict(mode="sum"), note="weights")
# dropout
for name, shape in {"Dropout": (3, 4), "Dropout1d": (2, 3, 4), "Dropout2d": (2, 3, 4, 4), "Dropout3d": (1, 2, 2, 2, 2), "AlphaDropout": (3, 4), "FeatureAlphaDropout": (2, 3, 4)}.items():
    row(name, [0.3], [t(*shape)])
row("Dropout", [], [t(3, 4)], dict(p=0.0), train=True, note="p 0")
row("Dropout", [], [t(3, 4)], dict(p=1.0), train=True, note="p 1")
# recurrent
for name in ["RNN", "GRU", "LSTM"]:
    state = lambda *shape: [[t(*shape), t(*shape)]] if name == "LSTM" else [t(*shape)]
    row(name, [3, 4], [t(5, 2, 3)])
    row(name, [3, 4, 2], [t(2, 5, 3)], dict(batch_first=True, bidirectional=True))
    row(name, [3, 4], [t(5, 3)], note="no batch")
    row(name, [3, 4], [t(5, 2, 3), *state(1, 2, 4)], dict(bias=False), note="state")
    row(name, [3, 4], [t(5, 3), *state(1, 4)], note="state, no batch")
row("RNN", [3, 4], [t(5, 2, 3)], dict(nonlinearity="relu"))
row("LSTM", [3, 4, 2], [t(5, 2, 3)], dict(proj_size=2, bidirectional=True, dropout=0.1))
for name in ["RNNCell", "GRUCell", "LSTMCell"]:
    row(name, [3, 4], [t(2, 3)])
    row(name, [3, 4], [t(3)], dict(bias=False), note="no batch")
    row(name, [3, 4], [t(2, 3), [t(2, 4), t(2, 4)] if name == "LSTMCell" else t(2, 4)], note="state")
row("RNNCell", [3, 4], [t(2, 3)], dict(nonlinearity="relu"))
# attention
x, y = t(2, 5, 8), t(2, 6, 8)
same = [x, "$same", "$same"]
row("MultiheadAttention", [8, 2], same)
row("MultiheadAttention", [8, 2], same, dict(batch_first=True))
row("MultiheadAttention", [8, 2], same, dict(batch_first=True), dict(need_weights=False))
row("MultiheadAttention", [8, 2], same, dict(batch_first=True, bias=False), dict(average_attn_weights=False))
row("MultiheadAttention", [8, 2], [t(5, 8), t(6, 8), "$same"], note="no batch")
row("MultiheadAttention", [8, 2], [t(5, 8), t(6, 8), "$same"], call=dict(key_padding_mask=t(6, kind="bool"), need_weights=False), note="no batch, mask")
row("MultiheadAttention", [8, 2], [x, y, "$same"], dict(batch_first=True))
row("MultiheadAttention", [8, 2], [x, y, t(2, 6, 8)], dict(batch_first=True))
row("MultiheadAttention", [8, 2], [x, y, "$same"], dict(batch_first=True, add_bias_kv=True, add_zero_attn=True), dict(key_padding_mask=t(2, 6, kind="bool"), attn_mask=t(5, 6, kind="bool")))
row("MultiheadAttention", [8, 2], [x, y, "$same"], dict(batch_first=True), dict(attn_mask=t(4, 5, 6), need_weights=False))
row("MultiheadAttention", [8, 2], [x, y, "$same"], dict(batch_first=True), dict(attn_mask=t(5, 6), need_weights=False))
row("MultiheadAttention", [8, 2], [x, y, "$same"], dict(batch_first=True), dict(key_padding_mask=t(2, 6, kind="bool"), attn_mask=t(5, 6), need_weights=False))
row("MultiheadAttention", [8, 2], [x, t(2, 6, 4), t(2, 6, 3)], dict(batch_first=True, kdim=4, vdim=3))
row("TransformerEncoderLayer", [8, 2], [x], dict(dim_feedforward=12, batch_first=True))
row("TransformerEncoderLayer", [8, 2, 12], [t(5, 2, 8)])
row("TransformerEncoderLayer", [8, 2, 12], [x], dict(batch_first=True, norm_first=True, activation="gelu", bias=False))
row("TransformerEncoderLayer", [8, 2, 12], [x], dict(batch_first=True), dict(src_mask={"$causal": 5}, is_causal=True))
row("TransformerEncoderLayer", [8, 2, 12], [x], dict(batch_first=True), dict(src_mask=t(5, 5, kind="bool-eye"), src_key_padding_mask=t(2, 5, kind="bool-head")))
row("TransformerEncoderLayer", [8, 2, 12], [t(5, 8)], note="no batch")
row("TransformerDecoderLayer", [8, 2, 12], [x, y], dict(batch_first=True))
row("TransformerDecoderLayer", [8, 2, 12], [x, y], dict(batch_first=True, norm_first=True, activation="gelu"), dict(tgt_mask={"$causal": 5}, memory_key_padding_mask=t(2, 6, kind="bool-head")))
enc = module("TransformerEncoderLayer", 8, 2, 12, batch_first=True)
dec = module("TransformerDecoderLayer", 8, 2, 12, batch_first=True)
row("TransformerEncoder", [enc, 2], [x])
row("TransformerEncoder", [enc, 2, module("LayerNorm", 8)], [x], call=dict(src_key_padding_mask=t(2, 5, kind="bool-head")))
row("TransformerEncoder", [enc, 2], [x], call=dict(mask={"$causal": 5}))
row("TransformerDecoder", [dec, 2, module("LayerNorm", 8)], [x, y], call=dict(tgt_mask={"$causal": 5}))
row("Transformer", [8, 2], [x, y], dict(num_encoder_layers=1, num_decoder_layers=2, dim_feedforward=12, batch_first=True))
row("Transformer", [8, 2], [t(5, 2, 8), t(6, 2, 8)], dict(num_encoder_layers=2, num_decoder_layers=1, dim_feedforward=12), dict(tgt_mask={"$causal": 6}))
# images
row("Upsample", [], [t(1, 2, 3, 4)], dict(scale_factor=2.0))
row("Upsample", [], [t(1, 2, 4)], dict(size=6, mode="linear"))
row("Upsample", [], [t(1, 2, 3, 4)], dict(size=[5, 6], mode="bilinear", align_corners=True))
row("Upsample", [], [t(1, 2, 3, 4)], dict(scale_factor=[2.0, 1.5], mode="bicubic", align_corners=False))
row("Upsample", [], [t(1, 1, 2, 3, 3)], dict(scale_factor=2.0, mode="trilinear"))
row("Upsample", [], [t(1, 2, 3, 4)], dict(size=[5, 6], mode="nearest-exact"))
row("Upsample", [], [t(1, 2, 3, 4)], dict(scale_factor=1.7, mode="nearest", recompute_scale_factor=True))
row("UpsamplingNearest2d", [], [t(1, 2, 3, 4)], dict(scale_factor=2.0))
row("UpsamplingBilinear2d", [], [t(1, 2, 3, 4)], dict(size=[5, 6]))
row("PixelShuffle", [2], [t(1, 8, 2, 3)])
row("PixelUnshuffle", [2], [t(1, 2, 4, 6)])
row("ChannelShuffle", [2], [t(1, 4, 2, 2)])
# padding
for n, shape, padding in [(1, (2, 3, 4), [1, 2]), (2, (1, 2, 4, 5), [1, 2, 0, 1]), (3, (1, 1, 3, 4, 5), [1, 2, 0, 1, 1, 1])]:
    for kind in ["Zero", "Reflection", "Replication", "Circular"]:
        row(f"{kind}Pad{n}d", [padding], [t(*shape)])
        row(f"{kind}Pad{n}d", [1], [t(*shape)])
    row(f"ConstantPad{n}d", [padding, 1.5], [t(*shape)])
row("ConstantPad1d", [[-1, 1], 0.5], [t(2, 4)])
# distance
row("CosineSimilarity", [], [t(3, 4), t(3, 4)])
row("CosineSimilarity", [0], [t(3, 4), t(3, 4)], dict(eps=1e-6))
row("PairwiseDistance", [], [t(3, 4), t(3, 4)])
row("PairwiseDistance", [1.0], [t(3, 4), t(3, 4)], dict(keepdim=True))
# losses
for reduction in ["mean", "sum", "none"]:
    for name in ["L1Loss", "MSELoss", "SmoothL1Loss", "HuberLoss"]:
        row(name, [], [t(2, 3), t(2, 3)], dict(reduction=reduction))
    row("CrossEntropyLoss", [], [t(3, 4), ints(4, 3)], dict(reduction=reduction))
    row("NLLLoss", [], [t(3, 4), ints(4, 3)], dict(reduction=reduction))
    row("KLDivLoss", [], [t(3, 4), t(3, 4, kind="unit")], dict(reduction=reduction))
    row("BCELoss", [], [t(3, 4, kind="unit"), t(3, 4, kind="unit")], dict(reduction=reduction))
    row("BCEWithLogitsLoss", [], [t(3, 4), t(3, 4, kind="unit")], dict(reduction=reduction))
    row("PoissonNLLLoss", [], [t(3, 4), t(3, 4, kind="unit")], dict(reduction=reduction))
    row("GaussianNLLLoss", [], [t(3, 4), t(3, 4), t(3, 4, kind="unit")], dict(reduction=reduction))
    row("SoftMarginLoss", [], [t(3, 4), t(3, 4, kind="sign")], dict(reduction=reduction))
    row("HingeEmbeddingLoss", [], [t(3, 4), t(3, 4, kind="sign")], dict(reduction=reduction))
    row("MultiLabelMarginLoss", [], [t(3, 4), {"$ints": [[3, 0, -1, 1], [1, -1, 0, 0], [2, 0, 1, 3]]}], dict(reduction=reduction))
    row("MultiLabelSoftMarginLoss", [], [t(3, 4), ints(2, 3, 4)], dict(reduction=reduction))
    row("MultiMarginLoss", [], [t(3, 4), ints(4, 3)], dict(reduction=reduction))
    row("CosineEmbeddingLoss", [], [t(3, 4), t(3, 4), t(3, kind="sign")], dict(reduction=reduction))
    row("MarginRankingLoss", [], [t(3), t(3), t(3, kind="sign")], dict(reduction=reduction))
    row("TripletMarginLoss", [], [t(3, 4), t(3, 4), t(3, 4)], dict(reduction=reduction))
    row("TripletMarginWithDistanceLoss", [], [t(3, 4), t(3, 4), t(3, 4)], dict(reduction=reduction))
    row("CTCLoss", [], [t(6, 2, 4), {"$ints": [[1, 2, 3], [2, 2, 1]]}, {"$ints": [6, 5]}, {"$ints": [3, 2]}], dict(reduction=reduction))
row("SmoothL1Loss", [], [t(2, 3), t(2, 3)], dict(beta=0.5))
row("HuberLoss", [], [t(2, 3), t(2, 3)], dict(delta=0.5))
row("CrossEntropyLoss", [], [t(2, 4, 3), ints(4, 2, 3)], dict(weight=t(4, kind="unit"), ignore_index=1, label_smoothing=0.1))
row("CrossEntropyLoss", [], [t(3, 4), t(3, 4, kind="unit")], note="probabilities")
row("NLLLoss", [], [t(2, 4, 3), ints(4, 2, 3)], dict(weight=t(4, kind="unit"), ignore_index=2))
row("KLDivLoss", [], [t(3, 4), t(3, 4)], dict(reduction="batchmean", log_target=True))
row("BCELoss", [], [t(3, 4, kind="unit"), t(3, 4, kind="unit")], dict(weight=t(4, kind="unit")))
row("BCEWithLogitsLoss", [], [t(3, 4), t(3, 4, kind="unit")], dict(weight=t(4, kind="unit"), pos_weight=t(4, kind="unit")))
row("PoissonNLLLoss", [], [t(3, 4, kind="unit"), t(3, 4, kind="unit")], dict(log_input=False, full=True))
row("GaussianNLLLoss", [], [t(3, 4), t(3, 4), t(3, 1, kind="unit")], dict(full=True))
row("MultiMarginLoss", [], [t(3, 4), ints(4, 3)], dict(p=2, margin=0.5, weight=t(4, kind="unit")))
row("MultiLabelSoftMarginLoss", [], [t(3, 4), ints(2, 3, 4)], dict(weight=t(4, kind="unit")))
row("HingeEmbeddingLoss", [], [t(3, 4), t(3, 4, kind="sign")], dict(margin=0.5))
row("CosineEmbeddingLoss", [], [t(3, 4), t(3, 4), t(3, kind="sign")], dict(margin=0.25))
row("MarginRankingLoss", [], [t(3), t(3), t(3, kind="sign")], dict(margin=0.25))
row("TripletMarginLoss", [], [t(3, 4), t(3, 4), t(3, 4)], dict(p=1.0, swap=True, margin=0.5))
row("TripletMarginWithDistanceLoss", [], [t(3, 4), t(3, 4), t(3, 4)], dict(swap=True, margin=0.5))
row("CTCLoss", [], [t(4, 2, 4), {"$ints": [[1, 2, 3], [2, 2, 2]]}, {"$ints": [4, 4]}, {"$ints": [3, 3]}], dict(blank=0, zero_infinity=True), note="impossible")


def special(name, spec):
    """Kinds of inputs that depend on the position."""
    shape, kind = spec["shape"], spec["kind"]
    count = int(np.prod(shape))
    if kind == "even":
        return (torch.arange(count) % int(np.prod(shape[2:])) * 2).reshape(shape)
    if kind == "bool-eye":
        return torch.eye(shape[0]).roll(1, 0).bool()
    if kind == "bool-head":
        return (torch.arange(count) % shape[-1] > shape[-1] - 2 - torch.arange(count) // shape[-1]).reshape(shape)
    return None


def make(value, path, last=None):
    if value == "$same":
        return last
    if isinstance(value, dict) and "$tensor" in value:
        spec = value["$tensor"]
        if spec.get("kind") in ("even", "bool-eye", "bool-head"):
            return special(path, spec)
        return values(path, spec["shape"], spec.get("kind", "plain"), spec.get("below", 2))
    if isinstance(value, dict) and "$ints" in value:
        return torch.tensor(value["$ints"])
    if isinstance(value, dict) and "$causal" in value:
        return torch.nn.Transformer.generate_square_subsequent_mask(value["$causal"])
    if isinstance(value, dict) and "$module" in value:
        layer, args, options = value["$module"]
        return getattr(torch.nn, layer)(*args, **options)
    if isinstance(value, list):
        return tuple(make(v, f"{path}.{i}") for i, v in enumerate(value))
    return value


def inputs_of(name, specs):
    made = []
    for i, spec in enumerate(specs):
        made.append(make(spec, f"{name}.{i}", made[-1] if made else None))
    return made


def number(x):
    if isinstance(x, bool) or isinstance(x, int):
        return x
    if x != x:
        return "nan"
    if x in (float("inf"), float("-inf")):
        return "inf" if x > 0 else "-inf"
    short = float(f"{x:.7g}")
    return int(short) if short == int(short) and abs(short) < 1e6 else short


def recorded(tensor):
    return {"shape": list(tensor.shape), "dtype": str(tensor.dtype).replace("torch.", ""), "values": [number(x) for x in tensor.detach().flatten().tolist()]}


def leaves(result):
    return [x for x in torch.utils._pytree.tree_leaves(result) if isinstance(x, torch.Tensor)]


def operators(layer, inputs, call):
    """What torch.export records in evaluation, in order."""
    program = torch.export.export(layer, tuple(inputs), call or None, strict=False)
    return [str(n.target) for n in program.graph.nodes if n.op == "call_function" and "getitem" not in str(n.target)]


def record(spec):
    counts = record.counts
    counts[spec["layer"]] = counts.get(spec["layer"], 0) + 1
    name = f"{spec['layer']}_{counts[spec['layer']]}"
    options = {k: make(v, f"{name}.{k}") for k, v in spec["options"].items()}
    if "dtype" in options:
        options["dtype"] = getattr(torch, options["dtype"])
    args = [make(a, f"{name}.args") for a in spec["args"]]
    if spec["layer"] in ("LayerNorm", "RMSNorm"):
        args = [list(a) if isinstance(a, tuple) else a for a in args]
    layer = fill(getattr(torch.nn, spec["layer"])(*args, **options)).train(spec["train"])
    inputs = inputs_of(name, spec["inputs"])
    if spec["layer"] == "EmbeddingBag" and len(inputs) > 1 and isinstance(inputs[1], tuple):
        inputs[1] = torch.tensor(inputs[1])
    if spec["dtype"]:
        inputs = [x.to(getattr(torch, spec["dtype"])) for x in inputs]
    call = {k: make(v, f"{name}.{k}") for k, v in spec["call"].items()}
    out = {"name": name, "layer": spec["layer"], "args": spec["args"], "options": spec["options"], "inputs": spec["inputs"]}
    if spec["call"]:
        out["call"] = spec["call"]
    if spec["note"]:
        out["note"] = spec["note"]
    if spec["train"]:
        out["train"] = True
    out["repr"] = repr(layer)
    out["state"] = {k: list(v.shape) for k, v in layer.state_dict().items()}
    clone = lambda x: torch.utils._pytree.tree_map(lambda v: v.clone() if isinstance(v, torch.Tensor) else v, x)
    same = [i for i, s in enumerate(spec["inputs"]) if s == "$same"]

    def fresh():
        made = list(clone(inputs))
        for i in same:
            made[i] = made[i - 1]
        return made

    if not spec["train"]:
        try:
            out["ops"] = operators(layer, fresh(), call)
        except Exception as error:
            out["unexportable"] = f"{type(error).__name__}: {str(error).splitlines()[0]}"[:100]
    # Gradients are recorded, so that layers take the way that an export takes.
    out["outputs"] = [recorded(x) for x in leaves(layer(*fresh(), **call))]
    if spec["train"]:
        out["after"] = {k: recorded(v) for k, v in layer.named_buffers()}
    return out


record.counts = {}

if __name__ == "__main__":
    torch.manual_seed(0)
    import warnings

    warnings.simplefilter("ignore")
    rows = [record(spec) for spec in ROWS]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("[\n" + ",\n".join(json.dumps(r, separators=(",", ":")) for r in rows) + "\n]\n")
    for r in rows:
        if "unexportable" in r:
            print(r["name"], r["unexportable"])
    print(len(rows), "rows", OUT.stat().st_size, "bytes")
