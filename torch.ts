/**
 * Models in TypeScript: tensors and functions with PyTorch's names.
 *
 * @module
 */
/** Functions of `torch`: https://docs.pytorch.org/docs/stable/torch.html */
export * as torch from "./src/capture/torch.ts";
/** Functions of `torch.nn.functional`: https://docs.pytorch.org/docs/stable/nn.functional.html */
export * as F from "./src/capture/functional.ts";
/** Modules and layers of `torch.nn`: https://docs.pytorch.org/docs/stable/nn.html */
export * as nn from "./src/capture/nn/mod.ts";
export { Tensor } from "./src/capture/tensor.ts";
export type { TensorBase } from "./src/capture/base.ts";
export type { Named, Nested, TensorMethods, ToOptions, UniqueOptions } from "./src/capture/methods.ts";
export { type Index, Slice, slice } from "./src/capture/indexing.ts";
export type { DataOptions, TensorData } from "./src/capture/data.ts";
export type { TensorOptions } from "./src/capture/creation.ts";
export { Float, type Scalar } from "./src/capture/scalar.ts";
export { Complex } from "./src/fx/mod.ts";
export type { Data, DType } from "./src/tensor/mod.ts";
