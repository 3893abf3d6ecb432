/**
 * What WebGPU can load but not run, or computes wrongly: the forms that avoid it agree on the CPU and where there is an adapter
 * on WebGPU, whatever the target. Where there is no such form, verification runs the model on the CPU and says why,
 * unless WebGPU is insisted on.
 */
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { exportProgram } from "../../src/export/export.ts";
import type { FxArg, FxValue } from "../../src/fx/mod.ts";
import { VerificationError } from "../../src/ir/mod.ts";
import { convTranspose3d } from "../../src/aten/convolution.ts";
import type { Op } from "../../src/aten/op.ts";
import type { Model, OnnxNode } from "../../src/onnx/model.ts";
import { optimize } from "../../src/optimize/mod.ts";
import { add, type Dim, floorDiv, isSym, mul, Ranges, symbol } from "../../src/sym/mod.ts";
import { type DType, Tensor } from "../../src/tensor/mod.ts";
import { formatReport, hasWebGpu, verifyProgram } from "../../src/verify/mod.ts";
import { readPlacement } from "../../src/verify/placement.ts";
import { uniform } from "../../src/verify/inputs.ts";
import { fixture } from "../fixtures.ts";
import { lowered, ProgramBuilder, tensor } from "./programs.ts";

const has = await hasWebGpu();
const ignore = !has && Deno.env.get("FX2ONNX_REQUIRE_WEBGPU") !== "1";
const why = ignore ? " (ignored: no WebGPU adapter)" : "";

function random(shape: readonly number[], stream: number): Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  return Tensor.of("float32", shape, Array.from({ length: count }, (_, i) => 2 * uniform(stream, i) - 1));
}

interface Call {
  readonly op: string;
  readonly input: readonly [symbolic: readonly Dim[], sample: readonly number[]];
  readonly weights?: readonly (readonly number[])[];
  readonly rest: readonly FxArg[];
  readonly outputs: readonly (readonly [DType, readonly Dim[]])[];
  /** Whether WebGPU can't run a node, or runs it wrongly. */
  readonly lacks: (node: OnnxNode) => boolean;
  readonly ranges?: Ranges;
}

const n = symbol("s0");
const ints = (...values: number[]): bigint[] => values.map(BigInt);

const CALLS: readonly Call[] = [
  {
    op: "conv_transpose3d.input",
    input: [[n, 4, 3, 3, 2], [2, 4, 3, 3, 2]],
    weights: [[4, 3, 3, 2, 2], [6]],
    // stride, padding, output_padding, groups, dilation
    rest: [ints(2, 2, 1), ints(1, 2, 0), ints(1, 0, 0), 2n, ints(1, 2, 1)],
    outputs: [["float32", [n, 6, 6, 3, 3]]],
    lacks: (node) => node.opType === "ConvTranspose" && node.inputs[0]?.meta?.shape.length === 5,
  },
  {
    op: "conv3d",
    input: [[n, 4, 5, 4, 4], [2, 4, 5, 4, 4]],
    weights: [[4, 1, 3, 3, 3], [4]],
    rest: [ints(2, 1, 1), ints(1, 1, 0), ints(1, 1, 1), 4n],
    outputs: [["float32", [n, 4, 3, 4, 2]]],
    lacks: (node) => node.opType === "Conv" && node.inputs[0]?.meta?.shape.length === 5,
  },
  {
    op: "max_pool2d_with_indices",
    input: [[n, 2, 7, 6], [2, 2, 7, 6]],
    rest: [ints(3, 2), ints(2, 2), ints(1, 1), ints(1, 1), true],
    outputs: [["float32", [n, 2, 4, 4]], ["int64", [n, 2, 4, 4]]],
    lacks: (node) => node.opType === "MaxPool" && node.outputs.length > 1,
  },
  {
    op: "adaptive_max_pool2d",
    input: [[n, 2, 6, 4], [2, 2, 6, 4]],
    rest: [ints(3, 2)],
    outputs: [["float32", [n, 2, 3, 2]], ["int64", [n, 2, 3, 2]]],
    lacks: (node) => node.opType === "MaxPool" && node.outputs.length > 1,
  },
  {
    // One channel of each group of two.
    op: "conv_transpose2d.input",
    input: [[n, 4, 3, 3], [2, 4, 3, 3]],
    weights: [[4, 1, 2, 3], [2]],
    rest: [ints(2, 1), ints(1, 0), ints(0, 0), 2n, ints(1, 1)],
    outputs: [["float32", [n, 2, 4, 5]]],
    lacks: (node) => node.opType === "ConvTranspose" && node.inputs[1]!.meta!.shape[1] === 1,
  },
  {
    // A multiple of 3 channels to one of 4.
    op: "conv2d",
    input: [[n, 9, 5, 6], [2, 9, 5, 6]],
    weights: [[8, 9, 3, 2], [8]],
    rest: [ints(2, 1), ints(1, 0)],
    outputs: [["float32", [n, 8, 3, 5]]],
    lacks: (node) => node.opType === "Conv" && node.inputs[1]!.meta!.shape[1] === 9,
  },
  {
    op: "conv1d",
    input: [[2, 6, n], [2, 6, 7]],
    weights: [[4, 6, 1], [4]],
    rest: [ints(2)],
    outputs: [["float32", [2, 4, add(floorDiv(add(n, -1), 2), 1)]]],
    lacks: (node) => node.opType === "Conv" && node.inputs[1]!.meta!.shape[1] === 6,
  },
  {
    op: "fft_rfft",
    input: [[3, n], [3, 30]],
    rest: [],
    outputs: [["complex64", [3, add(floorDiv(n, 2), 1)]]],
    ranges: Ranges.of([["s0", { min: 2, max: 64 }]]),
    lacks: (node) => node.opType === "DFT" || node.outputs[0].meta?.dtype === "float64",
  },
  {
    op: "fft_ifft",
    input: [[n, 3], [30, 3]],
    rest: [null, 0n],
    outputs: [["complex64", [n, 3]]],
    ranges: Ranges.of([["s0", { min: 2, max: 64 }]]),
    lacks: (node) => node.opType === "DFT" || node.outputs[0].meta?.dtype === "float64",
  },
];

function programOf({ op, input, weights = [], rest, outputs, ranges = Ranges.none }: Call): ProgramBuilder {
  const program = new ProgramBuilder();
  program.ranges = ranges;
  const given = weights.map((shape, i) => program.weight(`w${i}`, random(shape, i + 1)));
  const x = program.input(tensor("x", "float32", input[0]));
  const results = outputs.map(([dtype, shape], i) => tensor(`y${i}`, dtype, shape));
  const result = results.length === 1 ? results[0] : results;
  program.node(`torch.ops.aten.${op}${op.includes(".") ? "" : ".default"}`, [x, ...given, ...rest], result);
  for (const value of results) program.output(value);
  program.samples = [random(input[1], 0)];
  return program;
}

for (const call of CALLS) {
  for (const ep of ["wasm", "webgpu"] as const) {
    Deno.test({
      name: `${call.op} agrees on ${ep}${ep === "webgpu" ? why : ""}`,
      ignore: ep === "webgpu" && ignore,
      async fn() {
        const program = await lowered(programOf(call).build());
        assert(![...program.model.graph.nodes()].some(call.lacks));
        const report = await verifyProgram(program, { ep });
        assertEquals([report.passed, report.ep, report.notes], [true, ep, []], formatReport(report).join("\n"));
        assertEquals(report.runs.length, 2);
      },
    });
  }
}

/** Masks of rows, of columns, and what both make with each: WebGPU's And mixes up which of them is repeated. */
function masks(): ProgramBuilder {
  const program = new ProgramBuilder();
  const [rows, columns, whole] = [[n, 1], [1, n], [n, n]] as const;
  const x = program.input(tensor("x", "float32", rows));
  const y = program.input(tensor("y", "float32", columns));
  const mask = (name: string, of: FxValue, shape: readonly Dim[]): FxValue =>
    program.node("torch.ops.aten.gt.Scalar", [of, 0.25], tensor(name, "bool", shape));
  const both = (name: string, a: FxValue, b: FxValue): FxValue =>
    program.node("torch.ops.aten.logical_and.default", [a, b], tensor(name, "bool", whole));
  const [row, column] = [mask("row", x, rows), mask("column", y, columns)];
  const first = both("first", row, column);
  for (const value of [first, both("second", first, column), both("third", row, first), both("fourth", column, row)]) {
    program.output(value);
  }
  program.samples = [random([8, 1], 0), random([1, 8], 1)];
  return program;
}

for (const ep of ["wasm", "webgpu"] as const) {
  Deno.test({
    name: `masks of several shapes agree on ${ep}${ep === "webgpu" ? why : ""}`,
    ignore: ep === "webgpu" && ignore,
    async fn() {
      const program = await lowered(masks().build());
      const expands = (): number => [...program.model.graph.nodes()].filter((v) => v.opType === "Expand").length;
      assertEquals(expands(), 1);
      optimize(program.model as Model);
      assertEquals(expands(), 1);
      const report = await verifyProgram(program, { ep });
      assertEquals([report.passed, report.ep], [true, ep], formatReport(report).join("\n"));
    },
  });
}

Deno.test({
  name: `webgpu: a kernel's limit leads to the CPU with a note, or is told where WebGPU is insisted on${why}`,
  ignore,
  async fn() {
    const plain: typeof convTranspose3d = {
      ...convTranspose3d,
      onnx: (b, { input, weight, bias }) =>
        b.op("ConvTranspose", [input, weight, bias], {
          strides: [2, 2, 1],
          pads: [1, 2, 0, 1, 2, 0],
          output_padding: [1, 0, 0],
          group: 2,
          dilations: [1, 2, 1],
        }),
    };
    const program = await lowered(programOf(CALLS[0]).build(), {}, [plain as Op]);
    const report = await verifyProgram(program, { ep: "auto" });
    assertEquals([report.passed, report.ep, report.runs.length, report.notes.length], [true, "wasm", 2, 1]);
    assertMatch(report.notes[0], /^WebGPU was not used: onnxruntime-web can't run the model on webgpu: .*Conv2d/);
    const insisted = await verifyProgram(program, { ep: "webgpu" });
    assertEquals([insisted.passed, insisted.ep], [false, "webgpu"]);
    assertMatch(insisted.runs[0].reason, /Only Conv2d or Conv1d are supported.*\n.*choose the provider wasm/);
  },
});

/** `tanh(round(x))`, of which WebGPU lacks one. */
function mixed(): ProgramBuilder {
  const program = new ProgramBuilder();
  const x = program.input(tensor("x", "float32", [4]));
  const round = program.node("torch.ops.aten.round.default", [x], tensor("round", "float32", [4]));
  program.output(program.node("torch.ops.aten.tanh.default", [round], tensor("tanh", "float32", [4])) as FxValue);
  program.samples = [Tensor.of("float32", [4], [0.4, 1.6, -2.5, 3])];
  return program;
}

Deno.test({
  name: `webgpu: placement tells nodes on the CPU, why, and copies${why}`,
  ignore,
  async fn() {
    const report = await verifyProgram(await lowered(mixed().build()), { ep: "webgpu", placement: true });
    assert(report.passed, formatReport(report).join("\n"));
    const { placement } = report;
    assertEquals(placement!.cpu, [{
      name: "node_round",
      operator: "Round",
      reason: "WebGPU has no kernel of Round",
    }]);
    assertEquals([placement!.gpu, placement!.copiesToCpu + placement!.copiesToGpu > 0], [1, true]);
    assertMatch(formatReport(report).join("\n"), /Placement: 1 nodes? on the GPU, 1 on the CPU, \d cop/);
  },
});

Deno.test("placement: the runtime's log is read, whether all is in one place or not", async () => {
  const { model } = await lowered(mixed().build());
  const line = (text: string): string =>
    `2026 [V:onnxruntime:, session_state.cc:1 VerifyEachNodeIsAssignedToAnEp] ${text}`;
  const all = readPlacement(line("All nodes placed on [WebGpuExecutionProvider]. Number of nodes: 7"), model);
  assertEquals(all, { gpu: 7, cpu: [], copiesToCpu: 0, copiesToGpu: 0 });
  const log = [
    line("Node placements"),
    line(" Node(s) placed on [CPUExecutionProvider]. Number of nodes: 1"),
    line("  Round (node_round_token_3)"),
    line(" Node(s) placed on [WebGpuExecutionProvider]. Number of nodes: 3"),
    line("  Tanh (node_tanh)"),
    line("  MemcpyFromHost (Memcpy)"),
    line("  MemcpyToHost (Memcpy_1)"),
    "2026 [I:onnxruntime:, session_state.cc:2 Other]   Relu (node_other)",
  ].join("\n");
  const { gpu, cpu, copiesToCpu, copiesToGpu } = readPlacement(log, model);
  assertEquals([gpu, cpu.map((node) => node.operator), copiesToCpu, copiesToGpu], [1, ["Round"], 1, 1]);
  assertThrows(() => readPlacement("", model), VerificationError, "did not tell where");
});

Deno.test({
  name: `webgpu: the same model on the CPU is a reference for it${why}`,
  ignore,
  async fn() {
    const x = symbol("s1");
    const program = new ProgramBuilder();
    const input = program.input(tensor("x", "float32", [x, 3]));
    const tanh = program.node("torch.ops.aten.tanh.default", [input], tensor("tanh", "float32", [x, 3]));
    program.output(program.node("torch.ops.aten.exp.default", [tanh], tensor("exp", "float32", [x, 3])));
    const report = await verifyProgram(await lowered(program.build()), { reference: "wasm", intermediates: true });
    assertEquals(
      [report.passed, report.ep, report.reference],
      [true, "webgpu", "wasm"],
      formatReport(report).join("\n"),
    );
    assertEquals([report.runs.length, report.divergence], [2, null]);
  },
});

Deno.test("verification: options that contradict each other are refused", async () => {
  const program = await lowered(mixed().build());
  const refused = [
    [{ reference: "wasm", ep: "wasm" }, "a run compared with itself shows nothing"],
    [{ reference: "eager", expected: new Uint8Array() }, "exclude each other"],
    [{ rtol: -1 }, "Option rtol must be a number of at least 0, met -1"],
    [{ atol: { int64: 1 } }, "Option atol has int64, which is no float dtype"],
    [{ intermediateBytes: 0 }, "must be a positive number, met 0"],
  ] as const;
  for (const [options, message] of refused) {
    await assertRejects(() => verifyProgram(program, options), VerificationError, message);
  }
});

Deno.test("verification: extremes are tried too, within the ranges", async () => {
  const [a, b] = [symbol("s0"), symbol("s1")];
  const program = new ProgramBuilder();
  const x = program.input(tensor("x", "float32", [mul(2, a), b]));
  program.output(program.node("torch.ops.aten.neg.default", [x], tensor("neg", "float32", [mul(2, a), b])));
  program.ranges = Ranges.of([["s0", { min: 2, max: 9 }], ["s1", { min: 3, max: 50 }]]);
  program.samples = [random([8, 5], 0)];
  const report = await verifyProgram(await lowered(program.build()), { ep: "wasm", extremes: true });
  assert(report.passed, formatReport(report).join("\n"));
  assertEquals(report.runs.map((run) => run.inputs), ["sample", "s0=5, s1=6", "s0=2, s1=3", "s0=9, s1=50"]);
});

Deno.test("verification: extremes reach 0 and 1 where the range, the program and the runtime have them", async () => {
  const m = symbol("s1");
  const program = new ProgramBuilder();
  const x = program.input(tensor("x", "float32", [n, m]));
  program.output(
    program.node("torch.ops.aten.select.int", [x, 1n, 0n], tensor("select", "float32", [n])),
  );
  program.ranges = Ranges.of([["s0", { min: 0, max: 9 }], ["s1", { min: 0, max: 9 }]]);
  program.samples = [random([4, 5], 0)];
  const report = await verifyProgram(await lowered(program.build()), { ep: "wasm", extremes: true });
  assert(report.passed, formatReport(report).join("\n"));
  // There is no first element of none.
  assertEquals(report.runs.map((run) => run.inputs), ["sample", "s0=5, s1=6", "s0=1, s1=1", "s0=9, s1=9", "s0=0"]);
  assertEquals(report.notes.map((note) => note.split(".")[0]), ["Not compared: s1=0"]);
});

Deno.test("verification: extremes join several sets of inputs; to recorded outputs nothing can be compared there", async () => {
  await using program = await exportProgram(fixture("mlp.pt2"));
  const [recorded, options] = [fixture("mlp.safetensors"), { ep: "wasm", extremes: true } as const];
  const given = await verifyProgram(program, { ...options, inputs: recorded });
  assertEquals(given.runs.slice(2).map((run) => run.inputs), ["s18=1", "s18=96", "s18=0"]);
  const expected = await verifyProgram(program, { ...options, expected: recorded });
  assertEquals([expected.runs.length, expected.notes.length], [2, 1]);
});

Deno.test("verification: a runtime that breaks down at empty tensors is told, and fails only where they are given", async () => {
  const lstm = fixture("lstm.pt2");
  await using program = await exportProgram(lstm);
  const report = await verifyProgram(program, { ep: "wasm", extremes: true });
  assert(report.passed, formatReport(report).join("\n"));
  assert(report.notes.some((note) => note.startsWith("Not compared: s77=0. Some kernels of the runtime")));
  const [{ meta }] = program.exportedProgram.graph.inputs.slice(-1);
  const shape = meta.kind === "tensor" ? meta.shape.map((dim) => isSym(dim) ? 0 : dim) : [];
  const given = await verifyProgram(program, { ep: "wasm", inputs: [Tensor.of("float32", shape, [])] });
  assertEquals([given.passed, given.runs[0].inputs, given.runs[0].passed], [false, "given", false]);
});
