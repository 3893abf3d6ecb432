/**
 * Verification on WebGPU. Where there is no adapter these tests are ignored, unless FX2ONNX_REQUIRE_WEBGPU=1: then they
 * fail, so that a machine meant to have one can't pass without it.
 */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { assertExportMatches } from "../../testing.ts";
import { VerificationError } from "../../src/ir/mod.ts";
import { Tensor } from "../../src/tensor/mod.ts";
import { formatReport, hasWebGpu, verifyProgram } from "../../src/verify/mod.ts";
import { chooseProvider } from "../../src/verify/session.ts";
import { lowered, ProgramBuilder, tensor } from "./programs.ts";

const fixtures = new URL("../fixtures/", import.meta.url);
const has = await hasWebGpu();
const required = Deno.env.get("FX2ONNX_REQUIRE_WEBGPU") === "1";
const ignore = !has && !required;
const why = ignore ? " (ignored: no WebGPU adapter)" : "";

for (const name of ["mlp", "transformer"]) {
  Deno.test({
    name: `webgpu: ${name} agrees at two sizes and in every value${why}`,
    ignore,
    async fn() {
      const report = await assertExportMatches(new URL(`${name}.pt2`, fixtures), { ep: "webgpu" });
      assertEquals([report.ep, report.runs.length, report.notes], ["webgpu", 2, []]);
    },
  });
}

/** `-x` in a dtype. */
async function negation(dtype: "float32" | "float64"): ReturnType<typeof lowered> {
  const program = new ProgramBuilder();
  const x = program.input(tensor("x", dtype, [4]));
  program.output(program.node("torch.ops.aten.sin.default", [x], tensor("sin", dtype, [4])));
  program.samples = [Tensor.of(dtype, [4], [1, -2, NaN, 0.5])];
  return await lowered(program.build());
}

Deno.test({
  name: `webgpu: what the GPU builds lack runs on the CPU, unless WebGPU is asked for${why}`,
  ignore,
  async fn() {
    const report = await verifyProgram(await negation("float64"), { ep: "auto" });
    assert(report.passed, formatReport(report).join("\n"));
    assertEquals([report.ep, report.notes.length], ["wasm", 1]);
    assertMatch(report.notes[0], /^WebGPU was not used: onnxruntime-web can't load the model on webgpu: /);
    const refused = await verifyProgram(await negation("float64"), { ep: "webgpu" });
    assertEquals([refused.ep, refused.passed], ["webgpu", false]);
    assertMatch(
      refused.failure!,
      /\n {2}float64 is not available on WebGPU, and node_sin \(Sin\) needs it: choose the provider wasm$/,
    );
  },
});

Deno.test({
  name: `webgpu: verifications at the same time wait for each other${why}`,
  ignore,
  async fn() {
    const programs = await Promise.all([negation("float32"), negation("float32"), negation("float32")]);
    const reports = await Promise.all(programs.map((program) => verifyProgram(program, { ep: "webgpu" })));
    assertEquals(reports.map((report) => [report.ep, report.passed]), new Array(3).fill(["webgpu", true]));
  },
});

Deno.test({
  name: "webgpu: asked for and missing is an error that says how to get it",
  ignore: has,
  async fn() {
    await assertRejects(() => chooseProvider("webgpu"), VerificationError, "apt install mesa-vulkan-drivers");
    assertEquals(await chooseProvider("auto"), "wasm");
  },
});
