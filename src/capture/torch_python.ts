/** Functions of `torch` that PyTorch writes in Python. */
import { broadcastShapes as broadcast } from "../tensor/mod.ts";
import { type Composite, defineComposite } from "./composite.ts";
import { tensor } from "./creation.ts";
import type { UniqueOptions } from "./methods.ts";
import { call, Tensor } from "./tensor.ts";

/** The tensors, expanded to the shape that all of them broadcast to. */
export const broadcastTensors: Composite = defineComposite(
  "broadcast_tensors(Tensor[] tensors) -> Tensor[]",
  ({ tensors }) => call("broadcast_tensors", "broadcast_tensors", [tensors]),
);
/** Coordinates of a grid: of each tensor of one dim its values along a dim of the grid. */
export const meshgrid: Composite = defineComposite(
  "meshgrid(Tensor[] tensors, *, str? indexing=None) -> Tensor[]",
  ({ tensors, indexing }) =>
    indexing === null
      ? call("meshgrid", "meshgrid", [tensors])
      : call("meshgrid", "meshgrid.indexing", [tensors, { indexing }]),
);
/** A matrix with the given ones along its diagonal. */
export const blockDiag: Composite = defineComposite(
  "block_diag(Tensor[] tensors) -> Tensor",
  ({ tensors }) => call("block_diag", "block_diag", [tensors]),
);
/** All combinations of elements of tensors of one dim, a row each. */
export const cartesianProd: Composite = defineComposite(
  "cartesian_prod(Tensor[] tensors) -> Tensor",
  ({ tensors }) => call("cartesian_prod", "cartesian_prod", [tensors]),
);
/** The product of matrices. */
export const chainMatmul: Composite = defineComposite(
  "chain_matmul(Tensor[] matrices) -> Tensor",
  ({ matrices }) => call("chain_matmul", "chain_matmul", [matrices]),
);

const DISTANCE_MODES: readonly string[] = [
  "use_mm_for_euclid_dist_if_necessary",
  "use_mm_for_euclid_dist",
  "donot_use_mm_for_euclid_dist",
];

/** Distances of all rows of one matrix from all rows of another. */
export const cdist: Composite = defineComposite(
  "cdist(Tensor x1, Tensor x2, float p=2.0, str compute_mode='use_mm_for_euclid_dist_if_necessary') -> Tensor",
  ({ x1, x2, p, compute_mode }) => {
    const mode = DISTANCE_MODES.indexOf(compute_mode);
    if (mode < 0) {
      throw new RangeError(`cdist: computeMode must be one of ${DISTANCE_MODES.join(", ")}, met ${compute_mode}`);
    }
    return call("cdist", "cdist", [x1, x2, p, mode === 0 ? null : mode]);
  },
);
/** The short-time Fourier transform of `[…, T]`. */
export const stft: Composite = defineComposite(
  "stft(Tensor input, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode='reflect', bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor",
  (args) => {
    const { n_fft, hop_length, win_length, window, normalized, onesided, return_complex, align_to_window } = args;
    let { input } = args;
    if (args.center && align_to_window !== null) {
      throw new TypeError("stft: alignToWindow is for signals that are not centred");
    }
    if (args.center) {
      const { shape } = input;
      const around = Math.floor(n_fft / 2);
      const extended = input.view([...new Array(3 - shape.length).fill(1), ...shape]);
      const padded = call("pad", "pad", [extended, [around, around], args.pad_mode]) as Tensor;
      input = padded.view(padded.shape.slice(-shape.length));
    }
    const given = [input, n_fft, hop_length, win_length, window, normalized, onesided, return_complex, align_to_window];
    return call("stft", "stft", given);
  },
);
/** The places in a tensor of a shape that indices into its elements in a row name: a tensor for each dim. */
export const unravelIndex: Composite = defineComposite(
  "unravel_index(Tensor indices, int[] shape) -> Tensor[]",
  ({ indices, shape }) => {
    const steps = shape.map((_, d) => shape.slice(d + 1).reduce((a, b) => a * b, 1));
    const made = (values: readonly number[]): Tensor => tensor([...values], { dtype: "int64" });
    return indices.unsqueeze(-1).floorDivide(made(steps)).remainder(made(shape)).unbind(-1);
  },
);

/** The shape that shapes broadcast to. https://docs.pytorch.org/docs/stable/generated/torch.broadcast_shapes.html */
export function broadcastShapes(...shapes: readonly (readonly number[])[]): number[] {
  return broadcast(...shapes) as number[];
}

/**
 * Sums of products, as subscripts say: https://docs.pytorch.org/docs/stable/generated/torch.einsum.html
 *
 * @example
 * ```ts
 * import { torch } from "@fx2onnx/fx2onnx/torch";
 *
 * const [x, y] = [torch.ones(2, 3), torch.ones(3, 4)];
 * console.log(torch.einsum("ij,jk->ik", x, y).shape); // [2, 4]
 * ```
 */
export function einsum(equation: string, operands: readonly Tensor[]): Tensor;
/** With the operands one by one. */
export function einsum(equation: string, ...operands: Tensor[]): Tensor;
export function einsum(equation: string, ...operands: (Tensor | readonly Tensor[])[]): Tensor {
  return call("einsum", "einsum", [equation, operands.flat()]) as Tensor;
}

/**
 * The product of two tensors over the last dims of one and the first of the other, or over the dims that are given for each:
 * https://docs.pytorch.org/docs/stable/generated/torch.tensordot.html
 */
export function tensordot(
  a: Tensor,
  b: Tensor,
  dims?: number | readonly [readonly number[], readonly number[]] | {
    dims: number | readonly [readonly number[], readonly number[]];
  },
): Tensor {
  const given = dims === undefined ? 2 : typeof dims === "object" && "dims" in dims ? dims.dims : dims;
  if (typeof given === "number") {
    if (given < 0 || given > Math.min(a.ndim, b.ndim)) {
      throw new RangeError(`tensordot: dims must be no more than the tensors have, met ${given}`);
    }
    const own = Array.from({ length: given }, (_, i) => i - given);
    return call("tensordot", "tensordot", [a, b, own, own.map((d) => d + given)]) as Tensor;
  }
  return call("tensordot", "tensordot", [a, b, given[0], given[1]]) as Tensor;
}

/** Parts of a size, or of several sizes, along a dim. https://docs.pytorch.org/docs/stable/generated/torch.split.html */
export function split(
  tensor: Tensor,
  splitSize: number | readonly number[],
  dim: number | { dim?: number } = 0,
): Tensor[] {
  return tensor.split(splitSize, dim as number);
}

/** The norm of all elements, or along dims: as the method. https://docs.pytorch.org/docs/stable/generated/torch.norm.html */
export function norm(input: Tensor, ...args: Parameters<Tensor["norm"]>): Tensor;
/** By name. */
export function norm(input: Tensor, options: Parameters<Tensor["norm"]>[0] | NormOptions): Tensor;
export function norm(input: Tensor, ...args: unknown[]): Tensor {
  return (input.norm as (...args: unknown[]) => Tensor).apply(input, args);
}

/** The norm that is taken. */
export interface NormOptions {
  /** Its order; `fro` where none is given. */
  readonly p?: number | "fro" | "nuc" | null;
  /** The dims along which it is taken; all where none are given. */
  readonly dim?: number | readonly number[] | null;
  /** Whether those stay, with size 1. */
  readonly keepdim?: boolean;
}

/** The distinct elements, sorted; with their places or numbers where these are asked for. https://docs.pytorch.org/docs/stable/generated/torch.unique.html */
export function unique(
  input: Tensor,
  options?: UniqueOptions & { returnInverse?: false; returnCounts?: false },
): Tensor;
/** With their places, and their numbers if they are asked for too. */
export function unique(input: Tensor, options: UniqueOptions & { returnInverse: true }): Tensor[];
/** With their numbers. */
export function unique(input: Tensor, options: UniqueOptions & { returnCounts: true }): Tensor[];
export function unique(input: Tensor, options: UniqueOptions = {}): Tensor | Tensor[] {
  return input.unique(options as UniqueOptions & { returnInverse: true });
}

/** The elements without what repeats the one before. https://docs.pytorch.org/docs/stable/generated/torch.unique_consecutive.html */
export function uniqueConsecutive(
  input: Tensor,
  options?: UniqueOptions & { returnInverse?: false; returnCounts?: false },
): Tensor;
/** With their places, and their numbers if they are asked for too. */
export function uniqueConsecutive(input: Tensor, options: UniqueOptions & { returnInverse: true }): Tensor[];
/** With their numbers. */
export function uniqueConsecutive(input: Tensor, options: UniqueOptions & { returnCounts: true }): Tensor[];
export function uniqueConsecutive(input: Tensor, options: UniqueOptions = {}): Tensor | Tensor[] {
  return input.uniqueConsecutive(options as UniqueOptions & { returnInverse: true });
}

/** The places of elements that are not 0, a row each. https://docs.pytorch.org/docs/stable/generated/torch.nonzero.html */
export function nonzero(input: Tensor): Tensor;
/** A tensor of indices for each dim, as indexing takes them. */
export function nonzero(input: Tensor, options: { asTuple: true }): Tensor[];
export function nonzero(input: Tensor, options: { asTuple?: boolean } = {}): Tensor | Tensor[] {
  return input.nonzero(options);
}

/** Number of elements. https://docs.pytorch.org/docs/stable/generated/torch.numel.html */
export function numel(input: Tensor): number {
  return input.numel();
}

/** The tensors with dims of size 1 in front, so that they have one at least. */
export function atleast1d(input: Tensor): Tensor;
/** Each of several. */
export function atleast1d(...tensors: Tensor[]): Tensor[];
/** Each of a list. */
export function atleast1d(tensors: readonly Tensor[]): Tensor[];
export function atleast1d(...tensors: (Tensor | readonly Tensor[])[]): Tensor | Tensor[] {
  return atleast("atleast_1d", tensors);
}

/** The tensors with dims of size 1 in front, so that they have two at least. */
export function atleast2d(input: Tensor): Tensor;
/** Each of several. */
export function atleast2d(...tensors: Tensor[]): Tensor[];
/** Each of a list. */
export function atleast2d(tensors: readonly Tensor[]): Tensor[];
export function atleast2d(...tensors: (Tensor | readonly Tensor[])[]): Tensor | Tensor[] {
  return atleast("atleast_2d", tensors);
}

/** The tensors with dims of size 1 around, so that they have three at least. */
export function atleast3d(input: Tensor): Tensor;
/** Each of several. */
export function atleast3d(...tensors: Tensor[]): Tensor[];
/** Each of a list. */
export function atleast3d(tensors: readonly Tensor[]): Tensor[];
export function atleast3d(...tensors: (Tensor | readonly Tensor[])[]): Tensor | Tensor[] {
  return atleast("atleast_3d", tensors);
}

function atleast(name: string, tensors: readonly (Tensor | readonly Tensor[])[]): Tensor | Tensor[] {
  const [only] = tensors;
  return tensors.length === 1 && only instanceof Tensor
    ? call(name, name, [only]) as Tensor
    : call(name, `${name}.Sequence`, [tensors.flat()]) as Tensor[];
}
