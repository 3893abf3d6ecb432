/**
 * Makes one executable of the command, with onnxruntime-web's WebAssembly inside: `deno task compile`.
 *
 * `deno compile` leaves out what is imported dynamically where "lazy-dynamic-imports" is on, as it is in deno.json for the
 * sake of start-up; here a copy of the configuration without it is used. Of onnxruntime-web only the builds that Deno runs
 * are taken. Deno fetches its runtime for executables once; DENORT_BIN names one that is there already.
 */
import { dirname, fromFileUrl, join } from "@std/path";

const root = fromFileUrl(new URL("../../", import.meta.url));
const output = Deno.args[0] ?? join(root, "dist/fx2onnx");

/** Builds of onnxruntime-web that are not loaded: those of browsers, and for runtimes without suspension. */
const UNUSED = /\.map$|\.(jsep|asyncify)\.|^ort\.(?!(wasm|jspi|webgpu)\.bundle\.min\.mjs$)/;

const { unstable: _, tasks: _tasks, publish: _publish, ...config } = JSON.parse(
  await Deno.readTextFile(join(root, "deno.json")),
);
const file = await Deno.makeTempFile({ dir: root, prefix: "compile_", suffix: ".json" });
try {
  await Deno.writeTextFile(file, JSON.stringify(config));
  const runtime = dirname(fromFileUrl(import.meta.resolve("onnxruntime-web/wasm")));
  const unused = [...Deno.readDirSync(runtime)].map(({ name }) => name).filter((name) => UNUSED.test(name));
  const excluded = unused.flatMap((name) => ["--exclude", join(runtime, name)]);
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["compile", "-A", "--no-check", "--exclude-unused-npm", "--config", file, "--lock", join(root, "deno.lock")],
      ...[...excluded, "-o", output, join(root, "cli.ts")],
    ],
    cwd: root,
  }).spawn().status;
  Deno.exitCode = code;
} finally {
  await Deno.remove(file);
}
