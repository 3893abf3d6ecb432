/**
 * Start-up: exporting a small model, whole process, against an empty module, on the same machine in one run.
 *
 * Run: `deno bench -A bench/startup_bench.ts`
 */
import { fromFileUrl, join } from "@std/path";

const root = fromFileUrl(new URL("..", import.meta.url));
const folder = await Deno.makeTempDir({ prefix: "fx2onnx_bench_" });
const empty = join(folder, "empty.ts");
await Deno.writeTextFile(empty, "");

async function deno(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: root }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

const many = { n: 30, warmup: 5 } as const;

Deno.bench("empty module", { group: "start-up", baseline: true, ...many }, async () => await deno("run", "-A", empty));
Deno.bench("export of the MLP", { group: "start-up", ...many }, async () => {
  await deno("run", "-A", "cli.ts", "export", "tests/fixtures/mlp.pt2", "-o", join(folder, "mlp.onnx"), "--quiet");
});

addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
