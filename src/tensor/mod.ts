/** Dtypes, metas and concrete tensors; loops over typed arrays are in `loops.ts` and load with the kernels. */
export * from "./dtype.ts";
export * from "./meta.ts";
export { joinParts, ofPairs, pairsOf, partOf } from "./complex.ts";
export { type Data, decode, encode, isBigData, newData } from "./data.ts";
export { concreteOf, elementCount, elementOffsets, Storage, Tensor, type TensorHolder } from "./tensor.ts";
