"""Weights and inputs by one formula, which tests/capture/counted_weights.ts has too: checkpoints need not be committed.

A value depends on a name and a position only: u = mix(crc32(name) + position * 0x9E3779B9) / 2^24, between 0 and 1.
"""

import math
import zlib

import numpy as np
import torch


def units(name, count):
    h = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9) + np.uint32(zlib.crc32(name.encode()))
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x7FEB352D)
    h ^= h >> np.uint32(15)
    h *= np.uint32(0x846CA68B)
    h ^= h >> np.uint32(16)
    return (h >> np.uint32(8)).astype(np.float64) / 2**24


def weight(name, shape):
    """Values of a floating point parameter or buffer, by the last part of its name and its shape."""
    count = math.prod(shape)
    u = units(name, count)
    last = name.split(".")[-1]
    if len(shape) >= 2:
        return (2 * u - 1) * math.sqrt(3 * shape[0] / count)
    if last in ("weight", "running_var"):
        return 0.5 + u
    return (2 * u - 1) * 0.2


def fill(module):
    """Sets all parameters and persistent buffers. Integers stay, but for the count of batches."""
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if name.split(".")[-1] == "num_batches_tracked":
                tensor.copy_(torch.tensor(math.floor(units(name, 1)[0] * 5)))
            elif tensor.is_floating_point():
                tensor.copy_(torch.from_numpy(weight(name, tuple(tensor.shape))).reshape(tensor.shape))
    return module


def values(name, shape, kind="plain", below=2):
    """An input: plain floats from -2 to 2, unit ones from 0 to 1, signs, ints below a bound, or bools (true: 0.3)."""
    u = units(name, math.prod(shape))
    if kind == "plain":
        out = torch.from_numpy(4 * u - 2).float()
    elif kind == "unit":
        out = torch.from_numpy(u).float()
    elif kind == "sign":
        out = torch.from_numpy(np.where(u < 0.5, -1.0, 1.0)).float()
    elif kind == "int":
        out = torch.from_numpy(np.floor(u * below).astype(np.int64))
    elif kind == "bool":
        out = torch.from_numpy(u < 0.3)
    else:
        raise ValueError(kind)
    return out.reshape(shape)
