/**
 * An archive of over 2 GB: `in-place` writes no weight, `always` copies at the disk's speed, and neither grows with the
 * weights. `cp` of the archive is the baseline of the copies. Peak resident memory is printed at the end.
 *
 * Run: `deno bench -A bench/large_bench.ts`
 */
import { fromFileUrl, join } from "@std/path";
import { weightBytes, writeLargeArchive } from "./large_archive.ts";

const size = { layers: 36, width: 4096 };
const folder = await Deno.makeTempDir({ prefix: "fx2onnx_bench_" });
const archive = join(folder, "large.pt2");
await writeLargeArchive(archive, size);
console.log(`archive: ${(weightBytes(size) / 1e9).toFixed(2)} GB of weights in ${2 * size.layers} tensors`);

const script = fromFileUrl(new URL("measured_export.ts", import.meta.url));
const peaks = new Map<string, number>();

async function exportAs(mode: string): Promise<void> {
  const output = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", script, archive, join(folder, `${mode}.onnx`), mode],
  }).output();
  if (!output.success) throw new Error(new TextDecoder().decode(output.stderr));
  const { seconds, residentBytes } = JSON.parse(new TextDecoder().decode(output.stdout));
  peaks.set(mode, Math.max(peaks.get(mode) ?? 0, residentBytes ?? 0));
  work.set(mode, Math.min(work.get(mode) ?? Infinity, seconds));
}

const work = new Map<string, number>();
const few = { n: 3, warmup: 1 } as const;

Deno.bench("in-place (whole process)", { group: "large", ...few }, async () => await exportAs("in-place"));
Deno.bench("always (whole process)", { group: "large", ...few }, async () => await exportAs("always"));
Deno.bench("cp of the archive", { group: "large", baseline: true, ...few }, async () => {
  const { success } = await new Deno.Command("cp", { args: [archive, join(folder, "copy.pt2")] }).output();
  if (!success) throw new Error("cp failed");
});

addEventListener("unload", () => {
  for (const [mode, bytes] of peaks) {
    console.log(
      `${mode}: ${work.get(mode)!.toFixed(2)} s of work, peak resident memory ${(bytes / 1e6).toFixed(0)} MB`,
    );
  }
  Deno.removeSync(folder, { recursive: true });
});
