/** Weights in files, and NumPy's arrays. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { bytesSource } from "../../src/io/source.ts";
import { readNpy } from "../../src/io/npy.ts";
import { F, torch } from "../../torch.ts";

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "fx2onnx_tensors_" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What is written to a stream. */
async function written(write: (stream: WritableStream<Uint8Array>) => Promise<void>): Promise<Uint8Array> {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const [bytes] = await Promise.all([new Response(readable).bytes(), write(writable)]);
  return bytes;
}

Deno.test("tensors that are saved load again, views and every width among them", () =>
  inFolder(async (folder) => {
    const path = join(folder, "state.safetensors");
    const state = {
      "a.weight": torch.tensor([[1, 2.5], [3, 4]]).t(),
      "n": torch.tensor([1, -2, 3]),
      "m": torch.tensor([true, false]),
      "h": torch.tensor([0.5, 1.5], { dtype: "bfloat16" }),
      "s": torch.tensor(7),
    };
    await torch.save(state, path);
    const loaded = await torch.load(path);
    assertEquals([...loaded.keys()].sort(), Object.keys(state).sort());
    for (const [name, tensor] of Object.entries(state)) {
      assertEquals([loaded.get(name)!.dtype, loaded.get(name)!.tolist()], [tensor.dtype, tensor.tolist()]);
    }
    assertEquals((await Deno.readDir(folder)[Symbol.asyncIterator]().next()).value.name, "state.safetensors");
  }));

Deno.test("what stays in the file is loaded when it is asked for, and tells so before", () =>
  inFolder(async (folder) => {
    const path = join(folder, "state.safetensors");
    await torch.save(new Map([["w", torch.ones(2, 3)]]), path);
    const bytes = await Deno.readFile(path);
    const lazy = (await torch.load(bytesSource(bytes), { lazy: true })).get("w")!;
    assertEquals(lazy.shape, [2, 3]);
    await assertRejects(() => Promise.resolve().then(() => F.relu(lazy)), TypeError, "await its load() first");
    assertEquals((await lazy.load()).sum().item(), 6);
  }));

Deno.test("a state dict of torch.save loads", async () => {
  const state = await torch.load(new URL("fixtures/state.pth", import.meta.url));
  assertEquals([...state].map(([name, x]) => [name, x.tolist()]), [["w", [[0, 3], [1, 4], [2, 5]]], ["n", [1, 2]]]);
});

Deno.test("arrays of NumPy are read and written", async () => {
  for (
    const tensor of [torch.arange(6).reshape(2, 3).t(), torch.tensor(2.5), torch.tensor([true]), torch.zeros(0, 2)]
  ) {
    const bytes = await written((stream) => torch.saveNpy(tensor, stream));
    const { dtype, shape, fortranOrder } = await readNpy(bytesSource(bytes));
    assertEquals([dtype, shape, fortranOrder], [tensor.dtype, tensor.shape, false]);
    assertEquals(bytes.length % 64, (tensor.numel() * tensor.itemsize) % 64);
    assertEquals((await torch.loadNpy(bytes)).tolist(), tensor.tolist());
  }
  await assertRejects(() => written((s) => torch.saveNpy(torch.zeros([1], { dtype: "bfloat16" }), s)), TypeError);
});

Deno.test("columns first is another order of the same elements", async () => {
  const header = "{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3), }".padEnd(117) + "\n";
  const bytes = new Uint8Array([
    0x93,
    ...new TextEncoder().encode("NUMPY"),
    1,
    0,
    118,
    0,
    ...new TextEncoder().encode(header),
    ...new Uint8Array(new Int32Array([0, 3, 1, 4, 2, 5]).buffer),
  ]);
  assertEquals((await torch.loadNpy(bytes)).tolist(), [[0, 1, 2], [3, 4, 5]]);
});

Deno.test("other formats are refused by name", () =>
  inFolder(async (folder) => {
    const path = join(folder, "state.pt");
    await assertRejects(() => torch.save({ x: torch.ones(1) }, path), TypeError, "written as safetensors");
  }));
