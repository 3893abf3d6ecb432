"""Writes tests/fixtures/fold_cases.json: what onnxruntime computes for nodes whose inputs are constants.

    pip install onnx==1.23.2 onnxruntime==1.32.0
    python tests/tools/fold_cases.py

A case is [operator, attributes, inputs, outputs]. Inputs and outputs are texts: `l(3)` is an int64 scalar, `f{1,2}` a
float32 list, `i[2,2]{1,2,3,4}` an int32 matrix, `-` an absent input. The operator set is OPSET.
"""

import json
import pathlib
import re

import numpy
import onnxruntime
from onnx import helper, numpy_helper

from infer_cases import DTYPES, attribute

TARGET = pathlib.Path(__file__).parents[1] / "fixtures" / "fold_cases.json"
OPSET = 21
NUMPY = {letter: helper.tensor_dtype_to_np_dtype(code) for letter, code in DTYPES.items() if letter != "g"}
LETTERS = {numpy.dtype(dtype): letter for letter, dtype in NUMPY.items()}

FLOATS = "f{-2.5,-1.5,-0.5,-0,0,0.5,1.5,2.5,1e-3,3.7}"
INTS = "{-7,-3,-1,0,1,2,5,7}"


def elementwise():
    for op in "Abs Neg Sign Relu Floor Ceil Round Sqrt Reciprocal Exp Log Sin Cos Tan Atan Sinh Cosh Tanh Asinh Sigmoid".split():
        yield op, {}, FLOATS
    for op in "Asin Acos Atanh".split():
        yield op, {}, "f{-1,-0.3,0,0.5,0.99,2}"
    yield "Acosh", {}, "f{1,2.5,0.5,1000}"
    for op in "Abs Neg Sign Relu".split():
        yield op, {}, "i" + INTS
    yield "Abs", {}, "l{-9007199254740993,5}"
    yield "IsNaN", {}, "f{1,nan,inf}"
    yield "IsInf", {}, "f{1,nan,inf,-inf}"
    yield "IsInf", {"detect_negative": 0}, "f{1,nan,inf,-inf}"
    yield "Not", {}, "b{0,1}"
    for op in "Add Sub Mul Div".split():
        yield op, {}, "f{0.1,2,-3,1e30} f{0.2,3,7,1e10}"
        yield op, {}, "l{-7,7,-7,9007199254740993} l{2,-2,-2,3}"
        yield op, {}, "i{-7,7,2147483647,123456789} i{2,-2,3,987654321}"
        yield op, {}, "d[2,1]{0.1,0.2} d[1,3]{1,2,3}"
    yield "Add", {}, "l(9223372036854775807) l(1)"
    yield "Mul", {}, "u{200,3} u{2,5}"
    yield "Mod", {}, "l{-7,7,-7,7,6} l{3,-3,-3,3,3}"
    yield "Mod", {"fmod": 1}, "l{-7,7,-7,7,6} l{3,-3,-3,3,3}"
    yield "Mod", {"fmod": 1}, "f{-7.5,7.5,-7.5} f{2,-2,-2}"
    yield "Mod", {}, "i{-7,7,-7,7,6} i{3,-3,-3,3,3}"
    yield "Pow", {}, "f{2,0.5,-2,9} f{3,2,3,0.5}"
    yield "Pow", {}, "l{2,-3,7,0} l{10,3,0,0}"
    yield "Pow", {}, "f{2,4} l{3,-2}"
    yield "Pow", {}, "i{2,3} f{3,2}"
    for op in "Max Min".split():
        yield op, {}, "f{1,nan,3} f{2,1,nan} f(2.5)"
        yield op, {}, "l{1,5} l[2,1]{3,4}"
    yield "Sum", {}, "f{1,2} f[2,1]{10,20} f(0.5)"
    yield "Mean", {}, "f{1,2} f[2,1]{10,20} f(0.5)"
    for op in "Equal Less LessOrEqual Greater GreaterOrEqual".split():
        yield op, {}, "f{1,2,3,nan} f{2,2,2,nan}"
        yield op, {}, "l{1,2,9223372036854775807} l{2,2,9223372036854775806}"
    yield "Equal", {}, "b{0,1} b{1,1}"
    for op in "And Or Xor".split():
        yield op, {}, "b{0,0,1,1} b{0,1,0,1}"
    for op in "BitwiseAnd BitwiseOr BitwiseXor".split():
        yield op, {}, "i{12,-1} i{10,7}"
        yield op, {}, "l{12,-1} l{10,9007199254740993}"
    yield "BitwiseNot", {}, "i{0,-1,12}"
    yield "BitShift", {"direction": "LEFT"}, "u{200,3} u{1,5}"
    yield "BitShift", {"direction": "RIGHT"}, "u{200,3} u{1,5}"
    yield "Where", {}, "b{1,0,1} f(5) f{1,2,3}"
    yield "Where", {}, "b[2,1]{1,0} l{1,2} l(9007199254740993)"
    yield "Clip", {}, "f{-1,0.5,9} f(0) f(6)"
    yield "Clip", {}, "l{-1,5,9} - l(6)"
    for to in (1, 2, 3, 6, 7, 9, 10, 11):
        yield "Cast", {"to": to}, "f{0,1.5,2.9,100.7,0.1}"
        yield "Cast", {"to": to}, "l{0,1,127,5}"
        yield "Cast", {"to": to}, "b{0,1}"
    for to in (1, 6, 7, 11):
        yield "Cast", {"to": to}, "d{-1.9,-0.5,0.1,1e6}"
    yield "Cast", {"to": 6}, "l{4294967297,-4294967297}"
    yield "Cast", {"to": 3}, "i{300,-200}"
    yield "Cast", {"to": 2}, "i{-1,300}"
    yield "CastLike", {}, "f{1.7} l(0)"


def layout():
    matrix = "f[2,3]{1,2,3,4,5,6}"
    cube = "l[2,3,2]{" + ",".join(str(i) for i in range(12)) + "}"
    yield "Identity", {}, matrix
    yield "Reshape", {}, f"{matrix} l{{3,-1}}"
    yield "Flatten", {"axis": 2}, cube
    yield "Squeeze", {}, "f[1,2,1]{1,2} l{0}"
    yield "Unsqueeze", {}, "f{1,2} l{0,-1}"
    yield "Transpose", {}, matrix
    yield "Transpose", {"perm": [1, 2, 0]}, cube
    yield "Expand", {}, "f[2,1]{1,2} l{3,1,4}"
    yield "Expand", {}, "l(7) l{2,2}"
    yield "Concat", {"axis": 0}, "l{1,2} l{3} l{}"
    yield "Concat", {"axis": -1}, f"{matrix} f[2,1]{{7,8}}"
    yield "Split", {"axis": 1, "outputs": 2}, f"{matrix} l{{1,2}}"
    yield "Split", {"num_outputs": 2, "outputs": 2}, "l{1,2,3,4,5}"
    yield "Slice", {}, f"{matrix} l{{1}} l{{9223372036854775807}} l{{1}}"
    yield "Slice", {}, f"{matrix} l{{-1}} l{{-9223372036854775808}} l{{1}} l{{-1}}"
    yield "Slice", {}, f"{matrix} l{{0,5}} l{{-1,0}} l{{0,1}} l{{1,-2}}"
    yield "Slice", {}, "l{0,1,2,3,4,5} l{4} l{-6} l{0} l{-2}"
    yield "Gather", {"axis": 1}, f"{matrix} l[2,2]{{0,-1,1,1}}"
    yield "Gather", {}, "l{5,6,7} l(-1)"
    yield "GatherElements", {"axis": 1}, f"{matrix} l[2,2]{{0,-1,1,1}}"
    yield "GatherND", {}, f"{cube} l[2,2]{{0,1,1,-1}}"
    yield "GatherND", {"batch_dims": 1}, f"{cube} l[2,1]{{2,0}}"
    yield "ScatterND", {}, f"{matrix} l[2,1]{{1,0}} f[2,3]{{9,8,7,6,5,4}}"
    yield "ScatterND", {"reduction": "add"}, "l{1,2,3} l[3,1]{0,0,2} l{10,20,30}"
    yield "ScatterND", {"reduction": "max"}, "f{1,2,3} l[2,1]{0,-1} f{10,-20}"
    yield "ScatterElements", {"axis": 1}, f"{matrix} l[2,1]{{2,0}} f[2,1]{{9,8}}"
    yield "ScatterElements", {"axis": 0, "reduction": "mul"}, "f{1,2,3} l{1,1} f{2,3}"
    yield "Tile", {}, f"{matrix} l{{2,2}}"
    yield "Pad", {}, f"{matrix} l{{1,0,0,2}} f(9)"
    yield "Pad", {}, "l{1,2,3} l{-1,2}"
    yield "Pad", {}, f"{matrix} l{{1,-1}} - l{{-1}}"
    yield "Trilu", {}, "f[3,3]{1,2,3,4,5,6,7,8,9}"
    yield "Trilu", {"upper": 0}, "l[3,3]{1,2,3,4,5,6,7,8,9} l(-1)"
    yield "Trilu", {"upper": 1}, "f[2,3]{1,2,3,4,5,6} l(1)"
    yield "Range", {}, "l(2) l(11) l(3)"
    yield "Range", {}, "f(0) f(1) f(0.25)"
    yield "Range", {}, "i(9) i(0) i(-2)"
    yield "ConstantOfShape", {}, "l{2,2}"
    yield "EyeLike", {"k": 1}, matrix
    yield "EyeLike", {"dtype": 7}, matrix
    yield "OneHot", {}, "l{0,2,-1,5} l(3) f{0,1}"
    yield "OneHot", {"axis": 0}, "l{0,2} l(3) l{5,9}"
    yield "CumSum", {}, f"{matrix} l(1)"
    yield "CumSum", {"exclusive": 1}, f"{cube} l(1)"
    yield "CumSum", {"reverse": 1, "exclusive": 1}, "l{1,2,3} l(0)"
    yield "NonZero", {}, "l[2,2]{0,3,4,0}"
    yield "NonZero", {}, "b{0,1,1}"
    yield "MatMul", {}, f"{matrix} f[3,2]{{1,0,0,1,2,3}}"
    for axis in (0, -1):
        yield "ArgMax", {"axis": axis}, "f[2,3]{1,3,3,4,0,4}"
        yield "ArgMin", {"axis": axis, "keepdims": 0, "select_last_index": 1}, "f[2,3]{1,0,0,1,2,0}"
    for op in "Sum Prod Max Min Mean L1 L2 SumSquare LogSum".split():
        yield "Reduce" + op, {}, f"{matrix} l{{1}}"
        yield "Reduce" + op, {"keepdims": 0}, matrix
    for op in "Sum Prod Max Min".split():
        yield "Reduce" + op, {"keepdims": 0}, f"{cube} l{{0,-1}}"
    yield "ReduceProd", {}, "i{46340,46340,1}"
    yield "ReduceMax", {"keepdims": 0}, "f{1,2,3}"


def parse(text):
    letter, shape, bracket, inner = re.fullmatch(r"(\w)(?:\[(.*)\])?([{(])(.*)[)}]", text).groups()
    items = inner.split(",") if inner else []
    dtype = NUMPY[letter]
    values = [float(v) if numpy.issubdtype(dtype, numpy.floating) else int(v) for v in items]
    dims = [int(d) for d in shape.split(",")] if shape else [] if bracket == "(" else [len(items)]
    return numpy.array(values, dtype=dtype).reshape(dims)


def shown(array):
    letter = LETTERS[array.dtype]
    if array.dtype == numpy.bool_:
        array = array.astype(numpy.uint8)
    flat = array.reshape(-1).tolist()
    inner = ",".join(repr(v) for v in flat)
    if array.ndim == 0:
        return f"{letter}({inner})"
    return f"{letter}{{{inner}}}" if array.ndim == 1 else f"{letter}[{','.join(map(str, array.shape))}]{{{inner}}}"


def run(op, attributes, inputs):
    names, initializers = [], []
    for i, text in enumerate(inputs.split()):
        names.append("" if text == "-" else f"x{i}")
        if text != "-":
            initializers.append(numpy_helper.from_array(parse(text), f"x{i}"))
    outputs = [f"y{i}" for i in range(attributes.get("outputs", 1))]
    attrs = {k: attribute(v) for k, v in attributes.items() if k != "outputs"}
    node = helper.make_node(op, names, outputs, **attrs)
    infos = [helper.make_empty_tensor_value_info(name) for name in outputs]
    graph = helper.make_graph([node], "g", [], infos, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return " ".join(shown(array) for array in session.run(None, {}))


def main():
    onnxruntime.set_default_logger_severity(4)
    lines, refused = [], []
    for family in (elementwise, layout):
        for op, attributes, inputs in family():
            try:
                outputs = run(op, attributes, inputs)
            except Exception as error:
                refused.append(f"{op} {attributes} {inputs}: {error}")
                continue
            lines.append(json.dumps([op, attributes, inputs, outputs], separators=(",", ":")))
    if refused:
        raise SystemExit("\n".join(refused))
    TARGET.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(f"{len(lines)} cases")


if __name__ == "__main__":
    main()
