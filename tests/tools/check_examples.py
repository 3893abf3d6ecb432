"""Checks that PyTorch loads the programs that were captured from examples/*.ts, and computes with them what its own models do.

Usage: deno run -A tests/tools/export_examples.ts FOLDER && python tests/tools/check_examples.py FOLDER
Each program runs at two sizes. Prints the largest difference; exits with 1 when one is over 1e-4.
"""

import pathlib
import sys

import torch
from counted_weights import fill
from example_fixtures import inputs
from example_models import MODELS, arguments


def main(folder):
    failed = 0
    for name, (make, specs, sizes) in MODELS.items():
        model = fill(make().eval())
        program = torch.export.load(pathlib.Path(folder) / f"{name}.pt2").module()
        for size in sizes:
            args = arguments(name, inputs(name, specs, size))
            with torch.no_grad():
                wanted = torch.utils._pytree.tree_leaves(model(*args))
                got = torch.utils._pytree.tree_leaves(program(*args))
            worst = max((a - b).abs().max().item() for a, b in zip(got, wanted, strict=True))
            failed += not worst <= 1e-4
            print(f"{name} {size}: {worst:.1e}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
