/**
 * What views promise beside their results: writing through them (`inverse`) obeys the laws of a lens, and whether a result
 * shares memory (`aliases`) is what PyTorch says (`tests/tools/alias_cases.py`).
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { EagerInterpreter } from "../../src/aten/calls.ts";
import { type Op, OpTable } from "../../src/aten/mod.ts";
import { DTypeArg } from "../../src/fx/mod.ts";
import { mul, symbol } from "../../src/sym/mod.ts";
import { elementCount, type Meta, newData, Tensor } from "../../src/tensor/mod.ts";
import * as loops from "../../src/tensor/loops.ts";

/** Calls of every view operator, none of which overlaps: target, shape of the base, further arguments. */
const VIEWS: readonly (readonly [op: string, shape: readonly number[], ...args: unknown[]])[] = [
  ["view", [2, 6], [3n, -1n]],
  ["reshape", [2, 6], [4n, 3n]],
  ["_reshape_alias", [2, 6], [4n, 3n], [3n, 1n]],
  ["view_as", [2, 6], Tensor.of("float32", [12], newData("float32", 12))],
  ["reshape_as", [2, 6], Tensor.of("float32", [12], newData("float32", 12))],
  ["flatten.using_ints", [2, 3, 4], 1n],
  ["ravel", [2, 3]],
  ["unflatten.int", [2, 6], 1n, [2n, -1n]],
  ["squeeze", [1, 3, 1]],
  ["squeeze.dim", [1, 3, 1], -1n],
  ["squeeze.dim", [1, 3, 1], 1n],
  ["squeeze.dims", [1, 3, 1], [0n, 1n, 2n]],
  ["unsqueeze", [2, 3], -1n],
  ["view.dtype", [2, 3], new DTypeArg("float32")],
  ["permute", [2, 3, 4], [2n, 0n, 1n]],
  ["transpose.int", [2, 3, 4], 0n, -1n],
  ["swapdims", [2, 3, 4], 0n, 1n],
  ["swapaxes", [2, 3, 4], 0n, 2n],
  ["t", [2, 3]],
  ["mT", [2, 3, 4]],
  ["mH", [2, 3, 4]],
  ["adjoint", [2, 3, 4]],
  ["matrix_H", [2, 3]],
  ["numpy_T", [2, 3, 4]],
  ["movedim.int", [2, 3, 4], 0n, 2n],
  ["movedim.intlist", [2, 3, 4], [0n, 1n], [2n, 0n]],
  ["moveaxis.int", [2, 3, 4], 2n, 0n],
  ["moveaxis.intlist", [2, 3, 4], [0n, 1n], [1n, 2n]],
  ["expand", [2, 3], [1n, 2n, 3n]],
  ["expand_as", [2, 3], Tensor.of("float32", [1, 2, 3], newData("float32", 6))],
  ["broadcast_to", [2, 3], [2n, 3n]],
  ["select.int", [2, 3, 4], 1n, -1n],
  ["slice.Tensor", [2, 7], 1n, 1n, 6n, 2n],
  ["slice.Tensor", [2, 7], 1n, -3n, 2n ** 63n - 1n],
  ["slice.Tensor", [7], 0n, 5n, 2n],
  ["narrow", [7, 2], 0n, -4n, 3n],
  ["split.Tensor", [7, 2], 3n],
  ["split.sizes", [2, 7], [1n, 0n, 6n], 1n],
  ["split_with_sizes", [2, 7], [2n, 5n], -1n],
  ["chunk", [7, 2], 3n],
  ["unbind.int", [2, 3], 1n],
  ["tensor_split.sections", [7], 3n],
  ["tensor_split.indices", [7], [2n, 4n]],
  ["hsplit.int", [2, 6], 3n],
  ["hsplit.array", [2, 6], [1n, 4n]],
  ["vsplit.int", [4, 2], 2n],
  ["vsplit.array", [4, 2], [1n]],
  ["dsplit.int", [2, 2, 4], 2n],
  ["dsplit.array", [2, 2, 4], [3n]],
  ["diagonal", [3, 4], 1n],
  ["diagonal", [2, 3, 4], -1n, 2n, 1n],
  ["linalg_diagonal", [2, 3, 4]],
  ["unfold", [2, 7], 1n, 2n, 3n],
  ["as_strided", [12], [2n, 3n], [6n, 2n], 1n],
  ["atleast_2d", [3]],
  ["atleast_3d", [2, 3]],
  ["resize", [4, 3], [2n, 3n]],
  ["requires_grad", [2, 3]],
  ["pin_memory", [2, 3]],
  ["alias", [2, 3]],
  ["detach", [2, 3]],
  ["lift_fresh", [2, 3]],
  ["contiguous", [2, 3]],
  ["to.dtype", [2, 3], new DTypeArg("float32")],
];

function counting(shape: readonly number[], from: number): Tensor {
  return Tensor.of("float32", shape, Float32Array.from({ length: elementCount(shape) }, (_, i) => from + i));
}

async function find(name: string): Promise<Op> {
  const target = `torch.ops.aten.${name}`;
  const found = (await OpTable.load([target])).resolve(target);
  assert(found, `${name} has no record`);
  return found.op;
}

function assertSame(actual: Tensor, expected: Tensor): void {
  assertEquals([actual.dtype, ...actual.shape], [expected.dtype, ...expected.shape]);
  assertEquals(actual.toArray(), expected.toArray());
}

for (const [name, shape, ...args] of VIEWS) {
  Deno.test(`inverse of ${name} on [${shape}]`, async () => {
    const op = await find(name);
    const eager = new EagerInterpreter(loops);
    const base = counting(shape, 0);
    const look = (x: Tensor): Tensor[] => {
      const bound = eager.bind(op, [x, ...args as never[]]);
      return [eager.apply(op, bound)].flat() as Tensor[];
    };
    const put = (x: Tensor, updated: Tensor, index: number): Tensor =>
      // deno-lint-ignore no-explicit-any -- arguments of a schema that only the record knows
      op.inverse!(eager, eager.bind(op, [x, ...args as never[]]) as any, updated, index);
    for (const [index, view] of look(base).entries()) {
      // Writing back what was read changes nothing.
      assertSame(put(base, view, index), base);
      // What was written is what is read.
      const written = counting(view.shape, 1000);
      const after = put(base, written, index);
      assertSame(look(after)[index], written);
      // Nothing else was written.
      const kept = new Set(after.toArray().filter((x) => Number(x) < 1000));
      assertEquals(kept.size, base.numel - view.numel);
    }
  });
}

Deno.test("every view of these families can be written through, or is known not to be", async () => {
  const { FAMILIES } = await import("../../src/aten/index.ts");
  /** The place is told by values only. */
  const refusing = new Set(["aten::narrow.Tensor", "aten::tensor_split.tensor_indices_or_sections"]);
  /** Identities, but for their dtype. */
  const alike = new Set(["aten::to.device", "aten::to.dtype_layout", "aten::to.other"]);
  const tested = new Set(VIEWS.map(([name]) => `aten::${name}`));
  for (const family of ["view", "permute", "expand", "slice", "split", "diagonal", "strided", "copy"]) {
    for (const op of Object.values(await FAMILIES[family]()) as Op[]) {
      const alias = op.parsed?.args[0]?.alias;
      if (!alias || alias.write || !op.parsed.returns.some((r) => r.alias?.set === alias.set)) continue;
      assertEquals(op.inverse === undefined, refusing.has(op.name), op.name);
      assert(!op.inverse || tested.has(op.name) || alike.has(op.name), `${op.name} is not tested`);
    }
  }
});

Deno.test("writing through windows that overlap is refused", async () => {
  const op = await find("unfold");
  const eager = new EagerInterpreter(loops);
  const base = counting([7], 0);
  assertThrows(
    // deno-lint-ignore no-explicit-any -- arguments of a schema that only the record knows
    () => op.inverse!(eager, eager.bind(op, [base, 0n, 3n, 2n]) as any, counting([3, 3], 0), 0),
    RangeError,
    "overlap",
  );
});

Deno.test("what was written to an expanded view is read from its first repetition", async () => {
  const op = await find("expand");
  const eager = new EagerInterpreter(loops);
  const base = counting([3, 1], 0);
  const updated = Tensor.of("float32", [2, 3, 4], new Float32Array(24).fill(7));
  // deno-lint-ignore no-explicit-any -- arguments of a schema that only the record knows
  const after = op.inverse!(eager, eager.bind(op, [base, [2n, 3n, 4n]]) as any, updated, 0);
  assertSame(after, Tensor.of("float32", [3, 1], [7, 7, 7]));
});

interface AliasCase {
  readonly op: string;
  readonly shape: number[];
  readonly strides: number[];
  readonly args: Record<string, unknown>;
  readonly view: boolean;
}

Deno.test("results share memory where PyTorch's do", async () => {
  const text = await Deno.readTextFile(new URL("../fixtures/aliases.json", import.meta.url));
  const table = await OpTable.load([
    ..."reshape contiguous ravel flatten.using_ints to.dtype".split(" ").map((n) => `torch.ops.aten.${n}`),
  ]);
  for (const { op, shape, strides, args, view } of JSON.parse(text) as AliasCase[]) {
    const self: Meta = { dtype: "float32", shape, strides };
    const record = table.resolve(`torch.ops.${op.replace("::", ".")}`)!.op;
    // deno-lint-ignore no-explicit-any -- arguments of a schema that only the record knows
    const actual = record.aliases!(self, { self, ...args } as any);
    assertEquals(actual, view, `${op} of [${shape}] with strides [${strides}] and ${JSON.stringify(args)}`);
  }
});

Deno.test("symbolic strides decide where they can", async () => {
  const op = await find("reshape");
  const [n, m] = [symbol("s0"), symbol("s1")];
  const plain: Meta = { dtype: "float32", shape: [n, m, 8], strides: [mul(m, 8), 8, 1] };
  const turned: Meta = { dtype: "float32", shape: [m, n, 8], strides: [8, mul(m, 8), 1] };
  const cases: [Meta, (number | typeof n)[], boolean][] = [
    [plain, [n, m, 2, 4], true],
    [plain, [mul(n, m) as typeof n, 8], true],
    [plain, [mul(mul(n, m), 8) as typeof n], true],
    [turned, [m, n, 2, 4], true],
    [turned, [mul(n, m) as typeof n, 8], false],
  ];
  // deno-lint-ignore no-explicit-any -- arguments of a schema that only the record knows
  for (const [self, shape, view] of cases) assertEquals(op.aliases!(self, { self, shape } as any), view, `[${shape}]`);
});
