/** `verify` for the library: loads the runtime only when it is called. */
import type { SourceInput } from "../io/open.ts";
import type { Model } from "../onnx/model.ts";
import type { VerificationReport, VerifyFileOptions } from "../verify/mod.ts";

/**
 * Runs a model with onnxruntime-web and compares every output with the reference.
 *
 * @param model path or bytes of an ONNX model
 * @throws {VerificationError} when WebGPU is asked for and missing
 *
 * @example
 * ```ts
 * import * as onnx from "@fx2onnx/fx2onnx";
 *
 * await using program = await onnx.export("tests/fixtures/mlp.pt2", [], "mlp.onnx");
 * const report = await onnx.verify("mlp.onnx", { program: "tests/fixtures/mlp.pt2" });
 * console.log(report.passed); // true
 * ```
 */
export async function verify(model: SourceInput | Model, options: VerifyFileOptions): Promise<VerificationReport> {
  const { verify: run } = await import("../verify/mod.ts");
  return await run(model, options);
}
