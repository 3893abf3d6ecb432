/** Branches, loops, scans and regions that stand for something else, against what PyTorch computed. */
import { assert, assertEquals } from "@std/assert";
import { exportProgram } from "../../src/export/export.ts";
import { assertModel } from "../../src/onnx/check.ts";
import * as schemas from "../../src/onnx/op_schema.ts";
import { compareTensors } from "../../src/verify/compare.ts";
import { casesOfFile, readTensors } from "../../src/verify/inputs.ts";
import { runProgram, verifyProgram } from "../../src/verify/mod.ts";
import { asTensor, isUserOutput } from "../../src/verify/subject.ts";
import { prepare } from "../../src/passes/mod.ts";
import { fixture } from "../fixtures.ts";

const names = [...Deno.readDirSync(fixture("control"))].map(({ name }) => name)
  .filter((name) => name.endsWith(".pt2")).map((name) => name.slice(0, -4)).sort();

for (const name of names) {
  Deno.test(`control: ${name} computes what PyTorch does`, async () => {
    const result = await exportProgram(fixture(`control/${name}.pt2`));
    try {
      assertModel(result.model, schemas);
      const file = fixture(`control/${name}.safetensors`);
      const program = result.functionalProgram;
      const { table } = await prepare(program);
      const tensors = await readTensors(file);
      for (const [i, { values }] of casesOfFile(program, tensors, name).entries()) {
        const results = await runProgram(program, table, values);
        let n = 0;
        for (const { spec, value } of result.lowered.outputs) {
          if (!isUserOutput(spec)) continue;
          const made = asTensor(results[program.signature.outputSpecs.indexOf(spec)], value.meta, value.name);
          const wanted = tensors.get(`${i === 0 ? "" : "alt_"}output_${n++}`)!;
          const compared = compareTensors(value.name, made, wanted, { rtol: 1e-5, atol: 1e-5 });
          assert(compared.passed, `reference: ${value.name}: ${compared.reason}`);
        }
        assert(n > 0 && !tensors.has(`output_${n}`));
      }
      const report = await verifyProgram(result, {
        expected: file,
        ep: "wasm",
        intermediates: true,
        rtol: 1e-4,
        atol: 1e-5,
      });
      assertEquals(report.failure, null);
      for (const run of report.runs) {
        assert(run.passed, `${run.inputs}: ${run.reason} ${run.outputs.map((o) => o.reason).join()}`);
      }
      assertEquals(report.divergence, null);
    } finally {
      result.release();
    }
  });
}
