"""Runs strictly captured programs in PyTorch.

    STRICT_PROGRAMS=/tmp/programs deno test -A tests/capture/strict
    python tests/tools/strict_in_torch.py /tmp/programs
"""

import glob
import json
import sys

import torch


def value(x):
    """A tensor, number or container as the tests write it."""
    if isinstance(x, dict) and set(x) == {"dtype", "shape", "data"}:
        data = [float(item) if isinstance(item, str) else item for item in x["data"]]
        return torch.tensor(data, dtype=getattr(torch, x["dtype"])).reshape(x["shape"])
    if isinstance(x, dict):
        return {key: value(item) for key, item in x.items()}
    return [value(item) for item in x] if isinstance(x, list) else x


def same(a, b):
    """Whether two trees of results agree."""
    if isinstance(b, torch.Tensor):
        return isinstance(a, torch.Tensor) and a.dtype == b.dtype and torch.allclose(a, b, 1e-4, 1e-4)
    if isinstance(b, dict):
        return all(same(a[key], item) for key, item in b.items())
    if isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    return a == b


def main(folder):
    failed = 0
    names = sorted(glob.glob(f"{folder}/*.pt2"))
    for name in names:
        try:
            with open(name.replace(".pt2", ".json")) as file:
                case = json.load(file)
            for args, expected in zip(case["inputs"], case["outputs"]):
                # Buffers keep what a call gave them: each call has a program of its own.
                # With gradients PyTorch traces a scan anew, which fails where it reads numbers.
                with torch.no_grad():
                    result = torch.export.load(name).module()(*value(args))
                if not same(result, value(expected)):
                    raise ValueError(f"{args}: {result} in place of {value(expected)}")
        except Exception as error:  # Everything that goes wrong is told, and counted.
            failed += 1
            print(f"{name}: {type(error).__name__}: {str(error)[:600]}")
    print(f"{len(names) - failed} of {len(names)} programs agree")
    sys.exit(failed > 0)


main(sys.argv[1])
