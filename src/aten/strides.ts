/**
 * Whether a result shares memory with its argument where the operator itself decides: `reshape` views where strides allow
 * it and copies elsewhere. What PyTorch does on unknown comparisons is done here: sizes that are not known to fit make a copy.
 */
import { type Dim, eq, lt, mul, prod, type Truth } from "../sym/mod.ts";
import { contiguousStrides, isContiguous, type Meta } from "../tensor/mod.ts";
import { refuse } from "./rules.ts";

/**
 * Whether a tensor can be viewed under another shape without a copy.
 *
 * Source: `computeStride` in https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/TensorUtils.cpp
 */
export function canView(self: Meta, shape: readonly Dim[]): boolean {
  const from = self.shape;
  const strides = self.strides ?? contiguousStrides(from);
  if (from.length === 0 || prod(from) === 0) return true;
  let at = shape.length - 1;
  let chunkStride: Dim = strides[strides.length - 1];
  let [chunk, viewed]: [Dim, Dim] = [1, 1];
  for (let d = from.length - 1; d >= 0; d--) {
    chunk = mul(chunk, from[d]);
    const breaks = d === 0 || (from[d - 1] !== 1 && eq(strides[d - 1], mul(chunk, chunkStride)) !== true);
    if (!breaks) continue;
    while (at >= 0 && (shape[at] === 1 || isLess(viewed, chunk))) viewed = mul(viewed, shape[at--]);
    if (eq(viewed, chunk) !== true) return false;
    if (d > 0) [chunkStride, chunk, viewed] = [strides[d - 1], 1, 1];
  }
  return at < 0;
}

/** What is unknown counts as less: the walk then goes on, and the products are compared at its end. */
function isLess(a: Dim, b: Dim): boolean {
  const less: Truth = lt(a, b);
  return less ?? eq(a, b) !== true;
}

/** Names of memory formats; `0` is how schemas write the contiguous one. */
const FORMATS: ReadonlyMap<string, string> = new Map([
  ["0", "contiguous_format"],
  ["contiguous_format", "contiguous_format"],
  ["preserve_format", "preserve_format"],
  ["channels_last", "channels_last"],
  ["channels_last_3d", "channels_last_3d"],
]);

/**
 * Whether a tensor already is in a memory format (absent: any will do). Formats differ in strides only, which ONNX values
 * don't have, so no rule but this one asks for them.
 */
export function hasFormat(self: Meta, format: string | null): boolean {
  const name = FORMATS.get(format ?? "preserve_format");
  if (name === undefined) refuse("memory_format", format, "PyTorch has no such memory format");
  if (name === "preserve_format") return true;
  if (name === "contiguous_format") return isContiguous(self);
  const rank = name === "channels_last" ? 4 : 5;
  if (self.shape.length !== rank) return false;
  const order = [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1];
  return isContiguous({
    dtype: self.dtype,
    shape: order.map((d) => self.shape[d]),
    strides: order.map((d) => (self.strides ?? contiguousStrides(self.shape))[d]),
  });
}

/** Checks a memory format that has no effect on values. */
export function checkFormat(format: string | null): void {
  if (format !== null && !FORMATS.has(format)) refuse("memory_format", format, "PyTorch has no such memory format");
}
