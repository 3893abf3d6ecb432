/**
 * The promise that unpickled values are finite, kept in one walk over the result. The walk itself needs no stack of the
 * engine's, whatever the depth.
 */
import { childrenOf, type PickleValue } from "./pickle_values.ts";

/** A container whose children are being walked. */
interface Frame {
  readonly value: PickleValue;
  readonly children: readonly PickleValue[];
  next: number;
  height: number;
  size: number;
}

/**
 * Checks that the result is a finite tree. Values that are shared are walked once but counted as often as they occur: a
 * few nested pairs of one value would otherwise be exponential work for whoever flattens them.
 *
 * @throws {SyntaxError} if an object contains itself
 * @throws {RangeError} if it nests deeper than `depth` or has more than `nodes` values
 */
export function checkFinite(root: PickleValue, limits: { depth: number; nodes: number }, name: string): void {
  const done = new Map<PickleValue, { height: number; size: number }>();
  const open = new Set<PickleValue>();
  const frames: Frame[] = [];
  const enter = (value: PickleValue): { height: number; size: number } | undefined => {
    if (typeof value !== "object" || value === null) return { height: 1, size: 1 };
    const known = done.get(value);
    if (known !== undefined) return known;
    if (open.has(value)) throw new SyntaxError(`Cannot read ${name}: an object contains itself`);
    open.add(value);
    frames.push({ value, children: childrenOf(value), next: 0, height: 0, size: 1 });
    return undefined;
  };
  let result = enter(root);
  while (frames.length > 0) {
    const frame = frames[frames.length - 1];
    if (frame.next > 0 && result !== undefined) {
      frame.height = Math.max(frame.height, result.height);
      frame.size += result.size;
    }
    if (frame.size > limits.nodes) {
      throw new RangeError(`Cannot read ${name}: it exceeds the limit of ${limits.nodes} values`);
    }
    if (frames.length > limits.depth || frame.height >= limits.depth) {
      throw new RangeError(`Cannot read ${name}: it nests more than ${limits.depth} levels deep`);
    }
    if (frame.next < frame.children.length) {
      result = enter(frame.children[frame.next++]);
    } else {
      frames.pop();
      open.delete(frame.value);
      result = { height: frame.height + 1, size: frame.size };
      done.set(frame.value, result);
    }
  }
}
