/** Complex tensors as two real ones: views of their parts, and tensors put together from parts. */
import { newData } from "./data.ts";
import { isComplex, toComplex, toReal } from "./dtype.ts";
import { Tensor } from "./tensor.ts";

/** A view of the real (0) or imaginary (1) parts. @throws {TypeError} when the tensor is not complex */
export function partOf(x: Tensor, part: 0 | 1): Tensor {
  if (!isComplex(x.dtype)) throw new TypeError(`A tensor of ${x.dtype} has no imaginary part`);
  return new Tensor(toReal(x.dtype), x.shape, x.storage, x.strides.map((s) => 2 * s), 2 * x.offset + part);
}

/** A view of the parts as a last dim of size 2. */
export function pairsOf(x: Tensor): Tensor {
  if (!isComplex(x.dtype)) throw new TypeError(`A tensor of ${x.dtype} has no imaginary part`);
  const strides = [...x.strides.map((s) => 2 * s), 1];
  return new Tensor(toReal(x.dtype), [...x.shape, 2], x.storage, strides, 2 * x.offset);
}

/** The complex tensor whose parts are the last dim, of size 2. The tensor must be loaded. */
export function ofPairs(pairs: Tensor): Tensor {
  const { dtype, shape } = pairs;
  if (shape.at(-1) !== 2) throw new RangeError(`Cannot view [${shape.join(", ")}] as complex: the last size must be 2`);
  return new Tensor(toComplex(dtype), shape.slice(0, -1), pairs.contiguous().storage);
}

/** The complex tensor with these parts; no imaginary part means zeros. The parts must be loaded. */
export function joinParts(re: Tensor, im: Tensor | null): Tensor {
  const [a, b] = [re.data(), im?.data()];
  const out = newData(toComplex(re.dtype), 2 * a.length);
  for (let i = 0; i < a.length; i++) {
    out[2 * i] = a[i];
    if (b) out[2 * i + 1] = b[i];
  }
  return Tensor.of(toComplex(re.dtype), re.shape, out);
}
