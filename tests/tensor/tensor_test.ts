/** Tensors over storages: bounds, layouts, lazy reads; and what is known of tensors without values. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { byteRange, bytesSource, type Source } from "../../src/io/source.ts";
import { add, type Dim, mul, symbol } from "../../src/sym/mod.ts";
import {
  broadcastShapes,
  contiguousStrides,
  type DType,
  formatMeta,
  isContiguous,
  normalizeDim,
  Storage,
  Tensor,
} from "../../src/tensor/mod.ts";
import { convert, expandTo, permuteDims } from "../../src/tensor/loops.ts";

const [s0, s1] = [symbol("s0"), symbol("s1")];
const counting = Tensor.of("int32", [2, 3], [0, 1, 2, 3, 4, 5]);

Deno.test("tensors: views have their elements in row-major order", () => {
  assertEquals(permuteDims(counting, [1, 0]).toArray(), [0, 3, 1, 4, 2, 5]);
  assertEquals(permuteDims(counting, [1, 0]).contiguous().strides, [2, 1]);
  assertEquals(expandTo(Tensor.of("int8", [2, 1], [1, 2]), [2, 2, 2]).toArray(), [1, 1, 2, 2, 1, 1, 2, 2]);
  const part = new Tensor("int32", [2], counting.storage, [3], 2);
  assertEquals(part.toArray(), [2, 5]);
  assertEquals(part.isContiguous, false);
  assertEquals(new Tensor("int32", [2, 1, 2], counting.storage, [2, 77, 1], 1).isContiguous, true);
  assertEquals(new Tensor("int32", [2, 1, 2], counting.storage, [2, 77, 1], 1).toArray(), [1, 2, 3, 4]);
  assertEquals(new Tensor("int32", [0, 3], Storage.of(new Uint8Array(0)), [9, 9], 5).toArray(), []);
  assertEquals(Tensor.of("complex64", [2], [1, 2, 3, 4]).contiguous().byteLength, 16);
  assertEquals(permuteDims(Tensor.of("complex64", [1, 2], [1, 2, 3, 4]), [1, 0]).toArray(), [1, 2, 3, 4]);
  assertEquals(Tensor.scalar("uint64", 2n ** 64n - 1n).item(), 2n ** 64n - 1n);
  assertThrows(() => counting.item(), RangeError, "6 elements");
  assertThrows(() => counting.reshape([4]), RangeError, "Cannot reshape [2, 3] to [4]");
});

Deno.test("tensors: what reaches outside of its storage is refused", () => {
  const storage = Storage.of(new Uint8Array(24));
  const cases: [DType, number[], number[], number][] = [
    ["int32", [7], [1], 0],
    ["int32", [2, 3], [3, 1], 1],
    ["int64", [2, 2], [2, 1], 0],
    ["int32", [2], [2 ** 52], 0],
    ["int32", [2], [-1], 1],
    ["int32", [-1], [1], 0],
    ["int32", [1.5], [1], 0],
    ["int32", [1], [1], NaN],
    ["int32", [2 ** 30, 2 ** 30], [0, 0], 0],
    ["int32", [1, 1], [1], 0],
  ];
  for (const [dtype, shape, strides, offset] of cases) {
    assertThrows(() => new Tensor(dtype, shape, storage, strides, offset), RangeError, `Cannot make ${dtype}[`);
  }
  assertThrows(() => Tensor.of("float32", [2], [1]), RangeError, "2 are needed");
  assertThrows(() => Tensor.of("float32", [1], new Float64Array(1)), TypeError, "Float32Array is needed");
});

/** Counts what is read. */
class CountingSource implements Source {
  readonly name = "weights";
  readonly size: number;
  readonly reads: [number, number][] = [];

  constructor(private readonly bytes: Uint8Array) {
    this.size = bytes.byteLength;
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    this.reads.push([offset, length]);
    return Promise.resolve(this.bytes.slice(offset, offset + length));
  }
}

Deno.test("tensors: a lazy tensor reads the span of its elements, once it is asked to", async () => {
  const source = new CountingSource(new Uint8Array(Float32Array.from({ length: 100 }, (_, i) => i).buffer));
  const storage = Storage.lazy(byteRange(source, 40, 200));
  const row = new Tensor("float32", [3], storage, [10], 5);
  assertEquals([row.isLoaded, row.byteRange, source.reads.length], [false, null, 0]);
  assertThrows(() => row.data(), RangeError, "not loaded");
  assertEquals((await row.load()).toArray(), [15, 25, 35]);
  assertEquals(source.reads, [[60, 84]]);
  const plain = new Tensor("float32", [2, 2], storage, [2, 1], 3);
  assertEquals([plain.byteRange!.offset, plain.byteRange!.length], [52, 16]);
  const empty = new Tensor("float32", [0], storage);
  assertEquals([empty.isLoaded, (await empty.load()).toArray()], [true, []]);
});

Deno.test("tensors: big-endian elements are turned when read, and can't be taken from where they lie", async () => {
  const cases: [DType, number[], (number | bigint)[]][] = [
    ["int16", [1, 2, 3, 4], [0x102, 0x304]],
    ["int64", [0, 0, 0, 0, 0, 0, 1, 0], [256n]],
    ["uint8", [7, 8], [7, 8]],
    ["complex64", [0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0], [1, -2]],
    ["bfloat16", [0x3f, 0x80], [1]],
  ];
  for (const [dtype, bytes, values] of cases) {
    const storage = Storage.lazy(byteRange(bytesSource(Uint8Array.from(bytes))), false);
    const tensor = new Tensor(dtype, [dtype === "complex64" ? 1 : values.length], storage);
    assertEquals(tensor.byteRange === null, dtype !== "uint8", dtype);
    assertEquals((await tensor.load()).toArray(), values, dtype);
  }
});

Deno.test("tensors: values that an archive left out can't be read", async () => {
  const tensor = new Tensor("float32", [2], Storage.missing(8));
  await assertRejects(() => tensor.load(), RangeError, "not included in the archive");
});

Deno.test("tensors: numbers that an integer can't hold", () => {
  const far = Tensor.of("float64", [5], [3e9, -3e9, NaN, 1e20, -Infinity]);
  const lowest = -(2n ** 63n);
  assertEquals(convert(far, "int32").toArray(), new Array(5).fill(-(2 ** 31)));
  assertEquals(convert(far, "int64").toArray(), [3000000000n, -3000000000n, lowest, lowest, lowest]);
  assertEquals(convert(far, "uint32").toArray(), [3000000000, 2 ** 32 - 3e9, 0, 0, 0]);
  assertEquals(convert(Tensor.of("complex64", [2], [0, 1, 0, 0]), "bool").toArray(), [1, 0]);
  assertEquals(convert(Tensor.of("complex64", [1], [2.5, 1]), "float32").toArray(), [2.5]);
  assertEquals(convert(Tensor.of("int64", [1], [-3n]), "complex64").toArray(), [-3, 0]);
  assertEquals(convert(Tensor.of("int64", [1], [-1n]), "uint64").toArray(), [2n ** 64n - 1n]);
});

Deno.test("metas: shapes broadcast as PyTorch's guards let them", () => {
  const cases: [Dim[][], Dim[]][] = [
    [[[2, 1], [3]], [2, 3]],
    [[[], [4]], [4]],
    [[[s0, 1], [1, s1]], [s0, s1]],
    [[[s0], [5]], [5]],
    [[[5], [s0]], [5]],
    [[[s0], [s1]], [s0]],
    [[[1], [0]], [0]],
    [[[1], [s0], [1]], [s0]],
    [[], []],
  ];
  for (const [shapes, expected] of cases) assertEquals(broadcastShapes(...shapes).map(String), expected.map(String));
  assertThrows(() => broadcastShapes([2], [3]), RangeError, "[2] and [3]: sizes 2 and 3 differ");
});

Deno.test("metas: layouts", () => {
  assertEquals(contiguousStrides([2, 0, 3]).map(String), ["3", "3", "1"]);
  assertEquals(contiguousStrides([s0, s1, 4]).map(String), [String(mul(4, s1)), "4", "1"]);
  const meta = (shape: Dim[], strides?: Dim[]) => ({
    dtype: "float32" as const,
    shape,
    ...(strides ? { strides } : {}),
  });
  assertEquals(isContiguous(meta([s0, 3], [3, 1])), true);
  assertEquals(isContiguous(meta([s0, 3], [1, s0])), false);
  assertEquals(isContiguous(meta([2, s0], [s1, 1])), false);
  assertEquals(isContiguous(meta([1, s0], [s1, 1])), true);
  assertEquals(isContiguous(meta([0, 3], [7, 7])), true);
  assertEquals(isContiguous(meta([3, 3])), true);
  assertEquals(formatMeta(meta([2, add(s0, 1)])), "float32[2, s0 + 1]");
  assertEquals([normalizeDim(-1, 0), normalizeDim(0, 0), normalizeDim(-3, 3)], [0, 0, 0]);
  for (const [dim, rank] of [[1, 0], [3, 3], [-4, 3], [0.5, 3]]) {
    assertThrows(() => normalizeDim(dim, rank), RangeError);
  }
});
