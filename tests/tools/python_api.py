"""Writes tests/tools/python_api.json: under which Python names PyTorch offers its operators, and in which order it tries overloads.

    python tests/tools/python_api.py

torchgen makes PyTorch's Python bindings; its own functions are asked here, so that nothing is guessed. The table maps each
namespace (`torch`, `Tensor`, `nn`, `fft`, `linalg`, `special`) to its names, and each name to the operators that are tried for
it, in order. `documented` lists the names that PyTorch's users see: those that are attributes of the public modules.
"""

import json
import pathlib

import torch
import torchgen
from torchgen.packaged.autograd import gen_python_functions as bindings
from torchgen.gen import parse_native_yaml

PACKAGED = pathlib.Path(torchgen.__file__).parent / "packaged"
NATIVE = PACKAGED / "ATen" / "native"

NAMESPACES = {
    "torch": (bindings.is_py_torch_function, False, torch),
    "Tensor": (bindings.is_py_variable_method, True, torch.Tensor),
    "nn": (bindings.is_py_nn_function, False, torch.nn.functional),
    "fft": (bindings.is_py_fft_function, False, torch.fft),
    "linalg": (bindings.is_py_linalg_function, False, torch.linalg),
    "special": (bindings.is_py_special_function, False, torch.special),
}


def operator(function):
    """`aten::add.Tensor`"""
    name = str(function.func.name)
    return f"aten::{name}"


def main():
    functions = parse_native_yaml(NATIVE / "native_functions.yaml", NATIVE / "tags.yaml").native_functions
    functions = [f for f in functions if bindings.should_generate_py_binding(f)]
    table = {}
    for namespace, (belongs, method, module) in NAMESPACES.items():
        pairs = bindings.load_signatures(functions, str(PACKAGED / "autograd" / "deprecated.yaml"), method=method,
                                         skip_deprecated=True)
        grouped = bindings.group_filter_overloads(pairs, belongs)
        names = {}
        for base, overloads in sorted(grouped.items(), key=lambda item: str(item[0])):
            name = str(base)
            shown = name.removeprefix(f"{namespace}_")
            if not hasattr(module, shown) or shown.startswith("_"):
                continue
            ordered = bindings.sort_overloads(bindings.group_overloads(overloads, symint=True), symint=True)
            names[shown] = [operator(group.base) for group in ordered]
        table[namespace] = names
    lines = [
        json.dumps(namespace) + ": {\n" + ",\n".join(f"  {json.dumps(n)}: {json.dumps(' '.join(o))}" for n, o in names.items()) + "\n}"
        for namespace, names in table.items()
    ]
    path = pathlib.Path(__file__).with_name("python_api.json")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print({namespace: len(names) for namespace, names in table.items()})


main()
