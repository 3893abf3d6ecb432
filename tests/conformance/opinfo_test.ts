/**
 * A sample of PyTorch's operator test database, one program per operator call: each is exported, the model checked, run in
 * onnxruntime-web, and compared with what PyTorch recorded and with the eager interpreter. `tests/tools/opinfo_cases.py`
 * makes the sample, and the whole database where more is wanted.
 */
import { assert, assertEquals } from "@std/assert";
import { exportProgram } from "../../src/export/export.ts";
import { checkModel } from "../../src/onnx/check.ts";
import * as schemas from "../../src/onnx/op_schema.ts";
import { formatReport, type VerifyOptions, verifyProgram } from "../../src/verify/mod.ts";

const folder = new URL("../fixtures/opinfo/", import.meta.url);

/** A line of the manifest, as far as it is used. */
interface Case {
  readonly case: string;
  readonly dynamic: boolean;
  readonly tol: { readonly atol: number; readonly rtol: number };
}

const cases = Deno.readTextFileSync(new URL("manifest.jsonl", folder)).trimEnd().split("\n")
  .map((line) => JSON.parse(line) as Case);

for (const { case: name, dynamic, tol: { atol, rtol } } of cases) {
  Deno.test(`opinfo ${name}`, async () => {
    const program = await exportProgram(new URL(`${name}.pt2`, folder));
    try {
      assertEquals(checkModel(program.model, schemas), []);
      const inputs = new URL(`${name}.safetensors`, folder);
      const verify = async (options: VerifyOptions): Promise<void> => {
        const report = await verifyProgram(program, { ep: "wasm", inputs, atol, rtol, ...options });
        assert(report.passed, formatReport(report).join("\n"));
        assert(!dynamic || report.runs.length > 1, "Only one size was tried");
      };
      await verify({ expected: inputs });
      await verify({});
    } finally {
      program.release();
    }
  });
}

Deno.test("the opinfo sample is what its list names", async () => {
  const listed = (await Deno.readTextFile(new URL("cases.txt", folder))).split(/\s+/).filter((name) => name !== "");
  assertEquals(cases.map((c) => c.case).sort(), listed.sort());
});
