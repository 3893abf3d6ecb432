/**
 * PyTorch programs to ONNX, without Python: reads what `torch.export.save` wrote, translates it, writes the model with its
 * weights inlined, beside it or left in place, and verifies the result against a reference.
 *
 * @example
 * ```ts
 * import * as onnx from "@fx2onnx/fx2onnx";
 *
 * const program = await onnx.export("model.pt2", [], "model.onnx", { verify: true });
 * console.log(program.verification?.passed);
 * program.release();
 * ```
 *
 * @module
 */
export { exportProgram as export } from "./src/export/export.ts";
export { load, type LoadOptions } from "./src/pt2/load.ts";
export { ONNXProgram, type SaveOptions } from "./src/export/onnx_program.ts";
export type {
  DimInput,
  DimLike,
  DynamicAxes,
  DynamicShapes,
  ExecutionProvider,
  ExportOptions,
  ExternalData,
  Instruments,
  StepEvent,
} from "./src/export/options.ts";
export { dynamoExport, type DynamoExportCall, type DynamoExportOptions } from "./src/export/dynamo_export.ts";
export { enableFakeMode, isInOnnxExport, type Scope } from "./src/trace/context.ts";
export { verify } from "./src/export/verify.ts";
export type { SourceMap } from "./src/export/metadata.ts";
export * from "./src/ir/mod.ts";
export * from "./src/fx/mod.ts";
export { Model, OnnxGraph, OnnxNode, OnnxValue } from "./src/onnx/model.ts";
export type { AttributeInput, OnnxAttribute } from "./src/onnx/model.ts";
export { OnnxBuilder } from "./src/onnx/builder.ts";
export { float } from "./src/onnx/model.ts";
export type {
  CustomTranslation,
  CustomTranslationTable,
  TranslationAlternative,
  TranslationFunction,
  VersionedTranslation,
} from "./src/aten/custom.ts";
export { type Calls, defineOp, type MetaContext, type Op, type Promotion, type Rules } from "./src/aten/op.ts";
export { loadOps } from "./src/aten/mod.ts";
export type { DType, Meta } from "./src/tensor/mod.ts";
export { Storage, Tensor } from "./src/tensor/mod.ts";
