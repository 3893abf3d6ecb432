/** What models in TypeScript know as `torch`. */
export * from "./functions.ts";
export * from "./python_functions.ts";
export {
  atleast1d,
  atleast2d,
  atleast3d,
  broadcastShapes,
  einsum,
  nonzero,
  norm,
  type NormOptions,
  numel,
  split,
  tensordot,
  unique,
  uniqueConsecutive,
} from "./torch_python.ts";
export * from "./creation.ts";
export * from "./constants.ts";
export * from "./random.ts";
export { type Destination, load, loadNpy, type LoadOptions, save, saveNpy } from "./load_save.ts";
/** Matrices: https://docs.pytorch.org/docs/stable/linalg.html */
export * as linalg from "./linalg.ts";
/** Fourier transforms: https://docs.pytorch.org/docs/stable/fft.html */
export * as fft from "./fft.ts";
/** Functions of mathematics: https://docs.pytorch.org/docs/stable/special.html */
export * as special from "./special.ts";
export { float } from "./scalar.ts";
