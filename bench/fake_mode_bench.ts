/**
 * A program of seven billion parameters whose archive has no weights: exported, given the weights of sharded safetensors
 * files, and saved with its weights beside it. The shards are sparse, and what is saved is counted instead of kept, so that
 * the bench needs no more disk than the archive. Seconds per step and peak resident memory are printed.
 *
 * Run: `deno bench -A bench/fake_mode_bench.ts`
 */
import { fromFileUrl, join } from "@std/path";
import { weightBytes, writeLargeArchive } from "./large_archive.ts";

const size = { layers: Number(Deno.env.get("FX2ONNX_BENCH_LAYERS") ?? 418), width: 4096, isFake: true };
const shards = 14;
const folder = await Deno.makeTempDir({ prefix: "fx2onnx_bench_" });
const archive = join(folder, "fake.pt2");
await writeLargeArchive(archive, size);
await writeShards();
console.log(`${(weightBytes(size) / 4e9).toFixed(2)} billion parameters, ${(weightBytes(size) / 1e9).toFixed(1)} GB`);

/** Sparse files: a header, and a length. */
async function writeShards(): Promise<void> {
  const { layers, width } = size;
  const weight_map: Record<string, string> = {};
  for (let shard = 0; shard < shards; shard++) {
    const file = `model-${shard}.safetensors`;
    const header: Record<string, unknown> = {};
    let end = 0;
    for (let k = shard; k < layers; k += shards) {
      for (const [part, shape] of [["weight", [width, width]], ["bias", [width]]] as const) {
        const length = 4 * shape.reduce((product, n) => product * n, 1);
        header[`layers.${k}.${part}`] = { dtype: "F32", shape, data_offsets: [end, end + length] };
        weight_map[`layers.${k}.${part}`] = file;
        end += length;
      }
    }
    const text = new TextEncoder().encode(JSON.stringify(header));
    const start = new Uint8Array(8 + text.length);
    new DataView(start.buffer).setBigUint64(0, BigInt(text.length), true);
    start.set(text, 8);
    await Deno.writeFile(join(folder, file), start);
    await Deno.truncate(join(folder, file), start.length + end);
  }
  await Deno.writeTextFile(join(folder, "model.safetensors.index.json"), JSON.stringify({ metadata: {}, weight_map }));
}

const script = fromFileUrl(new URL("measured_fake.ts", import.meta.url));
let result = "";

Deno.bench("7B: export, applyWeights, save (whole process)", { n: 1, warmup: 0 }, async () => {
  const output = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", script, archive, join(folder, "model.safetensors.index.json")],
  }).output();
  if (!output.success) throw new Error(new TextDecoder().decode(output.stderr));
  result = new TextDecoder().decode(output.stdout).trim();
});

addEventListener("unload", () => {
  console.log(result);
  Deno.removeSync(folder, { recursive: true });
});
