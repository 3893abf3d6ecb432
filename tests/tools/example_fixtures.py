"""Records names, shapes and outputs of the models of examples/ in PyTorch: tests/examples/fixtures/NAME.json.

Usage: python tests/tools/example_fixtures.py
Parameters and inputs come from counted_weights.py, so that only outputs are recorded.
"""

import json
import pathlib

import torch
from counted_weights import fill, values
from example_models import MODELS, arguments

OUT = pathlib.Path(__file__).parent.parent / "examples" / "fixtures"


def number(x):
    return float(f"{x:.7g}")


def inputs(name, specs, size):
    return [values(f"{name}.{i}", spec["shape"], spec.get("kind", "plain"), spec.get("below", 2)) for i, spec in enumerate(s(size) for s in specs)]


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for name, (make, specs, sizes) in MODELS.items():
        torch.manual_seed(0)
        model = fill(make().eval())
        cases = []
        for size in sizes:
            with torch.no_grad():
                result = model(*arguments(name, inputs(name, specs, size)))
            leaves = torch.utils._pytree.tree_leaves(result)
            cases.append(
                {
                    "size": size,
                    "inputs": [s(size) for s in specs],
                    "outputs": [{"shape": list(x.shape), "values": [number(v) for v in x.flatten().tolist()]} for x in leaves],
                }
            )
        state = {k: list(v.shape) for k, v in model.state_dict().items()}
        record = {"state": state, "cases": cases}
        (OUT / f"{name}.json").write_text(json.dumps(record, separators=(",", ":")) + "\n")
        print(name, sum(p.numel() for p in model.parameters()), "parameters", (OUT / f"{name}.json").stat().st_size, "bytes")


if __name__ == "__main__":
    main()
