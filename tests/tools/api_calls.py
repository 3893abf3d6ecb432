"""Records what PyTorch gives for the calls in tests/capture/calls.txt, and what torch.export records for them.

    python tests/tools/api_calls.py

Each line of the file is an expression of Python over the tensors that are defined here, or an assignment `x[…] = …`, after which
the result is `x`. It is written down as a tree, which the test runs in TypeScript, with the result and the nodes of the exported
graph (null where a line begins with `eager:`, for calls whose results have sizes that depend on values).
"""

import ast
import json
import math
import pathlib
import warnings

import torch
import torch.nn.functional as F

FOLDER = pathlib.Path(__file__).parent.parent / "capture"
warnings.filterwarnings("ignore")
torch.manual_seed(0)


def rounded(*shape):
    """Values that a float32 holds and a short text says."""
    return (torch.randn(*shape) * 64).round() / 64


TENSORS = {
    "a": rounded(3, 4),
    "b": rounded(3, 4),
    "c": rounded(4),
    "p": rounded(3, 4).abs() + 0.125,
    "u": (torch.rand(3, 4) * 62).round() / 64 + 1 / 64,
    "s": torch.tensor(1.5),
    "n": torch.tensor([[3, -1, 2, 7], [0, 5, -4, 1], [2, 2, 9, -6]]),
    "k": torch.tensor([[2, 1, 3, 2], [1, 4, 2, 3], [5, 1, 2, 4]]),
    "m": torch.tensor([[True, False, True, True], [False, False, True, False], [True, True, False, True]]),
    "i": torch.tensor([2, 0]),
    "j": torch.tensor([[0], [1]]),
    "t": torch.tensor(1),
    "d": rounded(3, 4).double(),
    "h": rounded(3, 4).half(),
    "x": rounded(2, 3, 4),
    "y": rounded(2, 4, 3),
    "q": rounded(3, 3) + 3 * torch.eye(3),
    "z": torch.complex(rounded(3, 4), rounded(3, 4)),
    "im": rounded(1, 3, 6, 6),
    "w": rounded(4, 3, 3, 3),
    "sig": rounded(2, 3, 8),
    "w1": rounded(4, 3, 3),
    "vol": rounded(1, 2, 4, 4, 4),
    "bias": rounded(4),
    "e": rounded(6, 3),
    "cls": torch.tensor([1, 0, 3]),
}


def encode(value):
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return {"int": value}
    if isinstance(value, float):
        return {"float": number(value)}
    if isinstance(value, complex):
        return {"complex": [number(value.real), number(value.imag)]}
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    if isinstance(value, torch.Tensor):
        shown = torch.view_as_real(value) if value.is_complex() else value
        flat = shown.detach().double().flatten().tolist() if value.is_floating_point() or value.is_complex() else shown.flatten().tolist()
        return {"dtype": str(value.dtype).removeprefix("torch."), "shape": list(value.shape), "values": [number(v) for v in flat]}
    if isinstance(value, (list, tuple)):
        return [encode(v) for v in value]
    raise TypeError(type(value))


def number(value):
    if isinstance(value, float):
        if math.isnan(value) or math.isinf(value):
            return str(value)
        return float(f"{value:.9g}")
    return value


def tree(node):
    if isinstance(node, ast.Constant):
        return {"ellipsis": True} if node.value is Ellipsis else encode(node.value)
    if isinstance(node, ast.UnaryOp):
        if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
            return encode(-node.operand.value)
        raise SyntaxError(ast.dump(node))
    if isinstance(node, ast.Name):
        return {"name": node.id}
    if isinstance(node, (ast.List, ast.Tuple)):
        return [tree(item) for item in node.elts]
    if isinstance(node, ast.Slice):
        return {"slice": [None if part is None else tree(part) for part in (node.lower, node.upper, node.step)]}
    if isinstance(node, ast.Subscript):
        items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return {"of": tree(node.value), "index": [tree(item) for item in items]}
    if isinstance(node, ast.Attribute):
        if isinstance(node.value, ast.Name) and node.value.id == "torch":
            value = getattr(torch, node.attr)
            if isinstance(value, torch.dtype) or isinstance(value, float):
                return encode(value)
        return {"of": tree(node.value), "attribute": node.attr}
    if isinstance(node, ast.Call):
        return {
            "call": tree(node.func),
            "args": [tree(arg) for arg in node.args],
            "named": {keyword.arg: tree(keyword.value) for keyword in node.keywords},
        }
    if isinstance(node, ast.Assign):
        return {"set": tree(node.targets[0]), "value": tree(node.value)}
    raise SyntaxError(ast.dump(node))


def run(source, names):
    scope = {"torch": torch, "F": F, **names}
    try:
        code = compile(source, "calls.txt", "eval")
        return eval(code, scope)
    except SyntaxError:
        exec(source, scope)
        return scope[source[: source.index("[")].strip()]


def nodes(source):
    used = [n.id for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Name) and n.id in TENSORS]
    names = list(dict.fromkeys(used))

    class Program(torch.nn.Module):
        def forward(self, *args):
            return run(source, dict(zip(names, args)))

    forward = f"def forward(self, {', '.join(names)}):\n    return call([{', '.join(names)}])"
    scope = {"call": lambda args: run(source, dict(zip(names, args)))}
    exec(forward, scope)
    Program.forward = scope["forward"]
    exported = torch.export.export(Program(), tuple(TENSORS[n].clone() for n in names))
    lines = []
    for node in exported.graph.nodes:
        if node.op == "call_function":
            text = node.format_node()
            lines.append(text[text.index("[target=") + 8 :].replace("](", " ", 1))
    return names, lines


def main():
    rows = []
    for line in (FOLDER / "calls.txt").read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        eager = line.startswith("eager:")
        source = line.removeprefix("eager:").strip()
        statement = ast.parse(source).body[0]
        expression = statement.value if isinstance(statement, ast.Expr) else statement
        row = {"source": source, "tree": tree(expression)}
        row["result"] = encode(run(source, {name: tensor.clone() for name, tensor in TENSORS.items()}))
        if eager:
            row["inputs"], row["nodes"] = None, None
        else:
            try:
                row["inputs"], row["nodes"] = nodes(source)
            except Exception as error:
                print(f"{source}: {str(error)[:200]}")
                row["inputs"], row["nodes"] = None, None
        rows.append(row)
    tensors = {name: encode(tensor) for name, tensor in TENSORS.items()}
    text = "{\n\"tensors\": " + json.dumps(tensors) + ",\n\"rows\": [\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n}\n"
    (FOLDER / "fixtures" / "calls.json").write_text(text)
    torch.save({"w": torch.arange(6.0).reshape(2, 3).t(), "n": torch.tensor([1, 2])}, FOLDER / "fixtures" / "state.pth")
    print(len(rows), "calls")


main()
