/**
 * The rows of `rows/*.json` and their inputs, which `tests/tools/op_rows.py` makes by the same formulas.
 *
 * A row: `op` and `args` (and `kwargs`); `sizes`: values of the symbols; `opsets`; `tol`; `limits`: what can't hold and
 * why (`onnx`: the lowering is refused, `runtime`: onnxruntime differs); `refused`: the operator must refuse the call
 * with an error that contains this text; `unrecorded`: why there is no result of PyTorch's; `upTo`: `"sign"` where the
 * operator leaves the signs of its results open, so that only their sizes are compared with PyTorch's, `"order"` where it
 * leaves the order of the elements along the last dim open; `strictNan` and `allowDowncast`: options of the export;
 * `note`.
 *
 * An argument: `{"t": "float32[2,s0]"}` with `low`, `high`, or `values` (repeated as needed, "nan" and "inf" as text);
 * `{"f": 1.5}`, `{"str": "x"}`, `{"dtype": "float32"}`, `{"dim": "2*s0"}`, `{"layout": "strided"}`,
 * `{"memory_format": "contiguous_format"}`, `{"device": "cpu"}`, `{"complex": [0, 1]}`; integers, booleans, null, lists.
 */
import type { CallArg } from "../../src/aten/bind.ts";
import { Complex, DeviceArg, DTypeArg, LayoutArg, MemoryFormatArg } from "../../src/fx/mod.ts";
import { type Dim, evaluate, parseInfix } from "../../src/sym/mod.ts";
import { type DType, isComplex, isDType, isFloat, type Meta, newData, Tensor } from "../../src/tensor/mod.ts";

/** A tensor argument. */
export interface TensorSpec {
  readonly t: string;
  readonly low?: number;
  readonly high?: number;
  readonly values?: readonly (number | boolean | string)[];
}

type RowArg = null | boolean | number | readonly RowArg[] | { readonly [key: string]: unknown };

/** Values of symbols. */
export type Sizes = Readonly<Record<string, number>>;

/** A row of a table. */
export interface Row {
  readonly op: string;
  readonly args: readonly RowArg[];
  readonly kwargs?: Readonly<Record<string, RowArg>>;
  readonly sizes?: readonly Sizes[];
  readonly opsets?: readonly number[];
  readonly tol?: { readonly rtol?: number; readonly atol?: number };
  readonly limits?: { readonly onnx?: string; readonly runtime?: string };
  readonly refused?: string;
  readonly unrecorded?: string;
  readonly upTo?: "sign" | "order";
  readonly strictNan?: boolean;
  readonly allowDowncast?: boolean;
  readonly note?: string;
}

/** dtype and shape of a tensor argument. */
export function metaOf(spec: TensorSpec): Meta {
  const match = /^(\w+)\[(.*)\]$/.exec(spec.t);
  if (!match || !isDType(match[1])) throw new SyntaxError(`Cannot read the tensor argument ${spec.t}`);
  const shape = match[2] === "" ? [] : match[2].split(",").map((d) => parseInfix(d.trim()) as Dim);
  return { dtype: match[1], shape };
}

function isTensorSpec(arg: RowArg): arg is RowArg & TensorSpec {
  return typeof arg === "object" && arg !== null && "t" in arg;
}

/** The tensor arguments of a row, in order. */
export function tensorSpecs(row: Row): TensorSpec[] {
  const found: TensorSpec[] = [];
  const visit = (arg: RowArg): void => {
    if (Array.isArray(arg)) arg.forEach(visit);
    else if (isTensorSpec(arg)) found.push(arg);
  };
  [...row.args, ...Object.values(row.kwargs ?? {})].forEach(visit);
  return found;
}

/** A pseudorandom 32-bit number, the same in `op_rows.py`. */
function hash(row: number, arg: number, element: number): number {
  let h = (Math.imul(row + 1, 0x9e3779b1) ^ Math.imul(arg + 1, 0x85ebca77) ^ Math.imul(element + 1, 0xc2b2ae3d)) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d) >>> 0;
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b) >>> 0;
  return (h ^ (h >>> 16)) >>> 0;
}

/** A tensor argument's values. */
export function makeTensor(spec: TensorSpec, row: number, arg: number, sizes: Sizes): Tensor {
  const { dtype, shape } = metaOf(spec);
  const concrete = shape.map((d) => evaluate(d, new Map(Object.entries(sizes))) as number);
  const count = concrete.reduce((a, b) => a * b, 1) * (isComplex(dtype) ? 2 : 1);
  const data = newData(dtype, count);
  const real = isFloat(dtype) || isComplex(dtype);
  const low = spec.low ?? (real ? -2 : dtype.startsWith("uint") ? 0 : -5);
  const high = spec.high ?? (real ? 2 : 5);
  for (let i = 0; i < count; i++) {
    const given = spec.values?.[i % spec.values.length];
    const h = hash(row, arg, i);
    const value = given !== undefined
      ? numberOf(given)
      : dtype === "bool"
      ? h & 1
      : real
      ? low + (high - low) * (h / 2 ** 32)
      : low + h % (high - low + 1);
    if (typeof data[0] === "bigint") (data as BigInt64Array)[i] = BigInt(value);
    else (data as Float64Array)[i] = value;
  }
  return Tensor.of(dtype, concrete, data);
}

function numberOf(value: number | boolean | string): number {
  if (value === "nan") return NaN;
  if (value === "inf") return Infinity;
  return value === "-inf" ? -Infinity : Number(value);
}

/** Arguments with tensors of some kind in place, in the order that `tensorSpecs` finds them. */
export function fillIn<T>(
  row: Row,
  tensors: readonly T[],
  dim: (text: string) => CallArg<T>,
): { args: CallArg<T>[]; kwargs: Map<string, CallArg<T>> } {
  let next = 0;
  const convert = (arg: RowArg): CallArg<T> => {
    if (arg === null || typeof arg === "boolean") return arg;
    if (typeof arg === "number") {
      if (!Number.isInteger(arg)) throw new SyntaxError(`Cannot read argument ${arg}: write a float as {"f": ${arg}}`);
      return BigInt(arg);
    }
    if (Array.isArray(arg)) return arg.map(convert);
    if (isTensorSpec(arg)) return tensors[next++];
    const [[kind, value]] = Object.entries(arg);
    switch (kind) {
      case "f":
        return numberOf(value as number | string);
      case "str":
        return value as string;
      case "dtype":
        return new DTypeArg(value as DType);
      case "layout":
        return new LayoutArg(value as string);
      case "memory_format":
        return new MemoryFormatArg(value as string);
      case "device":
        return new DeviceArg(value as string);
      case "complex":
        return new Complex(...(value as [number, number]));
      case "dim":
        return dim(value as string);
      default:
        throw new SyntaxError(`Cannot read an argument of kind ${kind}`);
    }
  };
  const args = row.args.map(convert);
  const kwargs = new Map(Object.entries(row.kwargs ?? {}).map(([name, arg]) => [name, convert(arg)] as const));
  return { args, kwargs };
}
