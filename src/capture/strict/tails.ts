/**
 * Arrays that a loop pushed to in each of its turns, whose number only a run tells: what was pushed is one tensor, with the
 * turns along its first dim. Such an array can be stacked, concatenated, asked for its length and read; elements that were in
 * it before the loop still are.
 */
import type { TensorBase } from "../base.ts";

/** What a loop pushed. */
export interface Tail {
  /** The pushed tensors along a first dim. */
  readonly stacked: TensorBase;
  /** How many there are: a number that only a run tells. */
  readonly count: unknown;
}

const tails = new WeakMap<object, Tail>();

/** Gives an array a tail. */
export function setTail(array: object, tail: Tail): void {
  tails.set(array, tail);
}

/** The tail of an array; undefined for others. */
export function tailOf(value: unknown): Tail | undefined {
  return typeof value === "object" && value !== null ? tails.get(value) : undefined;
}
