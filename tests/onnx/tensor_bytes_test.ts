import { assert, assertEquals, assertRejects } from "@std/assert";
import { MemorySink } from "../../src/io/sink.ts";
import { bytesSource } from "../../src/io/source.ts";
import { tensorChunks, writeTensor } from "../../src/onnx/tensor_bytes.ts";
import { type DType, itemsize, Storage, Tensor } from "../../src/tensor/mod.ts";
import { counting, PatternSource } from "./models.ts";

async function written(tensor: Tensor): Promise<Uint8Array> {
  const sink = new MemorySink();
  await sink.write(new Uint8Array([9, 9, 9]));
  let told = 0;
  await writeTensor(sink, tensor, (count) => told += count);
  assertEquals(told, tensor.byteLength);
  return sink.bytes().slice(3);
}

/** A lazy storage of pseudo-random bytes. */
function lazyStorage(byteLength: number, littleEndian = true): Storage {
  const bytes = Uint8Array.from({ length: byteLength }, (_, i) => (i * 2654435761) >>> 13);
  return Storage.lazy({ source: bytesSource(bytes), offset: 0, length: byteLength }, littleEndian);
}

Deno.test("tensors of any layout are written as loading them gives their bytes", async () => {
  const layouts: [shape: number[], strides: number[], offset: number][] = [
    [[], [], 3],
    [[5], [1], 2],
    [[5], [3], 1],
    [[5], [0], 4],
    [[3, 4], [4, 1], 0],
    [[3, 4], [1, 3], 0],
    [[3, 4], [0, 1], 2],
    [[3, 4], [2, 2], 0],
    [[2, 3, 4], [1, 8, 2], 1],
    [[2, 1, 4], [7, 99, 1], 0],
    [[3, 3], [1, 1], 5],
    [[0, 3], [3, 1], 0],
  ];
  const dtypes: DType[] = ["bool", "bfloat16", "float32", "int64", "complex64", "complex128", "float8_e5m2"];
  for (const dtype of dtypes) {
    for (const littleEndian of [true, false]) {
      for (const [shape, strides, offset] of layouts) {
        const tensor = new Tensor(dtype, shape, lazyStorage(64 * itemsize(dtype), littleEndian), strides, offset);
        const expected = (await tensor.load()).bytes();
        assertEquals(await written(tensor), expected.slice(), `${dtype} ${littleEndian} ${shape} ${strides}`);
      }
    }
  }
});

Deno.test("a transposed tensor beyond the block size is gathered in bounded reads", async () => {
  const [rows, columns] = [1100, 32_000];
  const source = new PatternSource(rows * columns + 10);
  const range = source.range(10, rows * columns);
  const tensor = new Tensor("uint8", [columns, rows], Storage.lazy(range), [1, columns]);
  let row = 0;
  let at = 0;
  let wrong = 0;
  for await (const chunk of tensorChunks(tensor)) {
    assert(chunk.byteLength <= 32 << 20);
    for (const byte of chunk) {
      if (byte !== (10 + at * columns + row) % 251) wrong++;
      if (++at === rows) [at, row] = [0, row + 1];
    }
  }
  assertEquals([row, at, wrong], [columns, 0, 0]);
  assert(source.largest <= 8 << 20);
});

Deno.test("elements far apart are read one by one", async () => {
  const source = new PatternSource(2 ** 40);
  const storage = Storage.lazy(source.range(0, 2 ** 40));
  const tensor = new Tensor("uint8", [3, 2], storage, [2 ** 30, 2 ** 29], 7);
  assertEquals([...await written(tensor)], [0, 1, 2, 3, 4, 5].map((i) => (7 + i * 2 ** 29) % 251));
  assertEquals(source.largest, 1);
});

Deno.test("tensors in memory are written without reading anything", async () => {
  assertEquals(await written(counting(3)), new Uint8Array(Float32Array.of(0, 1, 2).buffer));
  const transposed = new Tensor("float32", [2, 2], counting(4).storage, [1, 2]);
  assertEquals(await written(transposed), new Uint8Array(Float32Array.of(0, 2, 1, 3).buffer));
});

Deno.test("a tensor may compute its values when it is written", async () => {
  class Doubled extends Tensor {
    override load(): Promise<Tensor> {
      return Promise.resolve(Tensor.of("float32", this.shape, [2, 4]));
    }
  }
  const lazy = new Doubled("float32", [2], Storage.missing(8));
  assertEquals(await written(lazy), new Uint8Array(Float32Array.of(2, 4).buffer));
  const wrong = new Doubled("float32", [2, 2], Storage.missing(16));
  await assertRejects(() => written(wrong), RangeError);
});

Deno.test("a hook that gives too few bytes is found out", async () => {
  class Short extends Tensor {
    override load(): Promise<Tensor> {
      return Promise.resolve(counting(1));
    }
  }
  const short = new Short("float32", [2], Storage.missing(8));
  await assertRejects(() => written(short), RangeError, "Cannot write a tensor of 8 bytes: loading it gave 4 bytes");
});
