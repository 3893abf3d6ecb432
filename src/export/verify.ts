/** `verify` for the library: loads the runtime only when it is called. */
import type { VerificationReport } from "../verify/report.ts";
import type { verify as runVerify } from "../verify/mod.ts";

/**
 * Runs a model with onnxruntime-web and compares every output with the reference.
 *
 * @param model path or bytes of an ONNX model
 * @throws {VerificationError} when WebGPU is asked for and missing
 *
 * @example
 * ```ts
 * import { verify } from "@fx2onnx/fx2onnx";
 *
 * const report = await verify("model.onnx", { program: "model.pt2" });
 * console.log(report.passed);
 * ```
 */
export async function verify(
  model: Parameters<typeof runVerify>[0],
  options: Parameters<typeof runVerify>[1],
): Promise<VerificationReport> {
  const { verify: run } = await import("../verify/mod.ts");
  return await run(model, options);
}
