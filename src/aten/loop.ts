/** ONNX loops whose states keep their dtypes and shapes. */
import type { OnnxBuilder } from "../onnx/builder.ts";
import { OnnxValue } from "../onnx/model.ts";
import type { Dim } from "../sym/mod.ts";

/** What a turn gives: the next states, what is collected and, where the loop may end early, whether it goes on. */
export interface Turn {
  readonly states: readonly OnnxValue[];
  /** Values of each turn, stacked along a new first dim. */
  readonly collected?: readonly OnnxValue[];
  readonly goOn?: OnnxValue;
}

/**
 * The states after `count` turns (a size, or a 0-d int64 value), or fewer; then what was collected.
 *
 * @param turn gets the number of the turn, 0-d int64
 */
export function emitRepeat(
  b: OnnxBuilder,
  count: Dim | OnnxValue,
  initial: readonly OnnxValue[],
  turn: (b: OnnxBuilder, iteration: OnnxValue, states: readonly OnnxValue[]) => Turn,
): OnnxValue[] {
  let collected = 0;
  const body = b.subgraph("turn", (inner) => {
    const iteration = inner.input("iteration", { dtype: "int64", shape: [] });
    const condition = inner.input("condition", { dtype: "bool", shape: [] });
    const states = initial.map((value, i) => inner.input(`state_${i}`, b.meta(value)));
    const next = turn(inner, iteration, states);
    collected = next.collected?.length ?? 0;
    // The same value can't be two outputs of the body.
    const outputs = [next.goOn ?? condition, ...next.states, ...next.collected ?? []];
    return outputs.map((value, i) => outputs.indexOf(value) < i ? inner.copy(value) : value);
  });
  const trips = count instanceof OnnxValue ? count : b.dim(count);
  const results = b.ops("Loop", [trips, null, ...initial], initial.length + collected, { body });
  for (const [i, value] of initial.entries()) results[i].meta = b.meta(value);
  return results;
}
