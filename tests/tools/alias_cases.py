"""Records when PyTorch's operators give views and when copies.

Usage: python tests/tools/alias_cases.py
Needs torch. Writes tests/fixtures/aliases.json: calls on tensors of given sizes and strides, and whether the result
shares the tensor's memory.
"""

import json
import pathlib
import random

import torch

FIXTURE = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "aliases.json"


def factorings(count, rank, rng):
    """A shape of `rank` sizes with `count` elements."""
    shape = [1] * rank
    for p in (2, 2, 2, 3, 3, 5):
        if count % p == 0:
            count //= p
            shape[rng.randrange(rank)] *= p
    shape[rng.randrange(rank)] *= count
    return shape


def strided(rng):
    """A tensor with permuted, sliced, expanded or plain strides."""
    shape = [rng.choice([1, 2, 3, 4]) for _ in range(rng.randint(0, 4))]
    x = torch.zeros(shape)
    for _ in range(rng.randint(0, 2)):
        if x.ndim == 0:
            break
        kind = rng.randrange(4)
        if kind == 0:
            x = x.permute(*rng.sample(range(x.ndim), x.ndim))
        elif kind == 1:
            d = rng.randrange(x.ndim)
            x = x[(slice(None),) * d + (slice(None, None, 2),)]
        elif kind == 2:
            d = rng.randrange(x.ndim + 1)
            x = x.unsqueeze(d).expand(*x.shape[:d], rng.choice([1, 2]), *x.shape[d:])
        else:
            d = rng.randrange(x.ndim)
            x = x.transpose(d, 0)
    return x


def shares(x, y):
    return y.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()


def main():
    rng = random.Random(0)
    cases = []

    def record(op, x, args, y):
        cases.append({"op": op, "shape": list(x.shape), "strides": list(x.stride()), "args": args, "view": shares(x, y)})

    for _ in range(300):
        x = strided(rng)
        if x.numel() == 0:
            continue
        shape = factorings(x.numel(), rng.randint(1, 4), rng)
        record("aten::reshape", x, {"shape": shape}, x.reshape(shape))
        record("aten::contiguous", x, {"memory_format": "contiguous_format"}, x.contiguous())
        if x.ndim > 0:
            a, b = sorted(rng.choices(range(x.ndim), k=2))
            record("aten::flatten.using_ints", x, {"start_dim": a, "end_dim": b}, x.flatten(a, b))
        record("aten::ravel", x, {}, x.ravel())
    for x in (torch.zeros(2, 3, 4, 5), torch.zeros(2, 4, 5, 3).permute(0, 3, 1, 2), torch.zeros(2, 1, 4, 5)):
        record("aten::contiguous", x, {"memory_format": "channels_last"}, x.contiguous(memory_format=torch.channels_last))
        record("aten::to.dtype", x, {"dtype": "float32", "copy": False, "memory_format": None}, x.to(torch.float32))
        record("aten::to.dtype", x, {"dtype": "float64", "copy": False, "memory_format": None}, x.to(torch.float64))
        record("aten::to.dtype", x, {"dtype": "float32", "copy": True, "memory_format": None}, x.to(torch.float32, copy=True))
    seen = set()
    unique = [c for c in cases if (t := json.dumps(c)) not in seen and not seen.add(t)]
    FIXTURE.write_text("[\n" + ",\n".join("  " + json.dumps(c) for c in unique) + "\n]\n")
    print(len(unique), sum(c["view"] for c in unique))


if __name__ == "__main__":
    main()
