/**
 * Compares single-precision values as such: a program that compares a tensor's item with a number does so in double
 * precision, which WebGPU lacks. Widening keeps the order of values, so the result is the same to the bit; a number between
 * two singles is rounded to the side that keeps it.
 */
import { constantOf } from "../onnx/infer_site.ts";
import { type OnnxGraph, type OnnxNode, OnnxValue } from "../onnx/model.ts";
import { Tensor } from "../tensor/mod.ts";
import type { Pass } from "./pass.ts";

/** To which side a number may be rounded, for the value on its left, so that no single changes sides. */
const SIDES: Readonly<Record<string, "down" | "up" | null>> = {
  Greater: "down",
  LessOrEqual: "down",
  Less: "up",
  GreaterOrEqual: "up",
  Equal: null,
};

/** Comparisons in the dtype of what is compared. */
export const comparisons: Pass = {
  name: "comparisons",
  run(graph) {
    let changed = false;
    for (const node of graph.nodes()) if (narrow(graph, node)) changed = true;
    return changed;
  },
};

function narrow(graph: OnnxGraph, node: OnnxNode): boolean {
  const side = node.domain === "" ? SIDES[node.opType] : undefined;
  const [left, right] = node.inputs;
  if (side === undefined || !left || !right) return false;
  const [x, y] = [singleBehind(left), singleBehind(right)];
  if (x && y) return compare(node, x, y);
  const number = constantOf(x ? right : left);
  if (!(x || y) || number?.dtype !== "float64" || number.numel !== 1) return false;
  const value = Number(number.item());
  // With the number on the left, the sides are exchanged.
  const rounded = roundTo(value, x || side === null ? side : side === "up" ? "down" : "up");
  if (rounded === null) return false;
  const constant = new OnnxValue(`${node.outputs[0].name}_in_float32`, { dtype: "float32", shape: number.shape });
  constant.initializer = Tensor.of("float32", number.shape, [rounded]);
  graph.initializers.add(constant);
  return x ? compare(node, x, constant) : compare(node, constant, y!);
}

function compare(node: OnnxNode, left: OnnxValue, right: OnnxValue): boolean {
  node.update(() => {
    node.inputs = [left, right];
  });
  return true;
}

/** The single-precision value that a double-precision one was widened from. */
function singleBehind({ producer, meta }: OnnxValue): OnnxValue | null {
  if (meta?.dtype !== "float64" || producer?.opType !== "Cast" || producer.domain !== "") return null;
  const [input] = producer.inputs;
  return input?.meta?.dtype === "float32" ? input : null;
}

/** The number as a single, or the nearest one on a side of it; null where it must be exact and is not. */
function roundTo(value: number, side: "down" | "up" | null): number | null {
  const near = Math.fround(value);
  if (near === value || Number.isNaN(value)) return near;
  if (side === null) return null;
  return (side === "down" ? near < value : near > value) ? near : neighbour(near, side);
}

/** The next single below or above. */
function neighbour(single: number, side: "down" | "up"): number {
  const floats = new Float32Array([single]);
  const bits = new Int32Array(floats.buffer);
  if (single === 0) return side === "up" ? 2 ** -149 : -(2 ** -149);
  bits[0] += (single > 0) === (side === "up") ? 1 : -1;
  return floats[0];
}
