/** The command as one file: a bundle, and an executable. Both must have what is only imported when it is needed. */
import { assert, assertEquals } from "@std/assert";
import { dirname, fromFileUrl, join } from "@std/path";
import { fixture } from "../fixtures.ts";
import { inFolder, type Result, runProcess } from "./run.ts";

const root = fromFileUrl(new URL("../../", import.meta.url));

async function compile(output: string, env: Record<string, string> = {}): Promise<Result> {
  const script = join(root, "tests/tools/compile.ts");
  return await runProcess(Deno.execPath(), ["run", "-A", script, output], { env: { NO_COLOR: "1", ...env } });
}

Deno.test("a bundle runs with nothing but the runtime's files beside it", async () => {
  await inFolder(async (folder) => {
    const [bundle, output] = [join(folder, "fx2onnx.js"), join(folder, "x.onnx")];
    const built = await runProcess(Deno.execPath(), ["bundle", "--quiet", "--minify", "-o", bundle, "cli.ts"], {
      cwd: root,
    });
    assertEquals(built.code, 0, built.stderr);
    const runtime = dirname(fromFileUrl(import.meta.resolve("onnxruntime-web/wasm")));
    for (const name of ["ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"]) {
      await Deno.copyFile(join(runtime, name), join(folder, name));
    }
    const args = ["export", fixture("convnet.pt2"), "-o", output, "--verify", "--ep", "wasm", "--json"];
    const { code, stdout, stderr } = await runProcess(Deno.execPath(), ["run", "-A", "--no-remote", bundle, ...args], {
      cwd: folder,
      env: { DENO_DIR: join(folder, "cache") },
    });
    assertEquals(code, 0, stderr);
    assertEquals(JSON.parse(stdout).verification.passed, true);
  });
});

Deno.test("the executable has every module and the runtime's WebAssembly", async () => {
  await inFolder(async (folder) => {
    // Any file serves as the runtime that modules are put behind, if only what is put there is looked at.
    const stub = join(folder, "stub");
    await Deno.copyFile(Deno.execPath(), stub);
    const { code, stderr } = await compile(join(folder, "fx2onnx"), { DENORT_BIN: stub });
    assertEquals(code, 0, stderr);
    const { FAMILIES } = await import("../../src/aten/index.ts");
    for (const family of [...Object.keys(FAMILIES), "session", "replace_weights"]) {
      assert(stderr.includes(` ${family}.ts (`), `${family}.ts is not embedded`);
    }
    const [, size] = / onnxruntime-web\/\S+ \(([\d.]+)MB/.exec(stderr)!;
    assert(Number(size) > 14 && Number(size) < 60, size);
  });
});

/** Whether Deno's runtime of executables can be had: it is fetched once, unless one is named. */
async function isReachable(): Promise<boolean> {
  if (Deno.env.has("DENORT_BIN")) return true;
  const options = { signal: AbortSignal.timeout(5000) };
  return await fetch("https://dl.deno.land/release-latest.txt", options)
    .then(async (response) => (await response.body?.cancel(), response.ok), () => false);
}

const reachable = await isReachable();

Deno.test({
  name: `the executable exports and verifies${reachable ? "" : " (skipped: its runtime can't be fetched here)"}`,
  ignore: !reachable,
  fn: () =>
    inFolder(async (folder) => {
      const executable = join(folder, "fx2onnx");
      const built = await compile(executable);
      assertEquals(built.code, 0, built.stderr);
      const args = ["export", fixture("mlp.pt2"), "-o", join(folder, "x.onnx"), "--verify", "--ep", "wasm", "--json"];
      const { code, stdout, stderr } = await runProcess(executable, args, { cwd: folder });
      assertEquals(code, 0, stderr);
      assertEquals(JSON.parse(stdout).verification.passed, true);
    }),
});
