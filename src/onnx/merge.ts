/**
 * Merges neighbours that only change the shape: Reshape, Squeeze, Unsqueeze and Flatten keep the order of elements, so two
 * in a row are one, and none where the last gives back the shape that the first was given.
 */
import { type Dim, eq, isSym } from "../sym/mod.ts";
import { contentOfValue } from "./infer_site.ts";
import type { AttributeInput, OnnxNode, OnnxValue } from "./model.ts";

const RESHAPING: ReadonlySet<string> = new Set(["Reshape", "Squeeze", "Unsqueeze", "Flatten"]);

/** Whether the node only gives its first input another shape. */
export function isReshaping(node: OnnxNode | null): node is OnnxNode {
  return node !== null && node.domain === "" && RESHAPING.has(node.opType) && Boolean(node.inputs[0]);
}

/** Whether two values are known to have the same shape. */
export function haveSameShape(a: OnnxValue, b: OnnxValue): boolean {
  const [x, y] = [a.meta?.shape, b.meta?.shape];
  return x !== undefined && y !== undefined && x.length === y.length && x.every((d, i) => eq(d, y[i]) === true);
}

/** Whether two values are known to be of one length along their last dims, or one of them is a single number. */
export function haveSameLastDim(a: OnnxValue, b: OnnxValue): boolean {
  const [x, y] = [a.meta?.shape, b.meta?.shape];
  if (!x || !y) return false;
  const isSingle = (shape: readonly Dim[]): boolean => shape.length === 0 || shape.length === 1 && shape[0] === 1;
  return isSingle(x) || isSingle(y) || eq(x.at(-1)!, y.at(-1)!) === true;
}

/** A node to put in the place of another: of the same result, but for its dtype and shape, which are inferred anew. */
export interface Merged {
  readonly opType: string;
  readonly input: OnnxValue;
  /** Elements of the second input, a 1-d int64 constant, or the value itself. */
  readonly operand: readonly number[] | OnnxValue;
  readonly attributes: Readonly<Record<string, AttributeInput>>;
}

/**
 * What a node that changes the shape comes to, given that its input was made by such a node: an earlier value, one node
 * instead of two, or null.
 */
export function mergeReshaping(node: OnnxNode): OnnxValue | Merged | null {
  const before = node.inputs[0]?.producer ?? null;
  if (!isReshaping(node) || !isReshaping(before)) return null;
  const input = before.inputs[0]!;
  if (haveSameShape(input, node.outputs[0])) return input;
  if (node.opType === "Reshape") {
    return countsFromInput(node)
      ? null
      : { opType: "Reshape", input, operand: node.inputs[1]!, attributes: allowZero(node) };
  }
  const axes = axesOf(node);
  if (!axes) return null;
  if (before.opType === node.opType) {
    const inner = axesOf(before);
    return inner && { opType: node.opType, input, operand: joined(node, inner, axes), attributes: {} };
  }
  if (before.opType !== "Reshape" || countsFromInput(before)) return null;
  const shape = contentOfValue(before.inputs[1]);
  if (!shape || shape.some(isSym)) return null;
  const operand = node.opType === "Unsqueeze" ? inserted(shape as number[], axes) : removed(shape as number[], axes);
  return operand && { opType: "Reshape", input, operand, attributes: allowZero(before) };
}

/** Whether an element of the shape may mean "as in the input"; `-1` depends on the number of elements only. */
function countsFromInput(node: OnnxNode): boolean {
  if ("allowzero" in allowZero(node)) return false;
  const shape = contentOfValue(node.inputs[1]);
  return !shape || shape.some((d) => d === 0 || isSym(d));
}

function allowZero(node: OnnxNode): { allowzero?: 1 } {
  const attribute = node.attributes.get("allowzero");
  return attribute?.type === "INT" && Number(attribute.value) === 1 ? { allowzero: 1 } : {};
}

/** The axes of Squeeze (in its input) or Unsqueeze (in its result), counted from the front; null when not known. */
function axesOf(node: OnnxNode): number[] | null {
  if (node.opType !== "Squeeze" && node.opType !== "Unsqueeze") return null;
  const rank = (node.opType === "Squeeze" ? node.inputs[0] : node.outputs[0])?.meta?.shape.length;
  const axes = node.inputs[1] ? contentOfValue(node.inputs[1]) : null;
  if (rank === undefined || !axes || axes.some(isSym)) return null;
  return (axes as number[]).map((axis) => axis < 0 ? axis + rank : axis);
}

/** The axes of both nodes, in the larger of the shapes. */
function joined(node: OnnxNode, first: readonly number[], second: readonly number[]): number[] {
  const [outer, inner] = node.opType === "Unsqueeze" ? [second, first] : [first, second];
  // Positions that the node with the larger shape leaves to the other.
  const rank =
    (node.opType === "Unsqueeze" ? node.outputs[0] : node.inputs[0]!.producer!.inputs[0]!).meta!.shape.length;
  const left = Array.from({ length: rank }, (_, i) => i).filter((i) => !outer.includes(i));
  return [...outer, ...inner.map((axis) => left[axis])].sort((a, b) => a - b);
}

function inserted(shape: readonly number[], axes: readonly number[]): number[] {
  const rest = shape.values();
  return Array.from({ length: shape.length + axes.length }, (_, i) => axes.includes(i) ? 1 : rest.next().value!);
}

/** Null where a dim that goes is not written as 1. */
function removed(shape: readonly number[], axes: readonly number[]): number[] | null {
  return axes.every((axis) => shape[axis] === 1) ? shape.filter((_, i) => !axes.includes(i)) : null;
}
