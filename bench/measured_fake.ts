/** Exports a program without weights in a process of its own, gives it weights, writes it to nowhere, and prints what it took. */
import * as onnx from "../mod.ts";
import { writeModel } from "../src/onnx/write_model.ts";

/** A file that only counts. */
class Counter {
  position = 0;

  write(bytes: Uint8Array): Promise<void> {
    this.position += bytes.byteLength;
    return Promise.resolve();
  }

  abort(): Promise<void> {
    return Promise.resolve();
  }
}

const [archive, weights] = Deno.args;
const times: string[] = [];
let start = performance.now();
function took(what: string): void {
  const peak = /VmHWM:\s+(\d+) kB/.exec(Deno.readTextFileSync("/proc/self/status"))?.[1];
  const memory = peak === undefined ? "" : `, peak ${(Number(peak) / 1e3).toFixed(0)} MB`;
  times.push(`${what}: ${((performance.now() - start) / 1000).toFixed(2)} s${memory}`);
  start = performance.now();
}

async function withoutWeights(): Promise<onnx.ONNXProgram> {
  using _ = onnx.enableFakeMode();
  return await onnx.export(archive, [], null, { optimize: false });
}

const program = await withoutWeights();
took("export in fake mode");
const { missing } = await program.applyWeights(weights);
if (missing.length > 0) throw new Error(`Weights are missing: ${missing[0]}`);
took("applyWeights");
const report = await writeModel(program.model, "model.onnx", {
  files: { create: () => Promise.resolve(new Counter()), commit: () => Promise.resolve() },
  externalData: "always",
});
took(`save of ${(report.dataBytes / 1e9).toFixed(1)} GB`);
await program.release();
console.log(times.join("\n"));
