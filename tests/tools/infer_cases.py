"""Writes tests/fixtures/infer_cases.json: what the Python package `onnx` infers for models of one node.

    pip install onnx==1.23.2
    python tests/tools/infer_cases.py

A case is [operator, attributes, inputs, outputs, first operator set, last operator set]. Inputs and outputs are texts:
`f[N,3]` is a float32 tensor, `l{1,2}` a constant list, `l(3)` a constant scalar, `-` an absent input, `?` what onnx does
not tell. Letters of sizes stand for the numbers in SIZES, at which the outputs are inferred; each case also holds with the
letters as symbols. Float attributes are written {"f": 0.5} or {"fs": [0.5]}. Only models that onnx's checker takes are kept.
"""

import json
import pathlib
import re

import onnx
from onnx import TensorProto, checker, helper, shape_inference

TARGET = pathlib.Path(__file__).parents[1] / "fixtures" / "infer_cases.json"
OPSETS = range(18, 24)
SIZES = {"N": 6, "C": 8, "H": 14, "W": 10, "S": 5, "T": 12}
DTYPES = {
    "f": TensorProto.FLOAT,
    "d": TensorProto.DOUBLE,
    "h": TensorProto.FLOAT16,
    "g": TensorProto.BFLOAT16,
    "i": TensorProto.INT32,
    "l": TensorProto.INT64,
    "b": TensorProto.BOOL,
    "u": TensorProto.UINT8,
    "c": TensorProto.INT8,
    "v": TensorProto.UINT32,
}
LETTERS = {code: letter for letter, code in DTYPES.items()}


def elementwise():
    for op in (
        "Abs Acos Acosh Asin Asinh Atan Atanh Ceil Celu Cos Cosh Elu Erf Exp Floor Gelu HardSigmoid HardSwish Hardmax Identity "
        "LeakyRelu Log LogSoftmax LpNormalization Mish Neg Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softmax "
        "Softplus Softsign Sqrt Tan Tanh ThresholdedRelu"
    ).split():
        yield op, {}, "f[N,3,S]"
    for op in "Add Div Max Mean Min Mul Pow Sub Sum PRelu".split():
        yield op, {}, "f[N,3,S] f[3,1]"
    for op in "Add Mod Max Mul".split():
        yield op, {}, "l[N,1,4] l[1,S,1]"
    yield "Sum", {}, "f[N,1] f[1,S] f[1]"
    yield "Pow", {}, "f[N,S] l[]"
    for op in "And Or Xor".split():
        yield op, {}, "b[N,1] b[S]"
    for op in "Equal Greater GreaterOrEqual Less LessOrEqual".split():
        yield op, {}, "f[N,1] f[S]"
    for op in "BitwiseAnd BitwiseOr BitwiseXor".split():
        yield op, {}, "i[N,S] i[1]"
    yield "BitShift", {"direction": "LEFT"}, "u[N,S] u[S]"
    yield "BitwiseNot", {}, "i[N]"
    yield "Not", {}, "b[N,2]"
    yield "Mod", {"fmod": 1}, "f[N] f[N]"
    yield "Clip", {}, "f[N,2] f(0) f(6)"
    yield "IsInf", {}, "f[N,2]"
    yield "IsNaN", {}, "f[N,2]"
    yield "Cast", {"to": 7}, "f[N,2]"
    yield "Cast", {"to": 16}, "d[N,2]"
    yield "CastLike", {}, "f[N,2] h[1]"
    yield "Where", {}, "b[N,1,1] f[3,1] f[S]"
    yield "Dropout", {}, "f[N,3]"
    yield "Dropout", {"outputs": 2}, "f[N,3] f(0.5) b(1)"
    yield "CumSum", {"exclusive": 1}, "f[N,3] l(1)"
    yield "LRN", {"size": 3}, "f[N,C,H,W]"
    yield "MeanVarianceNormalization", {"axes": [0, 2, 3]}, "f[N,C,H,W]"
    yield "Trilu", {"upper": 0}, "f[N,S,S] l(1)"
    yield "ReverseSequence", {}, "f[S,N,3] l[N]"
    yield "InstanceNormalization", {}, "f[N,C,H] f[C] f[C]"
    yield "GroupNormalization", {"num_groups": 2}, "f[N,4,H] f[4] f[4]"
    yield "RMSNormalization", {}, "f[N,S,8] f[8]"
    yield "LayerNormalization", {"outputs": 3}, "f[N,S,8] f[8]"
    yield "LayerNormalization", {"outputs": 3, "axis": 1}, "h[N,S,8] h[S,8] h[S,8]"
    yield "BatchNormalization", {}, "f[N,C,H,W] f[C] f[C] f[C] f[C]"
    yield "BatchNormalization", {"training_mode": 1, "outputs": 3}, "f[N,C,H,W] f[C] f[C] f[C] f[C]"
    yield "Bernoulli", {}, "f[N,3]"
    yield "Bernoulli", {"dtype": 9}, "f[N,3]"
    yield "EyeLike", {}, "f[N,3]"
    yield "EyeLike", {"dtype": 7, "k": 1}, "f[N,3]"
    yield "RandomNormalLike", {}, "f[N,3]"
    yield "RandomUniformLike", {"dtype": 11}, "f[N,3]"
    yield "RotaryEmbedding", {}, "f[N,4,S,8] f[16,4] f[16,4] l[N,S]"


def layout():
    yield "Shape", {}, "f[N,3,S]"
    yield "Shape", {"start": 1}, "f[N,3,S]"
    yield "Shape", {"start": -2, "end": -1}, "f[N,3,S]"
    yield "Shape", {"start": 2, "end": 1}, "f[N,3,S]"
    yield "Shape", {"end": 9}, "f[]"
    yield "Size", {}, "f[N,3,S]"
    yield "Reshape", {}, "f[N,3,S] l{-1}"
    yield "Reshape", {}, "f[N,3,S] l{0,-1}"
    yield "Reshape", {}, "f[N,3,4] l{0,2,6}"
    yield "Reshape", {}, "f[N,12,S] l{0,3,-1}"
    yield "Reshape", {}, "f[N,12,S] l{-1,3,2}"
    yield "Reshape", {}, "f[T,3] l{2,-1,3}"
    yield "Reshape", {"allowzero": 1}, "f[0,3] l{3,0}"
    yield "Reshape", {}, "f[1,1] l{}"
    yield "Reshape", {}, "f[N,S] l[3]"
    yield "Expand", {}, "f[3,1] l{2,1,6}"
    yield "Expand", {}, "f[N,1] l{1,4}"
    yield "Expand", {}, "f[3,1] l[3]"
    yield "Tile", {}, "f[N,3] l{2,3}"
    yield "Tile", {}, "f[N,3] l[2]"
    yield "Transpose", {}, "f[N,3,S]"
    yield "Transpose", {"perm": [1, 2, 0]}, "f[N,3,S]"
    yield "Squeeze", {}, "f[1,3,1]"
    yield "Squeeze", {}, "f[1,N,1,S] l{0,-2}"
    yield "Unsqueeze", {}, "f[N,S] l{0,-1}"
    yield "Unsqueeze", {}, "f[] l{0,1}"
    yield "Unsqueeze", {}, "f[N,S] l{3,1}"
    for axis in (0, 1, -1, 3):
        yield "Flatten", {"axis": axis}, "f[N,3,S]"
    yield "Concat", {"axis": 1}, "f[N,3] f[N,S] f[N,1]"
    yield "Concat", {"axis": -2}, "f[N,3] f[S,3]"
    yield "Split", {"outputs": 2, "axis": 1}, "f[N,6] l{2,4}"
    yield "Split", {"outputs": 3, "num_outputs": 3}, "f[T,2]"
    yield "Split", {"outputs": 3, "num_outputs": 3}, "f[8,2]"
    yield "Split", {"outputs": 3, "num_outputs": 3, "axis": -1}, "f[2,T]"
    yield "Slice", {}, "f[N,S] l{1} l{3}"
    yield "Slice", {}, "f[N,10] l{1} l{9223372036854775807} l{1} l{3}"
    yield "Slice", {}, "f[T,10] l{-4,2} l{-1,100} l{0,-1} l{1,2}"
    yield "Slice", {}, "f[N,10] l{-1} l{-9223372036854775808} l{1} l{-1}"
    yield "Slice", {}, "f[N,10] l{8} l{-9} l{1} l{-2}"
    yield "Slice", {}, "f[N,10] l{20} l{0} l{1} l{-3}"
    yield "Slice", {}, "f[T,S] l{-1} l{-9223372036854775808} l{0} l{-1}"
    yield "Slice", {}, "f[T,S] l{100} l{200} l{0}"
    yield "Slice", {}, "f[T,S] l{3} l{-3} l{0} l{2}"
    yield "Slice", {}, "f[T,S] i{0,1} i{7,2} i{0,1}"
    yield "Slice", {}, "f[T,S] l[1] l[1] l{0}"
    yield "Pad", {}, "f[N,3,S] l{0,1,2,0,1,3}"
    yield "Pad", {}, "f[N,3,S] l{1,-1} f(0) l{-1}"
    yield "Pad", {"mode": "reflect"}, "f[N,3,S] l[6]"
    yield "CenterCropPad", {}, "f[10,7,3] l{5,9,3}"
    yield "CenterCropPad", {"axes": [1, -1]}, "f[N,7,3] l{9,1}"
    yield "DepthToSpace", {"blocksize": 2}, "f[N,C,H,W]"
    yield "DepthToSpace", {"blocksize": 2, "mode": "CRD"}, "f[N,16,H,W]"
    yield "SpaceToDepth", {"blocksize": 2}, "f[N,3,H,W]"
    yield "Col2Im", {}, "f[N,12,9] l{5,5} l{2,2}"
    yield "ConstantOfShape", {}, "l{2,3}"
    yield "ConstantOfShape", {}, "l[3]"
    yield "Range", {}, "l(2) l(11) l(3)"
    yield "Range", {}, "f(0) f(1.05) f(0.1)"
    yield "Range", {}, "i(9) i(0) i(-2)"
    yield "Range", {}, "l(5) l(1) l(1)"
    yield "Range", {}, "l[] l[] l(1)"
    yield "Resize", {}, "f[N,3,H,W] - f{1,1,2,2}"
    yield "Resize", {}, "f[N,3,H,W] - f{1,1,0.5,1.5}"
    yield "Resize", {}, "f[N,3,9,11] - f{1,1,0.3,1.7}"
    yield "Resize", {}, "f[N,3,H,W] - - l{6,3,7,9}"
    yield "Resize", {"axes": [2, 3]}, "f[N,3,H,W] - - l{7,9}"
    yield "Resize", {"axes": [3, 2]}, "f[N,3,H,W] - f{2,3}"
    yield "Resize", {"axes": [2, 3], "keep_aspect_ratio_policy": "not_larger"}, "f[1,3,9,11] - - l{20,20}"
    yield "Resize", {"axes": [2, 3], "keep_aspect_ratio_policy": "not_smaller"}, "f[1,3,9,11] - - l{20,20}"
    yield "RandomNormal", {"shape": [2, 3]}, ""
    yield "RandomUniform", {"shape": [2, 3], "dtype": 11}, ""
    yield "Constant", {"value_ints": [1, 2, 3]}, ""
    yield "Constant", {"value_float": {"f": 0.5}}, ""
    yield "Constant", {"value_int": 3}, ""
    yield "Constant", {"value_floats": {"fs": [0.5, 2.0]}}, ""


def algebra():
    for a, b in [
        ("f[N,3]", "f[3,S]"),
        ("f[3]", "f[3,S]"),
        ("f[N,3]", "f[3]"),
        ("f[3]", "f[3]"),
        ("f[N,1,2,3]", "f[S,3,4]"),
        ("f[2,3]", "f[N,3,S]"),
    ]:
        yield "MatMul", {}, f"{a} {b}"
    yield "MatMulInteger", {}, "u[N,3] c[3,S] u(1) c(0)"
    yield "QLinearMatMul", {}, "u[N,3] f(1) u(0) c[3,S] f(1) c(0) f(1) c(0)"
    yield "Gemm", {}, "f[N,3] f[3,S] f[S]"
    yield "Gemm", {"transA": 1, "transB": 1}, "f[3,N] f[S,3]"
    for equation, inputs in [
        ("ij,jk->ik", "f[N,3] f[3,S]"),
        ("bhid,bhjd->bhij", "f[N,2,S,4] f[N,2,T,4]"),
        ("ij,jk", "f[N,3] f[3,S]"),
        ("...ij,...jk->...ik", "f[N,1,2,3] f[1,S,3,4]"),
        ("ii->i", "f[N,N]"),
        ("ij->", "f[N,S]"),
        ("i,j->ij", "f[N] f[S]"),
        (" ... i j -> ... j i ", "f[N,S,3]"),
        ("ba", "f[N,S]"),
    ]:
        yield "Einsum", {"equation": equation}, inputs
    for op in "L1 L2 LogSum LogSumExp Max Mean Min Prod Sum SumSquare".split():
        yield "Reduce" + op, {}, "f[N,3,S] l{1}"
        yield "Reduce" + op, {"keepdims": 0}, "f[N,3,S] l{0,-1}"
    yield "ReduceSum", {}, "f[N,3,S]"
    yield "ReduceSum", {"keepdims": 0}, "f[N,3,S]"
    yield "ReduceSum", {"noop_with_empty_axes": 1}, "f[N,3,S]"
    yield "ReduceMean", {"noop_with_empty_axes": 1}, "f[N,3,S] l{}"
    yield "ReduceMax", {"keepdims": 0}, "f[N,3,S] l[1]"
    yield "ReduceMax", {}, "f[N,3,S] l[1]"
    yield "ArgMax", {"axis": -1}, "f[N,3,S]"
    yield "ArgMin", {"axis": 0, "keepdims": 0}, "f[N,3,S]"
    yield "Det", {}, "f[N,2,3,3]"
    yield "Det", {}, "f[3,3]"
    yield "QuantizeLinear", {}, "f[N,3] f(0.5) c(0)"
    yield "QuantizeLinear", {}, "f[N,3] f(0.5)"
    yield "QuantizeLinear", {"output_dtype": 3}, "f[N,3] f(0.5)"
    yield "DequantizeLinear", {}, "u[N,3] f(0.5) u(0)"
    yield "DequantizeLinear", {"axis": 1}, "c[N,3] h[3]"
    yield "DynamicQuantizeLinear", {"outputs": 3}, "f[N,3]"
    for op, outputs, gates in [("LSTM", 3, 4), ("GRU", 2, 3), ("RNN", 2, 1)]:
        yield op, {"hidden_size": 4, "outputs": outputs}, f"f[S,N,3] f[1,{4 * gates},3] f[1,{4 * gates},4]"
        attributes = {"hidden_size": 4, "direction": "bidirectional", "outputs": outputs}
        if op == "RNN":
            attributes["activations"] = ["Tanh", "Tanh"]
        yield op, attributes, f"f[S,N,3] f[2,{4 * gates},3] f[2,{4 * gates},4]"
        yield op, {"hidden_size": 4, "layout": 1, "outputs": outputs}, f"f[N,S,3] f[1,{4 * gates},3] f[1,{4 * gates},4]"
    yield "Attention", {}, "f[N,4,S,8] f[N,4,T,8] f[N,4,T,6]"
    yield "Attention", {"q_num_heads": 4, "kv_num_heads": 2}, "f[N,S,32] f[N,T,16] f[N,T,12]"
    yield "Attention", {"outputs": 3}, "f[N,4,S,8] f[N,4,S,8] f[N,4,S,6] - f[N,4,T,8] f[N,4,T,6]"
    yield "Attention", {"outputs": 4}, "f[N,4,S,8] f[N,4,S,8] f[N,4,S,6] b[S,17] f[N,4,T,8] f[N,4,T,6]"


def index():
    yield "Gather", {}, "f[N,3,S] l[2,4]"
    yield "Gather", {"axis": -1}, "f[N,3,S] l(0)"
    yield "Gather", {"axis": 1}, "f[N,3,S] l{-3,2}"
    yield "GatherElements", {"axis": 1}, "f[N,3] l[N,S]"
    yield "GatherND", {}, "f[N,3,S] l[4,2]"
    yield "GatherND", {"batch_dims": 1}, "f[N,3,S] l[N,4,1]"
    yield "ScatterElements", {"axis": 1}, "f[N,3] l[N,1] f[N,1]"
    yield "ScatterND", {"reduction": "add"}, "f[N,3] l[S,1] f[S,3]"
    yield "OneHot", {}, "l[N,S] l(5) f[2]"
    yield "OneHot", {"axis": 0}, "l[N,S] l[] b[2]"
    yield "OneHot", {"axis": 1}, "l[N,S] i(7) l[2]"
    yield "TopK", {"outputs": 2}, "f[N,10] l{3}"
    yield "TopK", {"outputs": 2, "axis": 0}, "f[9,S] l[1]"
    yield "NonZero", {}, "f[N,3]"
    yield "Compress", {}, "f[N,3] b[S]"
    yield "Compress", {"axis": 1}, "f[N,3] b{1,0,1}"
    yield "Unique", {"outputs": 4}, "f[N,3]"
    yield "Unique", {"outputs": 4, "axis": 1}, "f[N,3]"
    yield "NonMaxSuppression", {}, "f[1,10,4] f[1,3,10]"
    yield "Multinomial", {"sample_size": 5}, "f[N,3]"
    yield "Multinomial", {"sample_size": 5, "dtype": 7}, "f[N,3]"
    yield "TfIdfVectorizer", {
        "max_gram_length": 1, "max_skip_count": 0, "min_gram_length": 1, "mode": "TF",
        "ngram_counts": [0], "ngram_indexes": [0, 1, 5], "pool_int64s": [2, 3, 4],
    }, "l[N,S]"
    for reduction in ("none", "mean"):
        yield "NegativeLogLikelihoodLoss", {"reduction": reduction}, "f[N,3,S] l[N,S]"
        yield "SoftmaxCrossEntropyLoss", {"reduction": reduction, "outputs": 2}, "f[N,3,S] l[N,S]"
    yield "MelWeightMatrix", {}, "l(8) l(16) l(8000) f(0) f(4000)"
    yield "HannWindow", {}, "l(10)"
    yield "HammingWindow", {"output_datatype": 11}, "i(10)"
    yield "BlackmanWindow", {}, "l[]"
    yield "AffineGrid", {}, "f[N,2,3] l{6,3,5,7}"
    yield "AffineGrid", {"align_corners": 1}, "f[N,3,4] l{6,3,5,7,9}"
    yield "GridSample", {}, "f[N,C,H,W] f[N,5,7,2]"
    yield "GridSample", {}, "f[N,C,4,H,W] f[N,5,7,9,3]"
    yield "RoiAlign", {"output_height": 3, "output_width": 4}, "f[N,C,H,W] f[S,4] l[S]"
    yield "MaxRoiPool", {"pooled_shape": [2, 3]}, "f[N,C,H,W] f[S,5]"


def window():
    yield "Conv", {}, "f[N,3,H,W] f[8,3,3,3] f[8]"
    yield "Conv", {"strides": [2, 2], "pads": [1, 1, 1, 1]}, "f[N,3,H,W] f[8,3,3,3]"
    yield "Conv", {"dilations": [2], "kernel_shape": [3], "group": 2}, "f[N,8,T] f[6,4,3]"
    yield "Conv", {"auto_pad": "SAME_UPPER", "strides": [2, 3]}, "f[N,3,H,W] f[8,3,3,3]"
    yield "Conv", {"auto_pad": "VALID"}, "f[N,3,H,W] f[8,3,5,5]"
    yield "Conv", {"pads": [0, 1, 2, 3, 4, 5]}, "f[N,3,H,W,T] f[8,3,3,3,3]"
    yield "DeformConv", {"pads": [1, 1, 1, 1]}, "f[N,3,H,W] f[8,3,3,3] f[N,18,H,W]"
    yield "ConvInteger", {}, "u[N,3,H,W] c[8,3,3,3]"
    yield "QLinearConv", {"strides": [2, 2]}, "u[N,3,H,W] f(1) u(0) c[8,3,3,3] f(1) c(0) f(1) u(0)"
    yield "ConvTranspose", {}, "f[N,3,H,W] f[3,8,3,3]"
    yield "ConvTranspose", {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}, "f[N,3,H,W] f[3,8,3,3]"
    yield "ConvTranspose", {"group": 2, "dilations": [2]}, "f[N,8,T] f[8,3,3]"
    yield "ConvTranspose", {"auto_pad": "SAME_LOWER", "strides": [2, 2]}, "f[N,3,H,W] f[3,8,3,3]"
    yield "ConvTranspose", {"output_shape": [30, 21], "strides": [2, 2]}, "f[N,3,H,W] f[3,8,3,3]"
    for op in ("MaxPool", "AveragePool", "LpPool"):
        yield op, {"kernel_shape": [2, 2], "strides": [2, 2]}, "f[N,C,H,W]"
        yield op, {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}, "f[N,C,H,W]"
        yield op, {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}, "f[N,C,H,W]"
        yield op, {"kernel_shape": [2], "strides": [3], "ceil_mode": 1}, "f[N,C,10]"
        yield op, {"kernel_shape": [3, 3], "dilations": [2, 2]}, "f[N,C,H,W]"
        yield op, {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER", "strides": [2, 2]}, "f[N,C,H,W]"
        yield op, {"kernel_shape": [3, 3], "auto_pad": "VALID", "strides": [2, 2]}, "f[N,C,H,W]"
    yield "MaxPool", {"kernel_shape": [2], "outputs": 2}, "f[N,C,T]"
    for op in ("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"):
        yield op, {}, "f[N,C,H,W]"
    yield "MaxUnpool", {"kernel_shape": [2, 2], "strides": [2, 2]}, "f[N,C,H,W] l[N,C,H,W]"
    yield "MaxUnpool", {"kernel_shape": [2, 2], "strides": [2, 2]}, "f[1,1,2,2] l[1,1,2,2] l{1,1,5,5}"
    yield "DFT", {}, "f[N,T,1]"
    yield "DFT", {"axis": 1}, "f[N,T,1]"
    yield "DFT", {"onesided": 1}, "f[N,T,1]"
    yield "DFT", {"inverse": 1}, "f[N,T,2]"
    yield "DFT", {}, "f[N,10,1] l(6)"
    yield "DFT", {"onesided": 1}, "f[N,10,W,1] l(6) l(1)"
    yield "STFT", {"onesided": 1}, "f[N,100,1] l(10) - l(20)"
    yield "STFT", {"onesided": 0}, "f[N,100,1] l(10) f[16] l(16)"
    yield "STFT", {"onesided": 1}, "f[N,100,1] l(10) f[16]"


def shape_arithmetic():
    """Operators that yield lists of sizes; what they hold is tested elsewhere."""
    yield "Gather", {}, "l{4,5,6} l{0,2}"
    yield "Concat", {"axis": 0}, "l{4} l{5,6}"
    yield "Slice", {}, "l{4,5,6} l{0} l{2}"
    yield "Squeeze", {}, "l{4} l{0}"
    yield "Unsqueeze", {}, "l(4) l{0}"
    yield "ReduceProd", {"keepdims": 0}, "l{4,5,6}"
    yield "Equal", {}, "l{4,5,6} l(5)"
    yield "Where", {}, "b{1,0} l{4,5} l{6,7}"


def parse(text):
    """Letter, shape with letters, and the values of a constant or None."""
    letter, bracket, inner = re.fullmatch(r"(\w)([\[{(])(.*)[\]})]", text).groups()
    items = inner.split(",") if inner else []
    if bracket == "[":
        return letter, [int(d) if d.isdigit() else d for d in items], None
    values = [float(v) if letter in "fhd" else int(v) for v in items]
    return letter, [] if bracket == "(" else [len(values)], values


def attribute(value):
    if isinstance(value, dict):
        (value,) = value.values()
        return [float(v) for v in value] if isinstance(value, list) else float(value)
    return value


def model_of(op, attributes, inputs, opset):
    outputs = [f"y{i}" for i in range(attributes.get("outputs", 1))]
    names, graph_inputs, initializers = [], [], []
    for i, text in enumerate(inputs.split()):
        if text == "-":
            names.append("")
            continue
        letter, shape, values = parse(text)
        names.append(f"x{i}")
        if values is None:
            sizes = [SIZES.get(d, d) for d in shape]
            graph_inputs.append(helper.make_tensor_value_info(f"x{i}", DTYPES[letter], sizes))
        else:
            initializers.append(helper.make_tensor(f"x{i}", DTYPES[letter], shape, values))
    attrs = {k: attribute(v) for k, v in attributes.items() if k != "outputs"}
    node = helper.make_node(op, names, outputs, "n", **attrs)
    infos = [helper.make_empty_tensor_value_info(name) for name in outputs]
    graph = helper.make_graph([node], "g", graph_inputs, infos, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def described(value):
    tensor = value.type.tensor_type
    if not tensor.elem_type:
        return "?"
    if not tensor.HasField("shape"):
        return LETTERS[tensor.elem_type] + "?"
    dims = [str(d.dim_value) if d.HasField("dim_value") else "?" for d in tensor.shape.dim]
    return f"{LETTERS[tensor.elem_type]}[{','.join(dims)}]"


def infer(op, attributes, inputs, opset):
    """The outputs that onnx infers, or None when the operator is not so in the operator set."""
    model = model_of(op, attributes, inputs, opset)
    try:
        context = checker.C.CheckerContext()
        context.ir_version, context.opset_imports = model.ir_version, {"": opset}
        checker.check_node(model.graph.node[0], context)
        model = shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    except (shape_inference.InferenceError, checker.ValidationError) as error:
        return None, str(error)
    return " ".join(described(v) for v in model.graph.output), None


def main():
    lines, refused = [], []
    for family in (elementwise, layout, algebra, index, window, shape_arithmetic):
        for op, attributes, inputs in family():
            results = {}
            for opset in OPSETS:
                outputs, error = infer(op, attributes, inputs, opset)
                if outputs is not None:
                    results.setdefault(outputs, []).append(opset)
            if not results:
                refused.append(f"{op} {attributes} {inputs}: {error}")
            for outputs, opsets in results.items():
                case = [op, attributes, inputs, outputs, opsets[0], opsets[-1]]
                lines.append(json.dumps(case, separators=(",", ":")))
    if refused:
        raise SystemExit("\n".join(refused))
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(f"{len(lines)} cases")


if __name__ == "__main__":
    main()
