/**
 * PyTorch programs to ONNX, without Python: reads what `torch.export.save` wrote, translates it, writes the model with its
 * weights inlined, beside it or left in place, and verifies the result against a reference.
 *
 * @example
 * ```ts
 * import * as onnx from "@fx2onnx/fx2onnx";
 *
 * const program = await onnx.export("tests/fixtures/mlp.pt2", [], "mlp.onnx", { verify: true });
 * console.log(program.verification?.passed);
 * await program.release();
 * ```
 *
 * @module
 */
export { exportProgram as export, type ModelInput } from "./src/export/export.ts";
export { Dim, type DimBounds, type DimMode, dims } from "./src/trace/dim.ts";
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
export { Model, OnnxFunction, OnnxGraph, OnnxNode, OnnxValue } from "./src/onnx/model.ts";
export type { AttributeInput, AttributeReference, OnnxAttribute, SizeName } from "./src/onnx/model.ts";
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
export type { DType, Meta, TensorHolder } from "./src/tensor/mod.ts";
export { Storage, Tensor } from "./src/tensor/mod.ts";
export { type Operators, ops } from "./src/aten/ops.ts";
export type {
  ComplexForm,
  ComplexRule,
  ElementwiseForm,
  FormName,
  Forms,
  FreshKind,
  NamedForm,
  PartsAlike,
  Writes,
} from "./src/aten/op.ts";
export { saveProgram } from "./src/export/save_program.ts";
export type { Kwargs } from "./src/export/call.ts";
export type { AppliedWeights } from "./src/export/apply_weights.ts";
export type { StateDict } from "./src/pt2/state_dict.ts";
export type { WriteReport } from "./src/onnx/write_model.ts";
export type { BuilderOptions, Downcast, NodeCall, Substitution, Target } from "./src/onnx/builder.ts";
export type { FloatAttribute } from "./src/onnx/model.ts";
export type {
  Divergence,
  OutputComparison,
  ReferenceValue,
  RunComparison,
  Tolerance,
  VerificationReport,
  VerifyFileOptions,
  VerifyOptions,
} from "./src/verify/mod.ts";
export type { DifferingElement, SpecialValues } from "./src/verify/report.ts";
export type { CpuNode, Placement } from "./src/verify/placement.ts";
export type { ToleranceValue } from "./src/verify/tolerance.ts";
export type { Provider, SessionInitializer } from "./src/verify/session.ts";
export type { SourceInput } from "./src/io/open.ts";
export type { ByteRange, Source } from "./src/io/source.ts";
export type { Data } from "./src/tensor/mod.ts";
export type {
  Dim as Size,
  Factor,
  OpaqueUnaryFn,
  Range,
  RangeInit,
  Ranges,
  Rational,
  Sym,
  SymFn,
  SymKind,
  SymNode,
  Term,
} from "./src/sym/mod.ts";
export * as sym from "./src/sym/mod.ts";
export type {
  AttributeProto,
  AttributeProto_AttributeType,
  DeviceConfigurationProto,
  FunctionProto,
  GraphProto,
  IntIntListEntryProto,
  ModelProto,
  NodeDeviceConfigurationProto,
  NodeProto,
  OperatorSetIdProto,
  OperatorStatus,
  ShardedDimProto,
  ShardingSpecProto,
  SimpleShardedDimProto,
  SparseTensorProto,
  StringStringEntryProto,
  TensorAnnotation,
  TensorProto,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProto_Segment,
  TensorShapeProto,
  TensorShapeProto_Dimension,
  TrainingInfoProto,
  TypeProto,
  TypeProto_Map,
  TypeProto_Opaque,
  TypeProto_Optional,
  TypeProto_Sequence,
  TypeProto_SparseTensor,
  TypeProto_Tensor,
  ValueInfoProto,
} from "./src/proto/onnx_pb.ts";
export type { Message, UnknownField } from "@bufbuild/protobuf";
export type { WireType } from "@bufbuild/protobuf/wire";
