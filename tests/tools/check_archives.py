"""Checks that PyTorch loads archives which fx2onnx wrote, and computes what was recorded.

Usage: python tests/tools/check_archives.py WRITTEN_FOLDER RECORDED_FOLDER
For each WRITTEN/NAME.pt2, RECORDED/NAME.safetensors has input_0 … and output_0 …, in the order of the graph's tensors.
Example inputs, where an archive has them, must fit the program.
Needs torch and safetensors. Exits with 1 when an archive does not load or computes something else.
"""

import pathlib
import sys

import torch
from safetensors.torch import load_file


def pairs(tensor):
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def is_random(program):
    return any("rand" in str(n.target) or "bernoulli" in str(n.target) or "dropout" in str(n.target) for n in program.graph.nodes)


def check_examples(program):
    """Whether there are example inputs, which must fit the program."""
    if not program.example_inputs:
        return False
    spec = torch.utils._pytree.tree_structure(program.example_inputs)
    assert spec == program.call_spec.in_spec, f"example inputs are {spec}"
    args, kwargs = program.example_inputs
    with torch.no_grad():
        program.module()(*args, **kwargs)
    return True


def check(path, recorded):
    """Returns whether the archive has example inputs."""
    program = torch.export.load(path)
    tensors = load_file(recorded)
    specs = [s for s in program.graph_signature.input_specs if s.kind.name == "USER_INPUT"]
    placeholders = {n.name: n for n in program.graph.nodes if n.op == "placeholder"}
    inputs, at = [], 0
    for spec in specs:
        value = getattr(spec.arg, "value", None)
        meta = placeholders[spec.arg.name].meta.get("val") if spec.arg.name in placeholders else None
        if value is not None or meta is None:
            inputs.append(value)
            continue
        given = tensors[f"input_{at}"]
        at += 1
        if isinstance(meta, torch.Tensor):
            inputs.append(torch.view_as_complex(given) if meta.is_complex() else given)
        else:
            inputs.append(given.item())
    args, kwargs = torch.utils._pytree.tree_unflatten(inputs, program.call_spec.in_spec)
    with torch.no_grad():
        result = program.module()(*args, **kwargs)
    # Last, because a run may change buffers.
    has_examples = check_examples(program)
    if is_random(program):
        return has_examples
    leaves = [x for x in torch.utils._pytree.tree_leaves(result) if x is not None]
    for i, leaf in enumerate(leaves):
        wanted = tensors.get(f"output_{i}")
        if wanted is None or not isinstance(leaf, torch.Tensor):
            continue
        torch.testing.assert_close(pairs(leaf), wanted, rtol=1e-3, atol=1e-4, equal_nan=True)
    return has_examples


def main(written, recorded):
    failed = with_examples = 0
    paths = sorted(pathlib.Path(written).glob("*.pt2"))
    for path in paths:
        try:
            with_examples += check(path, pathlib.Path(recorded) / f"{path.stem}.safetensors")
        except Exception as error:  # Whatever goes wrong is told, and the next one tried.
            failed += 1
            print(f"{path.name}: {type(error).__name__}: {str(error).strip().splitlines()[0][:200]}")
    print(f"{len(paths) - failed} load and compute the same ({with_examples} with example inputs), {failed} do not")
    return 1 if failed or not paths else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
