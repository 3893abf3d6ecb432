/**
 * Einstein summation. Equations are brought to ONNX's form: the output written out, the ellipsis spelled with letters of
 * its own, lower case only.
 */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";
import type { Dim } from "../sym/mod.ts";
import {
  contiguousStrides,
  type DType,
  elementCount,
  isFloat,
  isInt,
  type Meta,
  newData,
  Tensor,
} from "../tensor/mod.ts";
import { convert, indices, store } from "../tensor/loops.ts";
import { broadcastShapes } from "../tensor/mod.ts";
import { diagonal } from "./diagonal.ts";
import { onnxExpand } from "./expand.ts";
import { type Calls, defineOp } from "./op.ts";
import { permute } from "./permute.ts";
import { productDType, widen } from "./precision.ts";

/** An equation with one label per dim. Labels of one letter are the equation's, others stand for ellipsis dims. */
interface Equation {
  readonly inputs: readonly (readonly string[])[];
  readonly output: readonly string[];
}

/** Labels of the ellipsis dims count from the right, so that they broadcast. */
function ellipsis(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `...${count - i}`);
}

/** Reads an equation for operands of the given ranks. @throws {SyntaxError} when it is malformed or does not fit them */
export function parseEquation(equation: string, ranks: readonly number[]): Equation {
  const fail = (why: string): never => {
    throw new SyntaxError(`Cannot read einsum equation "${equation}": ${why}`);
  };
  const text = equation.replaceAll(" ", "");
  const [left, right, ...more] = text.split("->");
  if (more.length > 0) fail("it has more than one arrow");
  const terms = left.split(",");
  if (terms.length !== ranks.length) fail(`it has ${terms.length} operands, but ${ranks.length} are given`);
  let widest = 0;
  const inputs = terms.map((term, i) => {
    const match = /^([A-Za-z]*)(\.\.\.)?([A-Za-z]*)$/.exec(term);
    if (!match) return fail(`operand "${term}" is not letters and at most one ellipsis`);
    const [, before, dots, after] = match;
    const hidden = ranks[i] - before.length - after.length;
    if (dots ? hidden < 0 : hidden !== 0) fail(`operand "${term}" does not fit a tensor of ${ranks[i]} dimensions`);
    widest = Math.max(widest, dots ? hidden : 0);
    return [...before, ...(dots ? ellipsis(hidden) : []), ...after];
  });
  if (right !== undefined) {
    const match = /^([A-Za-z]*)(\.\.\.)?([A-Za-z]*)$/.exec(right);
    if (!match) return fail(`output "${right}" is not letters and at most one ellipsis`);
    const output = [...match[1], ...(match[2] ? ellipsis(widest) : []), ...match[3]];
    if (new Set(output).size !== output.length) fail("a letter of the output is repeated");
    if (output.some((label) => !inputs.flat().includes(label))) fail("a letter of the output is in no operand");
    return { inputs, output };
  }
  // Without an output: the ellipsis, then the letters that occur once, in order of the alphabet with capitals first.
  const all = inputs.flat();
  const once = all.filter((label) => label.length === 1 && all.indexOf(label) === all.lastIndexOf(label)).sort();
  return { inputs, output: [...ellipsis(widest), ...once] };
}

/** The size of each label; operands that have size 1 there are broadcast. */
function labelSizes(equation: Equation, shapes: readonly (readonly Dim[])[]): Map<string, Dim> {
  const sizes = new Map<string, Dim>();
  for (const [i, labels] of equation.inputs.entries()) {
    for (const [d, label] of labels.entries()) {
      const [size] = broadcastShapes([sizes.get(label) ?? 1], [shapes[i][d]]);
      sizes.set(label, size);
    }
  }
  return sizes;
}

function shapeOf(equation: Equation, tensors: readonly Meta[]): Dim[] {
  const sizes = labelSizes(equation, tensors.map((x) => x.shape));
  return equation.output.map((label) => sizes.get(label)!);
}

/** The equation in ONNX's form. */
function spell(equation: Equation): string {
  const letters = new Map<string, string>();
  const letter = (label: string): string => {
    const n = letters.size;
    if (!letters.has(label)) letters.set(label, n < 26 ? String.fromCharCode(97 + n) : "");
    return letters.get(label)!;
  };
  const text = `${equation.inputs.map((x) => x.map(letter).join("")).join(",")}->${
    equation.output.map(letter).join("")
  }`;
  if (letters.size > 26) throw new RangeError(`An einsum over ${letters.size} labels is not supported: ONNX has 26`);
  return text;
}

/** A single operand whose labels are all in the output is only looked at in another order; null where it is more than that. */
function rearranged<T extends object>(t: Calls<T>, equation: string, [x]: readonly T[]): T | null {
  const { inputs: [labels], output } = parseEquation(equation, [t.meta(x).shape.length]);
  if (labels.some((label) => !output.includes(label))) return null;
  let [view, left] = [x, labels];
  for (let i = 0; i < left.length;) {
    const j = left.indexOf(left[i], i + 1);
    if (j < 0) i++;
    else {
      // The diagonal becomes the last dim.
      view = t.call(diagonal, view, 0, i, j);
      left = [...left.filter((_, d) => d !== i && d !== j), left[i]];
    }
  }
  return t.call(permute, view, output.map((label) => left.indexOf(label)));
}

/** https://docs.pytorch.org/docs/stable/generated/torch.einsum.html: `path` only affects speed. */
export const einsum = defineOp("aten::einsum(str equation, Tensor[] tensors, *, int[]? path=None) -> Tensor", {
  meta: (_, { equation, tensors }) => {
    const parsed = parseEquation(equation, tensors.map((x) => x.shape.length));
    return { dtype: resultDType(parsed, tensors), shape: shapeOf(parsed, tensors) };
  },
  kernel: ({ equation, tensors }) => {
    const parsed = parseEquation(equation, tensors.map((x) => x.shape.length));
    const dtype = resultDType(parsed, tensors);
    const operands = tensors.map((x) => isFloat(dtype) ? widen(x) : convert(x, dtype === "bool" ? dtype : "int64"));
    return convert(contract(parsed, operands), dtype);
  },
  views: (t, { equation, tensors }) => [tensors.length === 1 ? rearranged(t, equation, tensors) : null],
  complex: { form: "einsumForm" },
  onnx: (b, { equation, tensors }) => {
    const parsed = parseEquation(equation, tensors.map((x) => b.meta(x).shape.length));
    const metas = tensors.map((x) => b.meta(x));
    const dtype = resultDType(parsed, metas);
    const wide = dtype === "bool" ? "int32" : productDType(dtype);
    const operands = tensors.map((x) => b.cast(x, wide));
    const exact = wide === "int64" ? withOnes(b, parsed, metas) : { ...parsed, ones: [] };
    const y = b.op("Einsum", [...operands, ...exact.ones], { equation: spell(exact) });
    if (!y.meta) y.meta = { dtype: wide, shape: shapeOf(parsed, metas) };
    return b.cast(y, dtype);
  },
});

/** The labels that are summed over in one operand alone. */
function lonelyLabels(equation: Equation, tensors: readonly Meta[]): string[] {
  return [...labelSizes(equation, tensors.map((x) => x.shape)).keys()].filter((label) => {
    const holders = equation.inputs.filter((labels, i) =>
      labels.some((l, d) => l === label && (tensors.length === 1 || tensors[i].shape[d] !== 1))
    );
    return holders.length === 1 && !equation.output.includes(label);
  });
}

/** Sums of one operand's integers and bools are int64, as those of `sum` are; products keep their dtype. */
function resultDType(equation: Equation, tensors: readonly Meta[]): DType {
  const [{ dtype }] = tensors;
  const isWhole = isInt(dtype) || dtype === "bool";
  return isWhole && lonelyLabels(equation, tensors).length > 0 ? "int64" : dtype;
}

/**
 * The equation with a list of ones for each label that one operand is summed over: onnxruntime's products of int64 are exact,
 * its sums go through doubles.
 */
function withOnes(b: OnnxBuilder, equation: Equation, tensors: readonly Meta[]): Equation & { ones: OnnxValue[] } {
  const sizes = labelSizes(equation, tensors.map((x) => x.shape));
  const labels = lonelyLabels(equation, tensors);
  const ones = labels.map((label) => onnxExpand(b, b.scalar(1n, "int64"), [sizes.get(label)!]));
  return { inputs: [...equation.inputs, ...labels.map((label) => [label])], output: equation.output, ones };
}

/** Sums the products of the operands' elements over all values of the labels that the output lacks. */
function contract(equation: Equation, operands: readonly Tensor[]): Tensor {
  const sizes = labelSizes(equation, operands.map((x) => x.shape)) as Map<string, number>;
  const summed = [...sizes.keys()].filter((label) => !equation.output.includes(label));
  const strides = operands.map((x, i) => labelStrides(equation.inputs[i], x.shape));
  const steps = (labels: readonly string[]): number[][] => strides.map((s) => labels.map((label) => s.get(label) ?? 0));
  const [outSteps, sumSteps] = [steps(equation.output), steps(summed)];
  const data = operands.map((x) => x.data());
  const shape = equation.output.map((label) => sizes.get(label)!);
  const sumShape = summed.map((label) => sizes.get(label)!);
  const { dtype } = operands[0];
  const out = newData(dtype, elementCount(shape));
  const zero = (out instanceof BigInt64Array || out instanceof BigUint64Array ? 0n : 0) as number;
  const offset = (index: readonly number[], by: readonly number[]): number =>
    index.reduce((n, k, d) => n + k * by[d], 0);
  let at = 0;
  for (const index of indices(shape)) {
    const bases = outSteps.map((by) => offset(index, by));
    let total = zero;
    for (const inner of indices(sumShape)) {
      let term = data[0][bases[0] + offset(inner, sumSteps[0])] as number;
      for (let i = 1; i < data.length; i++) term *= data[i][bases[i] + offset(inner, sumSteps[i])] as number;
      total += term;
    }
    store(out, at++, total);
  }
  return Tensor.of(dtype, shape, out);
}

/** How far apart neighbours along a label lie. A repeated label walks the diagonal; a size of 1 stays where it is. */
function labelStrides(labels: readonly string[], shape: readonly number[]): Map<string, number> {
  const strides = contiguousStrides(shape) as number[];
  const result = new Map<string, number>();
  for (const [d, label] of labels.entries()) {
    if (shape[d] !== 1) result.set(label, (result.get(label) ?? 0) + strides[d]);
  }
  return result;
}
