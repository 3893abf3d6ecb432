import { assert, assertEquals, assertThrows } from "@std/assert";
import { FreshSymbols, infer, inferGraph, isInferable } from "../../src/onnx/infer.ts";
import { type AttributeInput, OnnxGraph, OnnxNode, OnnxValue, toAttributes } from "../../src/onnx/model.ts";
import { schemaNames, schemaOf } from "../../src/onnx/op_schema.ts";
import { add, type Dim, mul, Ranges, symbol } from "../../src/sym/mod.ts";
import { type DType, formatMeta, type Meta, Tensor } from "../../src/tensor/mod.ts";
import { constant, nodeOf } from "./cases.ts";

const [s0, s1] = [symbol("s0"), symbol("s1")];

function value(name: string, dtype: DType, ...shape: Dim[]): OnnxValue {
  return new OnnxValue(name, { dtype, shape });
}

function initializer(name: string, text: string): OnnxValue {
  const tensor = constant(text);
  const result = value(name, tensor.dtype, ...tensor.shape);
  result.initializer = tensor;
  return result;
}

/** A node with one output, or as many as there are names; it is not in a graph. */
function node(
  opType: string,
  inputs: readonly (OnnxValue | null)[],
  attributes: Readonly<Record<string, AttributeInput>> = {},
  outputs: readonly string[] = ["y"],
): OnnxNode {
  return new OnnxNode({
    name: `node_${outputs[0]}`,
    opType,
    inputs,
    outputs: outputs.map((name) => new OnnxValue(name)),
    attributes: toAttributes(attributes),
  });
}

/** The first result of a node after inference. */
function result(...args: Parameters<typeof node>): OnnxValue {
  const made = node(...args);
  infer(made, 21);
  return made.outputs[0];
}

function show(meta: Meta | null): string {
  return meta ? formatMeta(meta) : "?";
}

function showContent(v: OnnxValue): string {
  return v.content ? v.content.map(String).join(", ") : "?";
}

/** The list of sizes `[s0, 3, s1]` as Shape gives it. */
function sizeList(...sizes: Dim[]): OnnxValue {
  return result("Shape", [value("x", "float32", ...sizes)]);
}

const ints = (...values: number[]): OnnxValue => initializer("c", `l{${values.join(",")}}`);
const int = (v: number): OnnxValue => initializer("c", `l(${v})`);
const sizes = (): OnnxValue => sizeList(s0, 3, s1);
const first = (): OnnxValue => result("Gather", [sizes(), int(0)]);

// What shape arithmetic yields, in terms of s0 and s1.
const followed: Array<[what: string, build: () => OnnxValue, expected: string]> = [
  ["Shape", sizes, "s0, 3, s1"],
  ["Shape from start to end", () => result("Shape", [value("x", "float32", s0, 3, s1)], { start: -2, end: -1 }), "3"],
  ["Size", () => result("Size", [value("x", "float32", s0, 3)]), "3*s0"],
  ["Gather of a scalar", first, "s0"],
  ["Gather of a list", () => result("Gather", [sizes(), ints(-1, 0)]), "s1, s0"],
  ["Slice", () => result("Slice", [sizes(), ints(1), initializer("c", "l{9223372036854775807}")]), "3, s1"],
  ["Slice backwards", () => result("Slice", [sizes(), ints(-1), ints(-9), ints(0), ints(-1)]), "s1, 3, s0"],
  ["Concat", () => result("Concat", [sizes(), ints(-1)], { axis: 0 }), "s0, 3, s1, -1"],
  ["Unsqueeze", () => result("Unsqueeze", [first(), ints(0)]), "s0"],
  ["Squeeze", () => result("Squeeze", [result("Slice", [sizes(), ints(0), ints(1)]), ints(0)]), "s0"],
  ["Reshape", () => result("Reshape", [first(), ints(-1)]), "s0"],
  ["Cast", () => result("Cast", [first()], { to: 7 }), "s0"],
  ["Cast of a truth", () => result("Cast", [result("Equal", [sizes(), ints(3)])], { to: 7 }), "?"],
  ["Cast to a truth", () => result("Cast", [ints(0, 5)], { to: 9 }), "0, 1"],
  ["Add", () => result("Add", [sizes(), int(1)]), "s0 + 1, 4, s1 + 1"],
  ["Sub", () => result("Sub", [first(), first()]), "0"],
  ["Mul", () => result("Mul", [first(), sizes()]), "s0**2, 3*s0, s0*s1"],
  ["Div of what is not negative", () => result("Div", [sizes(), int(2)]), "(s0//2), 1, (s1//2)"],
  ["Div of what may be negative", () => result("Div", [result("Sub", [first(), int(5)]), int(2)]), "?"],
  ["Div of constants rounds to zero", () => result("Div", [int(-7), int(2)]), "-3"],
  ["Mod", () => result("Mod", [first(), int(4)]), "Mod(s0, 4)"],
  ["Mod of constants", () => result("Mod", [int(-7), int(3)]), "2"],
  ["Mod by zero", () => result("Mod", [int(-7), int(0)]), "?"],
  ["Neg", () => result("Neg", [first()]), "-s0"],
  ["Abs", () => result("Abs", [result("Neg", [first()])]), "s0"],
  ["Min", () => result("Min", [first(), int(7)]), "Min(7, s0)"],
  ["Max that is decided", () => result("Max", [first(), int(0)]), "s0"],
  ["Pow", () => result("Pow", [first(), int(2)]), "s0**2"],
  ["Clip", () => result("Clip", [sizes(), int(0), int(2)]), "Min(2, s0), 2, Min(2, s1)"],
  ["Equal, decided", () => result("Equal", [sizeList(s0, 3), ints(-1, 3)]), "0, 1"],
  ["Equal, open", () => result("Equal", [sizes(), ints(4)]), "?"],
  ["Greater, decided", () => result("Greater", [first(), int(-1)]), "1"],
  ["Where", () => result("Where", [result("Equal", [ints(2, -1), ints(-1)]), sizeList(s0, s1), ints(9)]), "9, s1"],
  ["Where of one side", () => result("Where", [initializer("c", "b{1}"), first(), value("u", "int64")]), "s0"],
  ["Not and And", () => result("And", [result("Not", [initializer("c", "b{1,0}")]), initializer("c", "b{1}")]), "0, 1"],
  ["ReduceProd", () => result("ReduceProd", [sizes()], { keepdims: 0 }), "3*s0*s1"],
  ["ReduceSum over an axis", () => result("ReduceSum", [sizes(), ints(0)]), "s0 + s1 + 3"],
  ["CumSum", () => result("CumSum", [sizeList(s0, 3), int(0)], { reverse: 1 }), "s0 + 3, 3"],
  ["Range", () => result("Range", [first(), result("Add", [first(), int(3)]), int(1)]), "s0, s0 + 1, s0 + 2"],
  ["ConstantOfShape", () => result("ConstantOfShape", [ints(2)], { value: Tensor.of("int64", [1], [5n]) }), "5, 5"],
  ["Expand", () => result("Expand", [first(), ints(2)]), "s0, s0"],
  ["Tile", () => result("Tile", [sizeList(s0, 3), ints(2)]), "s0, 3, s0, 3"],
  ["beyond the safe integers", () => result("Mul", [int(2 ** 40), int(2 ** 40)]), "?"],
];

Deno.test("infer: shape arithmetic is followed", async (t) => {
  for (const [what, build, expected] of followed) {
    await t.step(what, () => assertEquals(showContent(build()), expected));
  }
});

Deno.test("infer: the parts of a split list", () => {
  const split = node("Split", [sizes(), ints(2, 1)], {}, ["a", "b"]);
  infer(split, 21);
  assertEquals(split.outputs.map(showContent), ["s0, 3", "s1"]);
});

const x = (...shape: Dim[]): OnnxValue => value("x", "float32", ...shape);

// Shapes with symbols.
const shapes: Array<[what: string, build: () => OnnxValue, expected: string]> = [
  ["Reshape with an open size", () => result("Reshape", [x(s0, 4, s1), ints(-1, 4)]), "float32[s0*s1, 4]"],
  ["Reshape that keeps sizes", () => result("Reshape", [x(s0, s1, 12), ints(0, 0, 3, -1)]), "float32[s0, s1, 3, 4]"],
  [
    "Reshape to symbols and an open size",
    () => result("Reshape", [x(s0, s1, 12), result("Concat", [first(), ints(-1)].map(list), { axis: 0 })]),
    "float32[s0, 12*s1]",
  ],
  ["Reshape to an unknown list", () => result("Reshape", [x(s0), value("l", "int64", 2)]), "float32[y_dim0, y_dim1]"],
  ["Reshape to an unknown list of one", () => result("Reshape", [x(s0, 3), value("l", "int64", 1)]), "float32[3*s0]"],
  ["Reshape to a list of unknown length", () => result("Reshape", [x(s0), value("l", "int64", s1)]), "?"],
  ["Expand to symbols", () => result("Expand", [x(1, 3), sizeList(s0, 1)]), "float32[s0, 3]"],
  ["Expand to another symbol", () => result("Expand", [x(s0, 3), sizeList(s1, 1)]), "float32[s1, 3]"],
  [
    "Slice to the end",
    () => result("Slice", [x(s0), ints(1), initializer("c", "l{9223372036854775807}")]),
    "float32[Max(0, s0 - 1)]",
  ],
  [
    "Slice of the last",
    () => result("Slice", [x(s0), ints(-1), initializer("c", "l{9223372036854775807}")]),
    "float32[Min(1, s0)]",
  ],
  ["Slice without the ends", () => result("Slice", [x(s0), ints(1), ints(-2)]), "float32[Max(0, s0 - 3)]"],
  ["Slice of all", () => result("Slice", [x(s0), ints(0), initializer("c", "l{9223372036854775807}")]), "float32[s0]"],
  [
    "Slice in steps",
    () => result("Slice", [x(s0), ints(0), ints(2 ** 40), ints(0), ints(2)]),
    "float32[((Min(1099511627776, s0) + 1)//2)]",
  ],
  ["Slice to a symbol", () => result("Slice", [x(10), ints(0), list(first())]), "float32[Min(10, s0)]"],
  [
    "Slice by an unknown bound",
    () => result("Slice", [x(s0, 3), value("l", "int64", 1), ints(5), ints(0)]),
    "float32[y_dim0, 3]",
  ],
  ["Concat", () => result("Concat", [x(s0, 3), x(s1, 3)], { axis: 0 }), "float32[s0 + s1, 3]"],
  ["Pad by symbols", () => result("Pad", [x(3), sizeList(s0, s1)]), "float32[s0 + s1 + 3]"],
  [
    "Range of a float",
    () => result("Range", [int(0), first(), int(2)].map((v) => result("Cast", [v], { to: 1 }))),
    "float32[((s0 + 1)//2)]",
  ],
  [
    "Conv",
    () => result("Conv", [x(s0, 3, s1, 32), x(8, 3, 3, 3)], { strides: [2, 2], pads: [1, 1, 1, 1] }),
    "float32[s0, 8, (((s1 - 1)//2)) + 1, 16]",
  ],
  [
    "Resize by two",
    () => result("Resize", [x(s0, 3, s1, 4), null, initializer("c", "f{1,1,2,0.5}")]),
    "float32[s0, 3, 2*s1, 2]",
  ],
  [
    "Resize by a third",
    () => result("Resize", [x(1, 1, s1, 9), null, initializer("c", "f{1,1,0.3,1}")]),
    "float32[1, 1, y_dim2, 9]",
  ],
  ["MatMul", () => result("MatMul", [x(s0, s1, 3), x(3, 4)]), "float32[s0, s1, 4]"],
  ["Squeeze of unknown sizes", () => result("Squeeze", [x(s0, 1)]), "?"],
  ["an unknown input", () => result("Relu", [new OnnxValue("x")]), "?"],
  ["NonZero", () => result("NonZero", [x(s0, 3)]), "int64[2, y_dim1]"],
];

function list(v: OnnxValue): OnnxValue {
  return v.meta!.shape.length === 1 ? v : result("Unsqueeze", [v, ints(0)]);
}

Deno.test("infer: symbolic shapes", async (t) => {
  for (const [what, build, expected] of shapes) await t.step(what, () => assertEquals(show(build().meta), expected));
});

Deno.test("infer: ranges decide comparisons", () => {
  const slice = node("Slice", [x(s0), ints(1), initializer("c", "l{9223372036854775807}")]);
  const ranges = Ranges.of([["s0", { min: 2, max: 64 }]]);
  infer(slice, 21, { freshSymbol: symbol, ranges });
  assertEquals(show(slice.outputs[0].meta), "float32[s0 - 1]");
});

Deno.test("infer: fresh symbols of a context", () => {
  const fresh = new FreshSymbols(["unk0"]);
  const unique = node("Unique", [x(s0)], {}, ["y", "indices", "inverse", "counts"]);
  infer(unique, 21, fresh);
  assertEquals(unique.outputs.map((v) => show(v.meta)), ["float32[unk1]", "int64[unk1]", "int64[s0]", "int64[unk1]"]);
  const nonZero = node("NonZero", [x(s0)]);
  infer(nonZero, 21, fresh);
  assertEquals(show(nonZero.outputs[0].meta), "int64[1, unk2]");
});

Deno.test("infer: what is known of an output stays", () => {
  const known = (dtype: DType, ...shape: Dim[]): OnnxNode => {
    const made = node("NonZero", [x(s0)]);
    made.outputs[0].meta = { dtype, shape };
    return made;
  };
  const kept = known("int64", s1, symbol("u0"));
  infer(kept, 21);
  assertEquals(show(kept.outputs[0].meta), "int64[1, u0]");
  assertThrows(
    () => infer(known("int32", 1, s0), 21),
    RangeError,
    "NonZero gives int64[1, s0], but y was known to be int32[1, s0]",
  );
  assertThrows(() => infer(known("int64", 2, s0), 21), RangeError, "int64[2, s0]");
  assertThrows(() => infer(known("int64", 1), 21), RangeError, "int64[1]");
});

// Constants that contradict each other.
const contradictions: Array<[message: string, opType: string, attributes: Record<string, unknown>, inputs: string]> = [
  ["sizes 2 and 3 differ", "Add", {}, "f[2] f[3]"],
  ["Cannot reshape [2, 3] to [4, 2]", "Reshape", {}, "f[2,3] l{4,2}"],
  ["the sizes do not divide", "Reshape", {}, "f[2,3] l{4,-1}"],
  ["more than one size open", "Reshape", {}, "f[2,3] l{-1,-1}"],
  ["keeps a size that is not there", "Reshape", {}, "f[6] l{6,0}"],
  ["can't tell the open size", "Reshape", {}, "f[0,3] l{0,-1}"],
  ["Axis 2 of Flatten is out of range", "ArgMax", { axis: 2 }, "f[2,3]"],
  ["Cannot squeeze axis 0", "Squeeze", {}, "f[2,3] l{0}"],
  ["name a dimension twice", "Unsqueeze", {}, "f[2] l{0,0}"],
  ["Transpose by [0, 0]", "Transpose", { perm: [0, 0] }, "f[2,3]"],
  ["Cannot concatenate", "Concat", { axis: 0 }, "f[2,3] f[2,4]"],
  ["does not add up", "Split", { outputs: 2 }, "f[5] l{2,2}"],
  ["would give a result of shape", "Split", { outputs: 4, num_outputs: 4 }, "f[5]"],
  ["a step of 0", "Slice", {}, "f[5] l{0} l{2} l{0} l{0}"],
  ["as many starts, ends and axes", "Slice", {}, "f[5] l{0} l{2,3}"],
  ["takes 4 paddings, met 2", "Pad", {}, "f[5,5] l{1,1}"],
  ["element 5 of a dimension of 5", "Gather", {}, "f[5] l{5}"],
  ["takes 6 of 5 elements", "TopK", { outputs: 2 }, "f[5] l{6}"],
  ["Cannot multiply [2, 3] by [4, 5]", "MatMul", {}, "f[2,3] f[4,5]"],
  ["Gemm can't multiply", "Gemm", {}, "f[2,3] f[4,5]"],
  ["gives j the sizes 3 and 4", "Einsum", { equation: "ij,jk->ik" }, "f[2,3] f[4,5]"],
  ["has 2 terms for 1 inputs", "Einsum", { equation: "ij,jk->ik" }, "f[2,3]"],
  ["Conv of 3 channels", "Conv", {}, "f[1,3,8,8] f[4,2,3,3]"],
  ["a window of 3 over a dimension of 2", "MaxPool", { kernel_shape: [3] }, "f[1,1,2]"],
  ["takes 2 strides, met 1", "AveragePool", { kernel_shape: [2, 2], strides: [2] }, "f[1,1,4,4]"],
  ["Range has a step of 0", "Range", {}, "l(0) l(5) l(0)"],
  ["is given 1 repeats", "Tile", {}, "f[2,2] l{2}"],
  ["Cannot divide 9 by 4", "DepthToSpace", { blocksize: 2 }, "f[1,9,2,2]"],
  ["takes an input of 2 dimensions", "Gemm", {}, "f[2] f[2,2]"],
];

Deno.test("infer: contradictions are refused", async (t) => {
  for (const [message, opType, attributes, inputs] of contradictions) {
    await t.step(`${opType}: ${message}`, () => {
      const text = message.replace("of Flatten", `of ${opType}`);
      assertThrows(() => infer(nodeOf(opType, attributes, inputs), 21), RangeError, text);
    });
  }
});

Deno.test("infer: every operator of operator sets 18 to 23", () => {
  // Strings, sequences and optionals have no dtype and shape.
  const unknown = new Set(
    ("ConcatFromSequence Optional SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceMap " +
      "SplitToSequence StringConcat StringNormalizer StringSplit").split(" "),
  );
  for (const opType of schemaNames()) {
    for (let opset = 18; opset <= 23; opset++) {
      const schema = schemaOf(opType, opset);
      if (!schema || schema.deprecated) continue;
      assertEquals(isInferable(node(opType, [])), !unknown.has(opType), opType);
    }
  }
});

Deno.test("infer: operators of Microsoft's domain", () => {
  const gelu = new OnnxNode({
    name: "n",
    opType: "QuickGelu",
    domain: "com.microsoft",
    inputs: [x(s0, 3)],
    outputs: [new OnnxValue("y")],
  });
  infer(gelu, 21);
  assertEquals(show(gelu.outputs[0].meta), "float32[s0, 3]");
});

/** A graph of nodes in a row. */
function graphOf(name: string, inputs: OnnxValue[], nodes: OnnxNode[], outputs: OnnxValue[]): OnnxGraph {
  const graph = new OnnxGraph(name);
  graph.inputs.push(...inputs);
  for (const each of nodes) graph.insert(each);
  graph.outputs = outputs;
  return graph;
}

Deno.test("infer: If", () => {
  const outer = x(s0, 3);
  const yes = node("Relu", [outer], {}, ["a"]);
  const no = node("Slice", [outer, ints(0), ints(2), ints(1)], {}, ["b"]);
  const both = node("If", [value("c", "bool")], {
    then_branch: graphOf("then", [], [yes], [...yes.outputs]),
    else_branch: graphOf("else", [], [no], [...no.outputs]),
  });
  infer(both, 21, new FreshSymbols());
  assertEquals(show(both.outputs[0].meta), "float32[s0, unk0]");
  const mixed = node("Cast", [outer], { to: 7 }, ["b"]);
  const other = node("If", [value("c", "bool")], {
    then_branch: graphOf("then", [], [], [outer]),
    else_branch: graphOf("else", [], [mixed], [...mixed.outputs]),
  });
  infer(other, 21);
  assertEquals(other.outputs[0].meta, null);
});

/** A loop that appends a row to its state in each turn, and yields the row. */
function growingLoop(trips: OnnxValue | null, stops: boolean): OnnxNode {
  const [turn, go, state] = ["turn", "go", "state"].map((name) => new OnnxValue(name));
  const row = initializer("row", "f[1,2]{0,0}");
  const grown = node("Concat", [state, row], { axis: 0 }, ["grown"]);
  const condition = stops ? node("Less", [turn, int(3)], {}, ["still"]) : node("Identity", [go], {}, ["still"]);
  const same = node("Identity", [row], {}, ["piece"]);
  const body = graphOf(
    "body",
    [turn, go, state],
    [grown, condition, same],
    [condition.outputs[0], grown.outputs[0], same.outputs[0]],
  );
  body.initializers.add(row);
  return node("Loop", [trips, null, x(s0, 2)], { body }, ["last", "rows"]);
}

Deno.test("infer: Loop", async (t) => {
  await t.step("a state that grows", () => {
    const loop = growingLoop(list(first()), false);
    infer(loop, 21, new FreshSymbols());
    assertEquals(loop.outputs.map((v) => show(v.meta)), ["float32[unk1, 2]", "float32[s0, 1, 2]"]);
    const body = [...loop.subgraphs()][0];
    assertEquals(body.inputs.map((v) => show(v.meta)), ["int64[]", "bool[]", "float32[unk0, 2]"]);
    assertEquals(show(body.outputs[1].meta), "float32[unk0 + 1, 2]");
  });
  await t.step("that may stop early", () => {
    const loop = growingLoop(int(5), true);
    infer(loop, 21, new FreshSymbols());
    assertEquals(loop.outputs.map((v) => show(v.meta)), ["float32[unk1, 2]", "float32[unk2, 1, 2]"]);
  });
  await t.step("a state that stays", () => {
    const [turn, go, state] = ["turn", "go", "state"].map((name) => new OnnxValue(name));
    const next = node("Relu", [state], {}, ["next"]);
    const body = graphOf("body", [turn, go, state], [next], [go, next.outputs[0]]);
    const loop = node("Loop", [null, null, x(s0, s1)], { body });
    infer(loop, 21, new FreshSymbols());
    assertEquals(show(loop.outputs[0].meta), "float32[s0, s1]");
  });
});

Deno.test("infer: Scan", () => {
  const [state, element] = [new OnnxValue("state"), new OnnxValue("element")];
  const next = node("Add", [state, element], {}, ["next"]);
  const copy = node("Identity", [next.outputs[0]], {}, ["copy"]);
  const body = graphOf("body", [state, element], [next, copy], [next.outputs[0], copy.outputs[0]]);
  const scan = node("Scan", [x(s0), x(s1, s0)], { body, num_scan_inputs: 1, scan_output_axes: [-1] }, ["last", "all"]);
  infer(scan, 21);
  assertEquals(scan.outputs.map((v) => show(v.meta)), ["float32[s0]", "float32[s0, s1]"]);
});

Deno.test("inferGraph: a graph of nodes", () => {
  const input = value("x", "float32", s0, 3, 4);
  const shape = node("Shape", [input], {}, ["shape"]);
  const head = node("Slice", [shape.outputs[0], ints(0), ints(1)], {}, ["head"]);
  const tail = new OnnxValue("tail");
  tail.initializer = Tensor.of("int64", [1], [-1n]);
  const target = node("Concat", [head.outputs[0], tail], { axis: 0 }, ["target"]);
  const flat = node("Reshape", [input, target.outputs[0]], {}, ["flat"]);
  const graph = graphOf("g", [input], [shape, head, target, flat], [...flat.outputs]);
  graph.initializers.add(tail);
  inferGraph(graph, 21);
  assertEquals(show(tail.meta), "int64[1]");
  assertEquals(show(flat.outputs[0].meta), "float32[s0, 12]");
  for (const each of graph.nodes()) assert(each.outputs.every((v) => v.meta !== null));

  const bad = graphOf("g", [input], [node("MatMul", [input, input], {}, ["bad"])], []);
  assertThrows(() => inferGraph(bad, 21), RangeError, "MatMul node_bad: Cannot multiply");
});

Deno.test("infer: sizes are compared in normal form", () => {
  const a = x(mul(2, add(s0, 1)), 3);
  const b = x(add(mul(2, s0), 2), 3);
  assertEquals(show(result("Concat", [a, b], { axis: 1 }).meta), "float32[2*s0 + 2, 6]");
  assertThrows(() => result("Concat", [a, x(add(mul(2, s0), 3), 3)], { axis: 1 }), RangeError, "Cannot concatenate");
});
