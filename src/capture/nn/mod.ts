/** `torch.nn`: modules and layers, with the names, parameters and results of PyTorch's. */
export { deepcopy } from "../deepcopy.ts";
/** Initial values of parameters: https://docs.pytorch.org/docs/stable/nn.init.html */
export * as init from "../init.ts";
/** The functions that layers compute with: https://docs.pytorch.org/docs/stable/nn.functional.html */
export * as functional from "../functional.ts";
export { type MemberOptions, Module } from "../module.ts";
export { Buffer, type BufferOptions, Parameter } from "../parameter.ts";
export type { LoadResult, LoadStateDictOptions, StateDict } from "../state_dict.ts";
export * from "./activation.ts";
export * from "./activation_plain.ts";
export * from "./adaptive_pooling.ts";
export * from "./attention.ts";
export * from "./batchnorm.ts";
export * from "./container.ts";
export * from "./conv.ts";
export * from "./distance.ts";
export * from "./dropout.ts";
export * from "./flatten.ts";
export * from "./instancenorm.ts";
export * from "./linear.ts";
export * from "./loss.ts";
export * from "./loss_pairs.ts";
export * from "./normalization.ts";
export * from "./padding.ts";
export * from "./pooling.ts";
export * from "./rnn.ts";
export * from "./softmax.ts";
export * from "./sparse.ts";
export * from "./transformer.ts";
export * from "./upsampling.ts";
export type { Given1, Given2, Given3, ParameterOptions, Size } from "./options.ts";
export type { Setting } from "./text.ts";
