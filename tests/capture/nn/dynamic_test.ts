/**
 * Layers captured with dims that vary, run at other sizes: the program gives what the layer gives. Library code must not
 * freeze a size, and each operator must be recorded with sizes that follow its input's.
 */
import { assert, assertEquals } from "@std/assert";
import { RECORDS } from "../../../src/aten/records.ts";
import { capture } from "../../../src/capture/capture.ts";
import { Module } from "../../../src/capture/module.ts";
import { functionalize } from "../../../src/passes/functionalize.ts";
import { evaluate, isSym } from "../../../src/sym/mod.ts";
import { Tensor as CoreTensor } from "../../../src/tensor/mod.ts";
import { Dim } from "../../../src/trace/dim.ts";
import { runProgram } from "../../../src/verify/reference.ts";
import { Tensor, torch } from "../../../torch.ts";
import { layerOf, type Row, rows } from "./layers.ts";

/** A model that gives some of its arguments to a layer several times. */
class Caller extends Module {
  constructor(readonly layer: Module, readonly places: readonly number[]) {
    super();
  }

  forward(...given: unknown[]): unknown {
    return (this.layer.call as (...args: unknown[]) => unknown)(...this.places.map((place) => given[place]));
  }
}

const FEATURES_ONLY = "no dim varies";
const COLUMNS = "The number of rows of columns must be a constant";

/** Rows that can't be captured with every dim varying, and why. */
const REFUSED: ReadonlyMap<string, string> = new Map([
  ...["Linear_3", "RNNCell_2", "GRUCell_2", "LSTMCell_2", "MaxUnpool3d_1"].map((name) =>
    [name, FEATURES_ONLY] as const
  ),
  ...["Fold_1", "Fold_2"].map((name) => [name, COLUMNS] as const),
  ["ConvTranspose2d_2", "is used as a plain number"],
]);

function leaves(value: unknown): unknown[] {
  if (value instanceof Tensor || typeof value !== "object" || value === null) return [value];
  return Object.values(value).flatMap(leaves);
}

function mapLeaves(value: unknown, next: () => unknown): unknown {
  if (value instanceof Tensor || typeof value !== "object" || value === null) return next();
  if (Array.isArray(value)) return value.map((item) => mapLeaves(item, next));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapLeaves(item, next)]));
}

/** The tensor's elements repeated to fill other sizes. */
function resized(tensor: Tensor, shape: readonly number[]): Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  const flat = tensor.reshape([-1]);
  const times = Math.ceil(count / tensor.numel());
  return flat.repeat([times]).narrow(0, 0, count).reshape([...shape]).contiguous();
}

async function check(row: Row): Promise<void> {
  const { layer, args } = layerOf(row);
  const unique = [...new Set(args)];
  const model = new Caller(layer, args.map((arg) => unique.indexOf(arg))).eval();
  const { program } = await capture(model, { args: unique, kwargs: {}, dynamicShapes: Dim.AUTO });
  const inputs = program.signature.inputSpecs.filter(({ kind }) => kind === "USER_INPUT");
  const sizes = new Map<string, number>();
  for (const { value } of inputs) {
    if (value.meta.kind !== "tensor") continue;
    for (const size of value.meta.shape) if (isSym(size)) { for (const name of size.symbols()) sizes.set(name, 0); }
  }
  assert(sizes.size > 0, "no dim varies");
  for (const name of sizes.keys()) sizes.set(name, program.symbolHints.get(name)! + 1);
  const given = leaves(unique);
  const others = inputs.map(({ value }, i) => {
    const leaf = given[i];
    if (!(leaf instanceof Tensor) || value.meta.kind !== "tensor") return leaf;
    const shape = value.meta.shape.map((size) => isSym(size) ? Number(evaluate(size, sizes)) : size);
    return resized(leaf, shape);
  });
  const functional = await functionalize(program, RECORDS);
  const results = await runProgram(
    functional,
    RECORDS,
    others.map((other) => other instanceof Tensor ? other.value as CoreTensor : null),
  );
  let next = 0;
  const otherArgs = unique.map((arg) => mapLeaves(arg, () => others[next++])) as never[];
  const expected = leaves(model.call(...otherArgs)).filter((leaf) => leaf instanceof Tensor);
  const { outputSpecs } = functional.signature;
  const tensors = results.filter((_, i) => outputSpecs[i].kind === "USER_OUTPUT")
    .filter((result) => result instanceof CoreTensor);
  assertEquals(tensors.map(({ shape }) => shape), expected.map(({ shape }) => shape));
  for (const [i, tensor] of tensors.entries()) {
    const difference = torch.sub(new Tensor(tensor).double(), expected[i].double()).abs();
    assert(tensor.numel === 0 || !(difference.max().item() > 1e-5), `output ${i} differs`);
  }
}

for (const row of rows.filter(({ ops }) => ops !== undefined)) {
  const why = REFUSED.get(row.name);
  Deno.test(`nn ${row.name} varies in its sizes${why ? ` (refused: ${why})` : ""}`, async () => {
    if (why === undefined) return await check(row);
    const error = await check(row).then(() => null, (error: unknown) => error as Error);
    assert(error !== null && error.message.includes(why), `${error?.message} does not say ${why}`);
  });
}
