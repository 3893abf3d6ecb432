/**
 * Tensors as text, as PyTorch prints them: four digits, powers of ten where magnitudes differ much, the edges only of what
 * has over a thousand elements.
 *
 * Source: https://github.com/pytorch/pytorch/blob/main/torch/_tensor_str.py
 */
import { FxValue } from "../fx/mod.ts";
import { decode, type DType, isComplex, isFloat, itemsize, type Tensor as CoreTensor } from "../tensor/mod.ts";
import type { TensorBase } from "./base.ts";

/** Digits after the point. */
const PRECISION = 4;
/** The number of elements up to which all are printed. */
const THRESHOLD = 1000;
/** How many are printed at each edge of a dim where not all are. */
const EDGE = 3;
/** Characters of a line. */
const WIDTH = 80;

/** Elements in nested lists; null where some are left out. */
type Elements = readonly (Elements | Element | null)[] | Element;

/** A number, or the parts of a complex one. */
type Element = number | bigint | boolean | readonly [re: number, im: number];

/** Dtypes that literals have, which go without saying. */
const PLAIN: ReadonlySet<DType> = new Set(["float32", "complex64", "int64", "bool"]);

/** The text of a tensor. */
export function formatTensor(tensor: TensorBase): string {
  const { value, dtype } = tensor;
  const suffixes: string[] = [];
  let text: string;
  if (value instanceof FxValue || !value.isLoaded) {
    suffixes.push(sizeOf(tensor.meta.shape));
    if (!PLAIN.has(dtype)) suffixes.push(`dtype=torch.${dtype}`);
    if (!(value instanceof FxValue)) suffixes.push("not loaded");
    text = value instanceof FxValue ? "FakeTensor(..." : "tensor(...";
  } else if (value.numel === 0) {
    if (value.shape.length !== 1) suffixes.push(sizeOf(value.shape));
    if (dtype !== "float32") suffixes.push(`dtype=torch.${dtype}`);
    text = "tensor([]";
  } else {
    if (!PLAIN.has(dtype)) suffixes.push(`dtype=torch.${dtype}`);
    text = `tensor(${elementsText(value, "tensor(".length)}`;
  }
  if (tensor.requiresGrad) suffixes.push("requires_grad=True");
  return withSuffixes(text, suffixes, "tensor(".length);
}

function sizeOf(shape: readonly unknown[]): string {
  return `size=(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;
}

function withSuffixes(text: string, suffixes: readonly string[], indent: number): string {
  let last = text.length - text.lastIndexOf("\n") + 1;
  for (const suffix of suffixes) {
    const breaks = last + suffix.length + 2 > WIDTH;
    text += breaks ? `,\n${" ".repeat(indent)}${suffix}` : `, ${suffix}`;
    last = breaks ? indent + suffix.length : last + suffix.length + 2;
  }
  return `${text})`;
}

function elementsText(tensor: CoreTensor, indent: number): string {
  const { shape, dtype } = tensor;
  const summarized = tensor.numel > THRESHOLD;
  const elements = elementsOf(tensor, 0, tensor.offset, summarized);
  const all = numbersIn(elements);
  const write = isComplex(dtype) ? complexWriter(all as number[]) : writerOf(all, isFloat(dtype));
  return nested(elements, shape.length, indent, write);
}

/** The numbers that are printed, in order; of complex ones both parts. */
function numbersIn(elements: Elements | null): (number | bigint | boolean)[] {
  if (elements === null) return [];
  return Array.isArray(elements) ? elements.flatMap(numbersIn) : [elements as number];
}

/** The elements that are printed. */
function elementsOf(tensor: CoreTensor, dim: number, at: number, summarized: boolean): Elements {
  const { shape, strides } = tensor;
  if (dim === shape.length) return elementAt(tensor, at);
  const n = shape[dim];
  const step = (i: number): Elements => elementsOf(tensor, dim + 1, at + i * strides[dim], summarized);
  if (!summarized || n <= 2 * EDGE) return Array.from({ length: n }, (_, i) => step(i));
  const edge = Array.from({ length: EDGE }, (_, i) => i);
  return [...edge.map(step), null, ...edge.map((i) => step(n - EDGE + i))];
}

function elementAt({ storage, dtype }: CoreTensor, at: number): Element {
  const size = itemsize(dtype);
  const data = decode(dtype, storage.bytes!.slice(at * size, (at + 1) * size));
  if (isComplex(dtype)) return [Number(data[0]), Number(data[1])];
  return dtype === "bool" ? data[0] !== 0 : data[0];
}

/** Writes elements in the same width. */
interface Writer {
  readonly width: number;
  write(element: Element): string;
}

function writerOf(elements: readonly (number | bigint | boolean)[], isFloating: boolean): Writer {
  if (!isFloating) {
    const text = (x: Element): string => typeof x === "boolean" ? (x ? "True" : "False") : String(x);
    return padded(Math.max(1, ...elements.map((x) => text(x).length)), text);
  }
  const finite = (elements as readonly number[]).filter((x) => Number.isFinite(x) && x !== 0);
  const sizes = finite.map(Math.abs);
  const [least, most] = [sizes.reduce((a, b) => Math.min(a, b), Infinity), sizes.reduce((a, b) => Math.max(a, b), 0)];
  const areWhole = finite.every(Number.isInteger);
  const isScientific = finite.length > 0 && (most / least > 1000 || most > 1e8 || least < 1e-4);
  const text = (x: number): string => {
    if (Number.isNaN(x)) return "nan";
    if (!Number.isFinite(x)) return x > 0 ? "inf" : "-inf";
    if (isScientific) return scientific(x);
    return areWhole ? `${fixed(x, 0)}.` : fixed(x, PRECISION);
  };
  return padded(Math.max(1, ...finite.map((x) => text(x).length)), (x) => text(x as number));
}

function padded(width: number, text: (element: Element) => string): Writer {
  return { width, write: (element) => text(element).padStart(width) };
}

function complexWriter(parts: readonly number[]): Writer {
  const [re, im] = [0, 1].map((k) => writerOf(parts.filter((_, i) => i % 2 === k), true));
  return {
    width: re.width + im.width + 1,
    write(element) {
      const [x, y] = element as readonly [number, number];
      const imaginary = `${im.write(y)}j`.trimStart();
      return re.write(x) + (/^[+-]/.test(imaginary) ? "" : "+") + imaginary;
    },
  };
}

/** `text` without what follows its digits, if that is exactly half a digit and the last digit is even. */
function rounded(text: string, exact: string, cut: number): string {
  const isHalf = /^50*$/.test(exact.slice(cut)) && /[02468]\.?$/.test(exact.slice(0, cut));
  return isHalf ? exact.slice(0, cut) : text;
}

/** `{:.4f}` of Python, which rounds halves to even. */
function fixed(x: number, digits: number): string {
  const magnitude = Math.abs(x);
  const exact = magnitude.toFixed(digits + 40);
  const text = rounded(magnitude.toFixed(digits), exact, exact.length - 40);
  return x < 0 || Object.is(x, -0) ? `-${text}` : text;
}

/** `{:.4e}` of Python. */
function scientific(x: number): string {
  const magnitude = Math.abs(x);
  const [exact, power] = magnitude.toExponential(PRECISION + 40).split("e");
  const [plain, plainPower] = magnitude.toExponential(PRECISION).split("e");
  const text = rounded(plain, exact, exact.length - 40);
  const exponent = Number(text === plain ? plainPower : power);
  const sign = x < 0 || Object.is(x, -0) ? "-" : "";
  return `${sign}${text}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

function nested(elements: Elements, rank: number, indent: number, writer: Writer): string {
  if (rank === 0) return writer.write(elements as Element);
  const items = elements as readonly (Elements | null)[];
  if (rank === 1) return vector(items as readonly (Element | null)[], indent, writer);
  const parts = items.map((item) => item === null ? "..." : nested(item, rank - 1, indent + 1, writer));
  return `[${parts.join(`,${"\n".repeat(rank - 1)}${" ".repeat(indent + 1)}`)}]`;
}

function vector(elements: readonly (Element | null)[], indent: number, writer: Writer): string {
  const perLine = Math.max(1, Math.floor((WIDTH - indent) / (writer.width + 2)));
  const words = elements.map((element) => element === null ? " ..." : writer.write(element));
  const lines: string[] = [];
  for (let i = 0; i < words.length; i += perLine) lines.push(words.slice(i, i + perLine).join(", "));
  return `[${lines.join(`,\n${" ".repeat(indent + 1)}`)}]`;
}
