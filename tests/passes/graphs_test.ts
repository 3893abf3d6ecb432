/** Operators over graphs in programs made by hand: what no archive among the fixtures has. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { exportProgram } from "../../src/export/export.ts";
import { DTypeArg, type FxArg, FxGraph, FxNode, FxValue, OperatorArg } from "../../src/fx/mod.ts";
import { ExportError } from "../../src/ir/mod.ts";
import { assertModel } from "../../src/onnx/check.ts";
import * as schemas from "../../src/onnx/op_schema.ts";
import { prepare } from "../../src/passes/mod.ts";
import { add, call, Ranges, symbol } from "../../src/sym/mod.ts";
import { newData, Tensor } from "../../src/tensor/mod.ts";
import { verifyProgram } from "../../src/verify/mod.ts";
import { runProgram } from "../../src/verify/reference.ts";
import { ProgramBuilder, tensor } from "../verify/programs.ts";

const HIGHER = "torch.ops.higher_order.";
const ATEN = "torch.ops.aten.";
const n = symbol("s0");

/** A graph of nodes, each named after its result. */
function graph(name: string, inputs: FxValue[], nodes: [string, FxArg[], FxValue][], outputs: FxArg[]): FxGraph {
  const made = new FxGraph(name);
  made.inputs.push(...inputs);
  for (const [target, args, result] of nodes) {
    made.insert(new FxNode({ name: result.name, target: ATEN + target, args, result }));
  }
  made.outputs = outputs;
  return made;
}

function numbers(shape: number[], start = 1): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  return Tensor.of("float32", shape, Float32Array.from({ length: size }, (_, i) => start + i));
}

/** Exports, checks and runs a program on inputs, with onnxruntime and by the reference; gives the reference's outputs. */
async function check(b: ProgramBuilder, inputs: readonly Tensor[]): Promise<Tensor[]> {
  const program = b.build();
  const result = await exportProgram(program);
  assertModel(result.model, schemas);
  const report = await verifyProgram(result, { ep: "wasm", inputs, intermediates: true });
  assertEquals([report.failure, report.divergence], [null, null]);
  for (const run of report.runs) assert(run.passed, `${run.reason} ${run.outputs.map((o) => o.reason).join()}`);
  const { program: functional, table } = await prepare(program);
  return (await runProgram(functional, table, inputs)) as Tensor[];
}

async function refusal(b: ProgramBuilder): Promise<ExportError> {
  try {
    await exportProgram(b.build());
  } catch (error) {
    if (error instanceof ExportError) return error;
    throw error;
  }
  throw new Error("The program is not refused");
}

/** The sum of rows so far by `associative_scan`, scaled by what comes from outside. */
function sums(ranges: Ranges): ProgramBuilder {
  const b = new ProgramBuilder();
  b.ranges = ranges;
  const x = b.input(tensor("x", "float32", [n, 2]));
  const w = b.input(tensor("w", "float32", [2]));
  const [p, q, v] = [tensor("p", "float32", [2]), tensor("q", "float32", [2]), tensor("v", "float32", [2])];
  const [scaled, sum] = [tensor("scaled", "float32", [2]), tensor("sum", "float32", [2])];
  const combine = graph("combine", [p, q, v], [["mul.Tensor", [p, v], scaled], ["add.Tensor", [scaled, q], sum]], [
    sum,
  ]);
  const [result] = b.node(`${HIGHER}associative_scan`, [combine, [x], [w]], [tensor("y", "float32", [n, 2])]);
  b.output(result);
  return b;
}

Deno.test("associative_scan: running results, along a dim that may be empty and one that is not", async () => {
  for (const min of [0, 2]) {
    const b = sums(Ranges.of([["s0", { min }]]));
    const [y] = await check(b, [numbers([3, 2]), numbers([2], 2)]);
    // y1 = y0 * w + x1, y2 = y1 * w + x2
    assertEquals(y.toArray(), [1, 2, 1 * 2 + 3, 2 * 3 + 4, 5 * 2 + 5, 10 * 3 + 6]);
  }
  const [none] = await check(sums(Ranges.of([["s0", { min: 0 }]])), [numbers([0, 2]), numbers([2])]);
  assertEquals(none.shape, [0, 2]);
});

Deno.test("map and scan: over no element the states stay and the results are empty", async () => {
  const b = new ProgramBuilder();
  b.ranges = Ranges.of([["s0", { min: 0 }]]);
  const x = b.input(tensor("x", "float32", [n, 2]));
  const h = b.input(tensor("h", "float32", [2]));
  const [row, next] = [tensor("row", "float32", [2]), tensor("next", "float32", [2])];
  const [state, element] = [tensor("state", "float32", [2]), tensor("element", "float32", [2])];
  const double = graph("double", [row], [["add.Tensor", [row, row], next]], [next]);
  const sum = tensor("sum", "float32", [2]);
  const step = graph("step", [state, element], [["add.Tensor", [state, element], sum]], [sum, element]);
  const [mapped] = b.node(`${HIGHER}map_impl`, [double, [x], []], [tensor("mapped", "float32", [n, 2])]);
  const [last, all] = b.node(`${HIGHER}scan`, [step, [h], [x], []], [
    tensor("last", "float32", [2]),
    tensor("all", "float32", [n, 2]),
  ]);
  for (const value of [mapped, last, all]) b.output(value);
  for (const size of [0, 1, 3]) {
    const [m, l, a] = await check(b, [numbers([size, 2]), numbers([2], 10)]);
    assertEquals([m.shape, a.shape], [[size, 2], [size, 2]]);
    if (size === 0) assertEquals(l.toArray(), [10, 11]);
    if (size === 3) assertEquals(l.toArray(), [10 + 1 + 3 + 5, 11 + 2 + 4 + 6]);
  }
});

Deno.test("while_loop: numbers are carried, and stay what they are outside", async () => {
  const b = new ProgramBuilder();
  const x = b.input(tensor("x", "float32", [2]));
  const number = (name: string, expr = symbol(name)): FxValue => new FxValue(name, { kind: "sym", type: "int", expr });
  const [i, j] = [number("u0"), number("u1")];
  const [v, w] = [tensor("v", "float32", [2]), tensor("w", "float32", [2])];
  const isLess = new FxValue("lt", { kind: "sym", type: "bool", expr: call("lt", [symbol("u0"), 3]) });
  const cond = graph("cond", [i, v], [], []);
  cond.insert(new FxNode({ name: "lt", target: "_operator.lt", args: [i, 3n], result: isLess }));
  cond.outputs = [isLess];
  const step = tensor("step", "float32", [2]);
  const body = graph("body", [j, w], [["add.Tensor", [w, j], step]], []);
  const more = new FxValue("more", { kind: "sym", type: "int", expr: add(symbol("u1"), 1) });
  body.insert(new FxNode({ name: "more", target: "_operator.add", args: [j, 1n], result: more }));
  body.outputs = [more, step];
  const [count, y] = b.node(`${HIGHER}while_loop`, [cond, body, [0n, x], []], [
    number("u2"),
    tensor("y", "float32", [2]),
  ]);
  b.output(count);
  b.output(y);
  const [turns, sum] = await check(b, [numbers([2])]);
  assertEquals(turns as unknown, 3n);
  assertEquals(sum.toArray(), [1 + 0 + 1 + 2, 2 + 0 + 1 + 2]);
});

Deno.test("vmap: results leave along any dim, of elements of any rank, or the same for all", async () => {
  const functorch = "torch._functorch.predispatch.";
  const b = new ProgramBuilder();
  const x = b.input(tensor("x", "float32", [3, 4]));
  const y = b.input(tensor("y", "float32", [4]));
  b.node(`${functorch}_vmap_increment_nesting`, [4n, "error"], null);
  const row = b.node(`${functorch}_add_batch_dim`, [x, 1n, 1n], tensor("row", "float32", [3]));
  const one = b.node(`${functorch}_add_batch_dim`, [y, 0n, 1n], tensor("one", "float32", []));
  const twice = b.node(`${ATEN}add.Tensor`, [x, x], tensor("twice", "float32", [3, 4]));
  const product = b.node(`${ATEN}mul.Tensor`, [row, one], tensor("product", "float32", [3]));
  const out = b.node(`${functorch}_remove_batch_dim`, [product, 1n, 4n, 1n], tensor("out", "float32", [3, 4]));
  const same = b.node(`${functorch}_remove_batch_dim`, [twice, 1n, 4n, -1n], tensor("same", "float32", [3, 4, 4]));
  b.node(`${functorch}_vmap_decrement_nesting`, [], null);
  b.output(out);
  b.output(same);
  const [a, c] = await check(b, [numbers([3, 4]), numbers([4])]);
  assertEquals(a.toArray(), [1, 4, 9, 16, 5, 12, 21, 32, 9, 20, 33, 48]);
  assertEquals(c.shape, [3, 4, 4]);
  assertEquals(c.toArray().slice(0, 5), [2, 2, 2, 2, 4]);
});

Deno.test("with_effects: what only asserts goes, other operators are refused with all others", async () => {
  const b = new ProgramBuilder();
  const x = b.input(tensor("x", "float32", [2]));
  const token = new FxValue("token", { kind: "object", className: "token" });
  b.graph.inputs.unshift(token);
  b.inputSpecs.unshift({ kind: "TOKEN", value: token, target: null, persistent: null });
  const [next] = b.node(`${HIGHER}with_effects`, [token, new OperatorArg(`${ATEN}_print.default`), "hi"], [
    new FxValue("next", { kind: "object", className: "token" }),
    null,
  ]) as [FxValue, null];
  b.output(next, "TOKEN");
  b.output(b.node(`${ATEN}add.Tensor`, [x, 1n], tensor("y", "float32", [2])));
  const [, y] = await check(b, [numbers([2])]);
  assertEquals(y.toArray(), [2, 3]);

  const print = new OperatorArg(`${HIGHER}print`);
  b.node(`${HIGHER}with_effects`, [next, print, "hi"], [
    new FxValue("last", { kind: "object", className: "token" }),
    null,
  ]);
  b.node("torch.ops.mine.op.default", [x], tensor("z", "float32", [2]));
  const { errors } = await refusal(b);
  assertEquals(errors.length, 2);
  assertMatch(errors[0].message, /higher_order.print is not supported[^]*remove the print call/);
  assertMatch(errors[1].message, /mine.op.default is not supported/);
});

Deno.test("a branch that writes to what it is given is refused with what to do", async () => {
  const b = new ProgramBuilder();
  const x = b.input(tensor("x", "float32", [2]));
  const p = b.input(tensor("p", "bool", []));
  const [v, w] = [tensor("v", "float32", [2]), tensor("w", "float32", [2])];
  const writes = graph("yes", [v], [["add_.Tensor", [v, 1n], tensor("add_", "float32", [2])]], [v]);
  const reads = graph("no", [w], [["sin.default", [w], tensor("sin", "float32", [2])]], [w]);
  b.output(b.node(`${HIGHER}cond`, [p, writes, reads, [x]], [tensor("y", "float32", [2])])[0]);
  let message = "";
  await exportProgram(b.build()).catch((error) => message = error.message);
  assertMatch(message, /writes to its input v[^]*Return the new value/);
});

Deno.test("states that torch 2.8 recorded with a dim too many are corrected; its decomposition is refused", async () => {
  const b = new ProgramBuilder();
  const x = b.input(tensor("x", "float32", [5, 1, 2]));
  const h = b.input(tensor("h", "float32", [1, 1, 1]));
  const weights = [[4, 2], [4, 1], [4], [4]].map((shape, i) => b.weight(`w${i}`, numbers(shape, -2)));
  const args = [x, [h, h], weights, true, 1n, 0, false, false, false];
  const results = b.node(`${ATEN}lstm.input`, args, [
    tensor("output", "float32", [5, 1, 1]),
    tensor("state", "float32", [1, 1, 1, 1]),
    tensor("cell", "float32", [1, 1, 1, 1]),
  ]);
  for (const value of results) b.output(value);
  const made = await check(b, [numbers([5, 1, 2]), Tensor.of("float32", [1, 1, 1], newData("float32", 1))]);
  assertEquals(made.map(({ shape }) => shape), [[5, 1, 1], [1, 1, 1], [1, 1, 1]]);

  const recorded = { metadata: new Map([["torch_fn", "lstm_1;builtin_function_or_method.lstm"]]) };
  const modules = [{ path: "encoder", className: "torch.nn.modules.rnn.LSTM" }];
  // Before torch 2.4, the module is all that is recorded of the call.
  for (const  of of[recorded, { origin: { node: "view", target: "", text: "", modules, stackTrace: "" } }]) {
    const c = new ProgramBuilder();
    const y = c.input(tensor("y", "float32", [1, 2, 8]));
    const view = new FxNode({
      name: "view",
      target: `${ATEN}view.default`,
      args: [y, [1n, 1n, 2n, 8n]],
      result: tensor("view", "float32", [1, 1, 2, 8]),
      ...of,
    });
    c.graph.insert(view);
    c.output(view.outputs[0]);
    assertMatch((await refusal(c)).message, /decomposed lstm wrongly[^]*run_decompositions/);
  }
});

Deno.test("a graph that is given another number of values than it takes is refused", async () => {
  const b = new ProgramBuilder();
  const x = b.input(tensor("x", "float32", [2]));
  const v = tensor("v", "float32", [2]);
  const body = graph("body", [v], [["sin.default", [v], tensor("sin", "float32", [2])]], []);
  body.outputs = [...body.nodes()][0].outputs.slice();
  b.output(b.node(`${HIGHER}invoke_subgraph`, [body, "name", x, x], [tensor("y", "float32", [2])])[0]);
  assertMatch((await refusal(b)).message, /has 1 inputs, but is given 2/);
});

Deno.test("questions about dtypes and storages that nothing is made of are left out", async () => {
  const b = new ProgramBuilder();
  const x = b.input(tensor("x", "float32", [2]));
  const unused: [string, FxArg[]][] = [
    ["promote_types.default", [new DTypeArg("int8"), new DTypeArg("uint8")]],
    ["result_type.Tensor", [x, x]],
    ["result_type.Scalar", [x, 1.5]],
    ["result_type.Scalar_Tensor", [1n, x]],
    ["result_type.Scalar_Scalar", [1n, 1.5]],
    ["can_cast.default", [new DTypeArg("int32"), new DTypeArg("float32")]],
    ["is_same_size.default", [x, x]],
    ["is_set_to.default", [x, x]],
    ["is_pinned.default", [x]],
  ];
  for (const [target, args] of unused) b.node(ATEN + target, args, []);
  b.output(b.node(`${ATEN}neg.default`, [x], tensor("neg", "float32", [2])));
  const { model } = await exportProgram(b.build());
  assertEquals(Array.from(model.graph.nodes(), ({ opType }) => opType), ["Neg"]);
});
