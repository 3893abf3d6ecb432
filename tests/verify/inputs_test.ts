/** Inputs: sizes that fit the program, indices that fit what they index, files, and the same at every run. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import { BytesSink } from "./sink.ts";
import { VerificationError } from "../../src/ir/mod.ts";
import { add, floorDiv, mul, Ranges, symbol } from "../../src/sym/mod.ts";
import { Tensor } from "../../src/tensor/mod.ts";
import { Bindings } from "../../src/verify/bindings.ts";
import { integerBounds } from "../../src/verify/bounds.ts";
import { bindingsOf, casesOfFile, inputsAt, readTensors } from "../../src/verify/inputs.ts";
import { firstSizes, otherSizes } from "../../src/verify/sizes.ts";
import { ProgramBuilder, tableOf, tensor } from "./programs.ts";

const [s0, s1] = [symbol("s0"), symbol("s1")];

Deno.test("bindings: compound sizes are solved, contradictions refused", () => {
  const bindings = new Bindings();
  assertEquals(bindings.bindAll([[add(mul(2, s0), s1), 11], [s1, 3], [add(s0, 1), 5]]), []);
  assertEquals([...bindings.values], [["s1", 3], ["s0", 4]]);
  assertThrows(() => bindings.bind(s1, 4), RangeError, "s1 must be 3, met 4");
  assertThrows(() => new Bindings().bind(mul(2, s0), 5), RangeError, "No integer s0");
  assertEquals(new Bindings().bindAll([[floorDiv(s0, 2), 3]]).length, 1);
});

/** `x[2*s0, s1], y[s0 + 3]` with bounds. */
function sized(ranges: [string, { min?: number; max?: number }][]): ProgramBuilder {
  const program = new ProgramBuilder();
  program.input(tensor("x", "float32", [mul(2, s0), s1]));
  program.input(tensor("y", "float32", [add(s0, -3)]));
  program.ranges = Ranges.of(ranges);
  return program;
}

Deno.test("sizes: generated ones fit ranges and each other", () => {
  const program = sized([["s0", { min: 0, max: 9 }], ["s1", { min: 6, max: 6 }]]).build();
  const [first] = firstSizes(program);
  assertEquals(first.size(s1), 6);
  const [x, y] = inputsAt(program, first, new Map(), null) as Tensor[];
  assert(first.size(s0) >= 4 && first.size(s0) <= 9);
  assertEquals([x.shape, y.shape], [[2 * first.size(s0), 6], [first.size(s0) - 3]]);
});

Deno.test("sizes: every symbol that can changes, distinct ones stay distinct", () => {
  const program = sized([["s0", { min: 4, max: 8 }], ["s1", { min: 0, max: 100 }]]).build();
  const base = new Bindings([["s0", 8], ["s1", 7]]);
  const [other] = otherSizes(program, base);
  assertEquals([other.size(s0), other.size(s1)], [7, 8]);
  const [equal] = otherSizes(program, new Bindings([["s0", 6], ["s1", 6]]));
  assertEquals([equal.size(s0), equal.size(s1)], [7, 8]);
  const [alone] = otherSizes(program, base, "s1");
  assertEquals([alone.size(s0), alone.size(s1)], [8, 8]);
  const fixed = sized([["s0", { min: 4, max: 4 }], ["s1", { min: 6, max: 6 }]]).build();
  assertEquals([...otherSizes(fixed, new Bindings([["s0", 4], ["s1", 6]]))], []);
});

Deno.test("sizes: other values repeat the sample's along each dim", () => {
  const program = new ProgramBuilder();
  program.input(tensor("x", "int64", [s0, s1]));
  const sample = Tensor.of("int64", [2, 2], [1n, 2n, 3n, 4n]);
  const [x] = inputsAt(program.build(), new Bindings([["s0", 3], ["s1", 3]]), new Map(), [sample]) as Tensor[];
  assertEquals(x.toArray(), [1n, 2n, 1n, 3n, 4n, 3n, 1n, 2n, 1n]);
});

Deno.test("integers stay in what they index, through casts and views", async () => {
  const program = new ProgramBuilder();
  const weight = program.weight("table", Tensor.of("float32", [5, 2], new Float32Array(10)));
  const ids = program.input(tensor("ids", "int32", [4, 3]));
  const rows = program.input(tensor("rows", "int64", [7]));
  const other = program.input(tensor("other", "int64", [100]));
  const flat = program.node("torch.ops.aten.view.default", [ids, [12n]], tensor("view", "int32", [12]));
  const taken = tensor("embedding", "float32", [12, 2]);
  program.node("torch.ops.aten.embedding.default", [weight, flat], taken);
  program.node("torch.ops.aten.index.Tensor", [taken, [null, rows]], tensor("index", "float32", [12, 7]));
  program.node("torch.ops.aten.neg.default", [other], tensor("neg", "int64", [100]));
  const built = program.build();
  const bounds = integerBounds(built, await tableOf(built));
  assertEquals(bounds.get(ids)?.below, [5]);
  assertEquals(bounds.get(rows)?.below, [2]);
  assertEquals(bounds.has(other), false);
  const values = inputsAt(built, new Bindings(), bounds, null) as Tensor[];
  const within = (t: Tensor, below: number): boolean => t.toArray().every((v) => v >= 0 && v < below);
  assert(within(values[0], 5) && within(values[1], 2) && within(values[2], 10));
  assertEquals(new Set(values[0].toArray()).size, 5);
  // A sample that no longer fits wraps around.
  const wide = Tensor.of("int64", [7], [0n, 1n, 2n, 3n, 4n, 5n, 6n]);
  const again = inputsAt(built, new Bindings(), bounds, [values[0], wide, values[2]]) as Tensor[];
  assertEquals(again[1].toArray(), [0n, 1n, 0n, 1n, 0n, 1n, 0n]);
});

Deno.test("generated inputs are the same at every run, and not all alike", () => {
  const make = (): Tensor[] => {
    const program = new ProgramBuilder();
    for (const name of ["a", "b"]) program.input(tensor(name, "float32", [64]));
    program.input(tensor("mask", "bool", [64]));
    return inputsAt(program.build(), new Bindings(), new Map(), null) as Tensor[];
  };
  const [[a, b, mask], again] = [make(), make()];
  assertEquals([a, b, mask].map((t) => t.toArray()), again.map((t) => t.toArray()));
  assert(a.toArray().every((x) => x >= -1 && x < 1));
  assert(new Set([...a.toArray(), ...b.toArray()]).size > 120);
  assertEquals(new Set(mask.toArray()).size, 2);
});

async function file(tensors: Record<string, Tensor>): Promise<Uint8Array> {
  const sink = new BytesSink();
  const names: Record<string, string> = { float32: "F32", int64: "I64" };
  await writeSafetensors(
    sink,
    new Map(
      Object.entries(tensors).map(([name, t]) => [name, { dtype: names[t.dtype], shape: t.shape, data: t.bytes() }]),
    ),
  );
  return sink.bytes();
}

Deno.test("files: by position, by name, a second set, complex pairs, numbers", async () => {
  const program = new ProgramBuilder();
  program.input(tensor("x", "complex64", [s0]));
  program.input(tensor("n", "int64", []));
  const built = program.build();
  const pair = Tensor.of("float32", [2, 2], [1, 2, 3, 4]);
  const tensors = await readTensors(
    await file({
      input_0: pair,
      n: Tensor.scalar("int64", 7),
      alt_x: Tensor.of("float32", [1, 2], [5, 6]),
      alt_count: Tensor.scalar("int64", 8),
    }),
  );
  const cases = casesOfFile(built, tensors, "file", ["x", "count"]);
  assertEquals(cases.map((c) => c.label), ["file", "file (alt)"]);
  const [x] = cases[0].values as Tensor[];
  assertEquals([x.dtype, x.shape, x.toArray()], ["complex64", [2], [1, 2, 3, 4]]);
  assertEquals(bindingsOf(built, cases[1].values).size(s0), 1);
  assertThrows(
    () => casesOfFile(built, new Map([["input_0", pair]]), "f"),
    VerificationError,
    "f has no tensor input_1 or n",
  );
  const wrong = new Map([["input_0", pair], ["input_1", pair]]);
  const misfit = casesOfFile(built, wrong, "f")[0].values;
  assertThrows(() => bindingsOf(built, misfit), VerificationError, "Input n must be int64[], met float32[2, 2]");
  await assertRejects(() => readTensors(new Uint8Array(4)), VerificationError, "safetensors");
});
