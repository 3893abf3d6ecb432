// deno-lint-ignore-file no-explicit-any -- programs of any signature
/** Captures programs strictly, and compares what they compute with what the functions themselves do. */
import { assert, assertEquals } from "@std/assert";
import * as onnx from "../../../mod.ts";
import { Session } from "../../../src/capture/session.ts";
import { strict } from "../../../src/capture/strict/strict.ts";
import { Subject } from "../../../src/capture/subject.ts";
import { Tensor } from "../../../torch.ts";

/** A model: a module, or a function. */
export type Program = ((...args: any[]) => unknown) | {
  forward(...args: any[]): unknown;
  call(...args: any[]): unknown;
};

/** What is captured and compared. */
export interface Case {
  readonly model: Program;
  /** Makes the model anew for each call, where calls change it. */
  readonly make?: () => Program;
  /** The first is the example that is captured; others have other sizes, or take other ways. */
  readonly inputs: readonly (readonly unknown[])[];
  readonly dynamicShapes?: unknown;
  /** Operators that the graph must have, or with `!` must not have. */
  readonly nodes?: readonly string[];
  /** A part of a warning that is given. */
  readonly warning?: RegExp;
}

/** Captures a model strictly. */
export async function captureStrictly(
  model: Program,
  args: readonly unknown[],
  dynamicShapes: unknown = null,
): Promise<onnx.ExportedProgram> {
  const session = await Session.open(new Subject(model), { args, kwargs: {}, dynamicShapes });
  return (await strict.capture(session)).program;
}

/** Checks that a captured program gives what its function gives, for all inputs. */
export async function check(
  { model, make, inputs, dynamicShapes, nodes = [], warning }: Case,
): Promise<onnx.ExportedProgram> {
  const eager = inputs.map((args) => plain(run(make?.() ?? model, copied(args))));
  const program = await captureStrictly(model, inputs[0], dynamicShapes);
  const text = [...targets(program.graph)].join("\n");
  for (const node of nodes) {
    if (node.startsWith("!")) assert(!text.includes(node.slice(1)), `There is ${node.slice(1)}:\n${text}`);
    else assert(text.includes(node), `There is no ${node}:\n${text}`);
  }
  if (warning) assert(program.warnings.some((one) => warning.test(one)), program.warnings.join("\n"));
  // The program is what an archive of it says.
  const archive = new Uint8Array(await new Response(await bytesOf(program)).arrayBuffer());
  await keep(archive, inputs, eager);
  const exported = await onnx.export(archive, [], null, { ep: "wasm" });
  try {
    for (const [i, args] of inputs.entries()) {
      const result = plain(await exported.call(args.map(core)));
      assertClose(result, eager[i], `inputs ${i}`);
    }
  } finally {
    await exported.release();
  }
  return program;
}

/** Keeps programs with inputs and outputs where `STRICT_PROGRAMS` says, for tests/tools/strict_in_torch.py. */
async function keep(archive: Uint8Array, inputs: Case["inputs"], outputs: readonly unknown[]): Promise<void> {
  const folder = Deno.env.get("STRICT_PROGRAMS");
  if (folder === undefined) return;
  const name = `${folder}/${crypto.randomUUID()}`;
  await Deno.writeFile(`${name}.pt2`, archive);
  // JSON has no NaN and no infinity: they are texts.
  const asText = (_: string, x: unknown): unknown => typeof x === "number" && !Number.isFinite(x) ? String(x) : x;
  const kept = { inputs: inputs.map((args) => args.map(plain)), outputs };
  await Deno.writeTextFile(`${name}.json`, JSON.stringify(kept, asText));
}

async function bytesOf(program: onnx.ExportedProgram): Promise<Uint8Array<ArrayBuffer>> {
  const path = await Deno.makeTempFile({ suffix: ".pt2" });
  try {
    await onnx.saveProgram(program, path);
    return await Deno.readFile(path);
  } finally {
    await Deno.remove(path);
  }
}

function run(model: Program, args: readonly unknown[]): unknown {
  return typeof model === "function" ? model(...args) : model.call(...args);
}

function* targets(graph: onnx.FxGraph): Generator<string> {
  for (const node of graph.nodes()) {
    yield node.target;
    for (const arg of node.args) if (arg instanceof onnx.FxGraph) yield* targets(arg);
  }
}

/** Arguments that the function may write to. */
function copied(args: readonly unknown[]): unknown[] {
  return args.map((arg) => mapTensors(arg, (tensor) => tensor.clone()));
}

function core(arg: unknown): unknown {
  return mapTensors(arg, (tensor) => tensor.value);
}

function mapTensors(arg: unknown, change: (tensor: Tensor) => unknown): unknown {
  if (arg instanceof Tensor) return change(arg);
  if (Array.isArray(arg)) return arg.map((item) => mapTensors(item, change));
  if (typeof arg === "object" && arg !== null && Object.getPrototypeOf(arg) === Object.prototype) {
    return Object.fromEntries(Object.entries(arg).map(([key, item]) => [key, mapTensors(item, change)]));
  }
  return arg;
}

/** Results as dtype, shape and numbers. */
function plain(value: unknown): unknown {
  if (value instanceof Tensor) return plain(value.value);
  if (value instanceof onnx.Tensor) {
    return { dtype: value.dtype, shape: [...value.shape], data: value.toArray().map(Number) };
  }
  if (typeof value === "number" || typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return plain(Object.fromEntries(value));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  }
  return value;
}

function assertClose(actual: unknown, expected: unknown, where: string): void {
  if (typeof actual === "number" && typeof expected === "number") {
    const isClose = Object.is(actual, expected) || actual === expected ||
      Math.abs(actual - expected) <= 1e-4 * Math.max(1, Math.abs(expected));
    assert(isClose, `${where}: ${actual} in place of ${expected}`);
    return;
  }
  if (Array.isArray(actual) && Array.isArray(expected)) {
    assertEquals(actual.length, expected.length, where);
    for (const [i, item] of actual.entries()) assertClose(item, expected[i], `${where}[${i}]`);
    return;
  }
  if (typeof actual === "object" && actual !== null && typeof expected === "object" && expected !== null) {
    assertEquals(Object.keys(actual), Object.keys(expected), where);
    for (const [key, item] of Object.entries(actual)) {
      assertClose(item, (expected as Record<string, unknown>)[key], `${where}.${key}`);
    }
    return;
  }
  assertEquals(actual, expected, where);
}
