"""PyTorch's attention for GPUs, for op_rows.py, which runs on a CPU.

Importing gives the operators a CPU implementation of their results; what they leave for gradients is as on the meta device.
"""

import torch

LIBRARY = torch.library.Library("aten", "IMPL")


def attend(query, key, value, bias, is_causal, scale):
    scores = query.double() @ key.double().mT * (query.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        scores = scores + torch.full(scores.shape[-2:], -torch.inf).triu(1)
    if bias is not None:
        scores = scores + bias
    return (scores.softmax(-1) @ value.double()).to(query.dtype), scores.logsumexp(-1).float()


def register(name):
    def wrap(function):
        LIBRARY.impl(name, function, "CPU")
        return function

    return wrap


@register("_scaled_dot_product_efficient_attention")
def efficient(query, key, value, attn_bias, compute_log_sumexp, dropout_p=0.0, is_causal=False, *, scale=None):
    y, sums = attend(query, key, value, attn_bias, is_causal, scale)
    fill = -sums.shape[-1] % 32
    sums = torch.nn.functional.pad(sums, (0, fill), value=torch.inf) if compute_log_sumexp else sums[..., :0]
    return y, sums, torch.zeros((), dtype=torch.int64), torch.zeros((), dtype=torch.int64)


@register("_scaled_dot_product_flash_attention")
def flash(query, key, value, dropout_p=0.0, is_causal=False, return_debug_mask=False, *, scale=None):
    y, sums = attend(query, key, value, None, is_causal, scale)
    none = torch.Tensor()
    seeds = torch.zeros(2, dtype=torch.uint64), torch.zeros((), dtype=torch.uint64)
    return y, sums, none, none, query.shape[-2], key.shape[-2], *seeds, torch.empty(0)
