/**
 * Seeded faults: each is planted in a translated model, must be caught, and the search must name the node it was planted in,
 * whether one session gives all values or several give them in pieces.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { exportProgram } from "../../src/export/export.ts";
import type { ExportedProgram } from "../../src/fx/mod.ts";
import { onnxDType } from "../../src/onnx/dtypes.ts";
import { type AttributeInput, float, type Model, OnnxNode, OnnxValue, toAttributes } from "../../src/onnx/model.ts";
import { readModel } from "../../src/onnx/deserialize.ts";
import { serializeModel } from "../../src/onnx/serialize.ts";
import { type DType, Tensor } from "../../src/tensor/mod.ts";
import { formatReport, type VerificationReport, verify } from "../../src/verify/mod.ts";
import { lowered, ProgramBuilder, tensor } from "./programs.ts";

const archive = (name: string): URL => new URL(`../fixtures/${name}.pt2`, import.meta.url);

/** A model in which a fault is planted. */
class Plot {
  readonly node: OnnxNode;

  constructor(readonly model: Model, name: string) {
    const node = [...model.graph.nodes()].find((node) => node.name === name);
    if (!node) throw new Error(`The model has no node ${name}`);
    this.node = node;
  }

  /** A node before the planted one. */
  add(opType: string, inputs: readonly (OnnxValue | null)[], dtype: DType, given: Attributes = {}): OnnxValue {
    const { meta } = this.node.outputs[0];
    const output = new OnnxValue(`planted_${opType}_${this.model.graph.size}`, { dtype, shape: meta!.shape });
    const attributes = toAttributes(given);
    const node = new OnnxNode({ name: `node_${output.name}`, opType, inputs, outputs: [output], attributes });
    this.model.graph.insert(node, this.node);
    return output;
  }

  constant(dtype: DType, shape: readonly number[], values: readonly number[]): OnnxValue {
    const value = new OnnxValue(`planted_${this.model.graph.initializers.size}`, { dtype, shape });
    value.initializer = Tensor.of(dtype, shape, values);
    this.model.graph.initializers.add(value);
    return value;
  }

  /** Another node in the place of the planted one, under its name and giving its value. */
  replace(
    opType: string,
    inputs: readonly (OnnxValue | null)[],
    given: Attributes | null = {},
    meta = this.node.outputs[0].meta,
  ): void {
    const { node, model: { graph } } = this;
    const [old] = node.outputs;
    const output = new OnnxValue(old.name, meta);
    const attributes = given === null ? node.attributes : toAttributes(given);
    graph.insert(new OnnxNode({ name: node.name, opType, inputs, outputs: [output], attributes }), node);
    graph.replaceAllUses(old, output);
    graph.outputs = graph.outputs.map((value) => value === old ? output : value);
    graph.remove(node);
  }
}

type Attributes = Readonly<Record<string, AttributeInput>>;

interface Fault {
  readonly what: string;
  readonly program: string | (() => ProgramBuilder);
  /** The ONNX node that is planted. */
  readonly at: string;
  readonly plant: (plot: Plot) => void;
  /** The FX node that must be named. */
  readonly node: string;
  readonly reason: RegExp;
}

const FAULTS: readonly Fault[] = [
  {
    what: "a wrong epsilon",
    program: "transformer",
    at: "node_layer_norm_1",
    plant: ({ node }) => {
      node.attributes = new Map([...node.attributes, ...toAttributes({ epsilon: float(1e-2) })]);
    },
    node: "layer_norm_1",
    reason: /elements differ by more than/,
  },
  {
    what: "a swapped axis",
    program: "transformer",
    at: "node_scaled_dot_product_attention_Softmax",
    plant: ({ node }) => node.attributes = toAttributes({ axis: -2 }),
    node: "scaled_dot_product_attention",
    reason: /elements differ by more than/,
  },
  {
    what: "a dropped argument",
    program: "convnet",
    at: "node_conv2d",
    plant: (plot) => plot.replace("Conv", plot.node.inputs.slice(0, 2), null),
    node: "conv2d",
    reason: /elements differ by more than/,
  },
  {
    what: "NaN",
    program: "mlp",
    at: "node_sigmoid_1",
    plant: (plot) =>
      plot.replace("Log", [plot.add("Neg", [plot.add("Abs", [plot.node.inputs[0]], "float32")], "float32")]),
    node: "sigmoid_1",
    reason: /NaN on one side only/,
  },
  {
    what: "a wrong constant",
    program: "transformer",
    at: "node_scaled_dot_product_attention_Mul",
    plant: (plot) => plot.replace("Mul", [plot.node.inputs[0], plot.constant("float32", [], [0.7])]),
    node: "scaled_dot_product_attention",
    reason: /elements differ by more than/,
  },
  {
    what: "swapped operands",
    program: () => binary("sub", "float32", [[5, 2, 7], [1, 2, 3]]),
    at: "node_sub",
    plant: (plot) => plot.replace("Sub", [...plot.node.inputs].reverse()),
    node: "sub",
    reason: /^2 of 3 elements differ .* first at \[0\]: -4 instead of 4$/,
  },
  {
    what: "a broadcastable wrong shape of equal values",
    program: () => binary("sub", "float32", [[5, 2, 7], [1, 2, 3]]),
    at: "node_neg",
    plant: (plot) => {
      const neg = plot.add("Neg", plot.node.inputs, "float32");
      plot.replace("Unsqueeze", [neg, plot.constant("int64", [1], [0])], {}, { dtype: "float32", shape: [1, 3] });
    },
    node: "neg",
    reason: /^shape \[1, 3\] instead of \[3\]$/,
  },
  {
    what: "saturation where uint8 wraps",
    program: () => binary("add", "uint8", [[200, 1, 255], [100, 2, 1]]),
    at: "node_add",
    plant: (plot) => {
      const [x, y] = plot.node.inputs.map((value) => plot.add("Cast", [value], "int32", { to: onnxDType("int32") }));
      const sum = plot.add("Add", [x, y], "int32");
      const top = plot.add("Min", [sum, plot.constant("int32", [], [255])], "int32");
      plot.replace("Cast", [top], { to: onnxDType("uint8") });
    },
    node: "add",
    reason: /^2 of 3 elements differ, first at \[0\]: 255 instead of 44$/,
  },
];

/** `-(x OP y)`. */
function binary(op: "add" | "sub", dtype: DType, samples: readonly number[][]): ProgramBuilder {
  const program = new ProgramBuilder();
  const [x, y] = ["x", "y"].map((name) => program.input(tensor(name, dtype, [3])));
  const result = program.node(`torch.ops.aten.${op}.Tensor`, [x, y], tensor(op, dtype, [3]), `z = x ${op} y`);
  program.output(program.node("torch.ops.aten.neg.default", [result], tensor("neg", dtype, [3]), "return -z"));
  program.samples = samples.map((values) => Tensor.of(dtype, [3], values));
  return program;
}

/** A translated model, read again as it was written, and its program. */
async function translated(program: Fault["program"]): Promise<{ model: Model; program: URL | ExportedProgram }> {
  if (typeof program === "string") {
    await using result = await exportProgram(archive(program));
    return { model: await readModel(await result.toBytes()), program: archive(program) };
  }
  const result = await lowered(program().build());
  return { model: await readModel(await serializeModel(result.model)), program: result.functionalProgram };
}

function text(report: VerificationReport): string {
  return formatReport(report).join("\n");
}

/** All values at once, and in pieces of a few values each. */
const LIMITS = [2 ** 28, 600];

for (const name of ["mlp", "convnet", "transformer"]) {
  Deno.test(`faults: none are found in the sound ${name}`, async () => {
    const { model, program } = await translated(name);
    for (const intermediateBytes of LIMITS) {
      const report = await verify(model, { program, ep: "wasm", intermediates: true, intermediateBytes });
      assertEquals([report.passed, report.divergence], [true, null], text(report));
      const inPieces = report.notes.some((note) => /^Values inside the model were compared in \d+ pieces$/.test(note));
      assertEquals(inPieces, intermediateBytes === 600, text(report));
    }
  });
}

for (const { what, program: made, at, plant, node, reason } of FAULTS) {
  Deno.test(`faults: ${what} is caught, and ${node} named`, async () => {
    const { model, program } = await translated(made);
    plant(new Plot(model, at));
    const bytes = await serializeModel(model);
    for (const intermediateBytes of LIMITS) {
      const report = await verify(bytes, { program, ep: "wasm", intermediates: true, intermediateBytes });
      assertEquals(report.failure, null);
      assert(!report.passed, text(report));
      const { divergence } = report;
      assertEquals(divergence?.node, node, text(report));
      assertMatch(divergence!.comparison.reason, reason);
      assertMatch(divergence!.operator, /^aten\./);
      assert(divergence!.source !== null && divergence!.onnxNode !== null);
      if (typeof made === "string") assert(divergence!.module !== null);
      if (divergence!.comparison.mismatches > 0) assert(divergence!.comparison.first.length > 0);
      assertMatch(text(report), new RegExp(`First difference: \\S+ of ${node} \\(aten`));
    }
  });
}

Deno.test("faults: a value inside of a wrong shape that broadcasts is named although the outputs agree", async () => {
  const { model, program } = await translated(() => binary("sub", "float32", [[5, 2, 7], [1, 2, 3]]));
  const inner = new Plot(model, "node_sub");
  const flat = inner.add("Sub", inner.node.inputs, "float32");
  inner.replace("Unsqueeze", [flat, inner.constant("int64", [1], [0])], {}, { dtype: "float32", shape: [1, 3] });
  const outer = new Plot(model, "node_neg");
  const squeezed = outer.add("Squeeze", [outer.node.inputs[0], outer.constant("int64", [1], [0])], "float32");
  outer.replace("Neg", [squeezed]);
  const report = await verify(model, { program, ep: "wasm", intermediates: true });
  assertEquals(report.runs.map((run) => run.passed), [true]);
  assertEquals([report.divergence?.node, report.divergence?.comparison.reason], [
    "sub",
    "shape [1, 3] instead of [3]",
  ]);
});
