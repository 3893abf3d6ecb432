/**
 * Programs that write to tensors (`tests/tools/mutation_programs.py`), exported and run: what they return, and what they
 * leave in their inputs and buffers, is what PyTorch has afterwards.
 */
import * as ort from "onnxruntime-web/wasm";
import { assert, assertEquals } from "@std/assert";
import * as onnx from "../../mod.ts";
import { load } from "../../src/pt2/load.ts";
import { Tensor } from "../../src/tensor/mod.ts";
import { compareTensors } from "../../src/verify/compare.ts";
import { readTensors } from "../../src/verify/inputs.ts";
import { fixture } from "../fixtures.ts";

ort.env.logLevel = "error";
ort.env.wasm.numThreads = 1;

const recorded = await readTensors(fixture("mutations.safetensors"));
const names = [...new Set([...recorded.keys()].map((key) => key.split(".")[0]))];

/** Tensors named `prefix_0`, `prefix_1`, … */
function numbered(prefix: string): Tensor[] {
  const found: Tensor[] = [];
  for (let x = recorded.get(`${prefix}_0`); x; x = recorded.get(`${prefix}_${found.length}`)) found.push(x);
  return found;
}

function toRuntime(x: Tensor): ort.Tensor {
  return new ort.Tensor(x.dtype as "float32", x.data() as Float32Array, [...x.shape]);
}

function assertSame(name: string, result: ort.Tensor, expected: Tensor): void {
  const actual = Tensor.of(expected.dtype, result.dims, result.data as Float32Array);
  assertEquals([result.type as string, ...result.dims], [expected.dtype, ...expected.shape], name);
  const { passed, reason } = compareTensors(name, actual, expected, { rtol: 1e-5, atol: 1e-5 });
  assert(passed, `${name}: ${reason}`);
}

/** Whether two tensors have the same elements. */
function isEqual(a: Tensor, b: Tensor): boolean {
  return a.toArray().join() === b.toArray().join();
}

for (const name of names) {
  Deno.test(`mutations: ${name}`, async () => {
    const program = await onnx.export(fixture("mutations.pt2"), [], null, { model: name });
    const before = await load(fixture("mutations.pt2"), { model: name });
    const session = await ort.InferenceSession.create(await program.toBytes(), { logSeverityLevel: 4 });
    try {
      const users = program.exportedProgram.signature.inputSpecs.filter((spec) => spec.kind === "USER_INPUT");
      for (const prefix of recorded.has(`${name}.alt.input_0`) ? [name, `${name}.alt`] : [name]) {
        const inputs = numbered(`${prefix}.input`);
        const feeds = Object.fromEntries(users.map((spec, i) => [spec.value.name, toRuntime(inputs[i])]));
        const results = await session.run(feeds);
        const outputs = numbered(`${prefix}.output`);
        outputs.forEach((expected, i) => assertSame(`output ${i}`, results[session.outputNames[i]], expected));
        const rest = new Set(session.outputNames.slice(outputs.length));
        // What has changed is an output, and nothing else is.
        for (const [i, after] of numbered(`${prefix}.after`).entries()) {
          const output = `${users[i].value.name}_out`;
          assertEquals(rest.delete(output), !isEqual(after, inputs[i]), output);
          if (results[output]) assertSame(output, results[output], after);
        }
        for (const [key, after] of recorded) {
          if (!key.startsWith(`${prefix}.state.`)) continue;
          const buffer = key.slice(`${prefix}.state.`.length);
          const initial = await before.stateDict.get(buffer)!.load();
          assertEquals(rest.delete(`${buffer}_out`), !isEqual(after, initial), buffer);
          if (results[`${buffer}_out`]) assertSame(buffer, results[`${buffer}_out`], after);
        }
        assertEquals([...rest], []);
      }
    } finally {
      await session.release();
      program.release();
      before.archive?.close?.();
    }
  });
}
