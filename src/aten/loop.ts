/** ONNX loops whose states keep their dtypes and shapes. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import type { OnnxValue } from "../onnx/model.ts";

/** What a turn gives: the next states and, where the loop may end early, whether it goes on. */
export interface Turn {
  readonly states: readonly OnnxValue[];
  readonly goOn?: OnnxValue;
}

/**
 * The states after `count` turns (a 0-d int64 value), or fewer.
 *
 * @param turn gets the number of the turn, 0-d int64
 */
export function emitRepeat(
  b: OnnxBuilder,
  count: OnnxValue,
  initial: readonly OnnxValue[],
  turn: (b: OnnxBuilder, iteration: OnnxValue, states: readonly OnnxValue[]) => Turn,
): OnnxValue[] {
  const body = b.subgraph("turn", (inner) => {
    const iteration = inner.input("iteration", { dtype: "int64", shape: [] });
    const condition = inner.input("condition", { dtype: "bool", shape: [] });
    const states = initial.map((value, i) => inner.input(`state_${i}`, b.meta(value)));
    const next = turn(inner, iteration, states);
    return [next.goOn ?? condition, ...next.states];
  });
  return b.ops("Loop", [count, null, ...initial], initial.length, { body });
}
