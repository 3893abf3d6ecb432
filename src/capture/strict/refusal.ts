/** Errors of capture that name the construct, the user's line and the way out; and the signal that a function must be read. */
import { CaptureError, type SourceLine } from "../../ir/mod.ts";

/** A place in the user's source. */
export type Place = SourceLine;

/**
 * An error for something that can't be captured.
 *
 * @param fact what can't be captured, and why
 * @param wayOut what to write in its place
 */
export function refusal(fact: string, place: Place | null, wayOut: string): CaptureError {
  return new CaptureError(fact, { ...(place ? { source: place } : {}), hint: wayOut });
}

/** Thrown where a function is called that was not read yet: it is read, and capture begins anew. */
export class UnreadFunction extends Error {
  override name = "UnreadFunction";
  /** The function. */
  readonly fn: Callable;

  constructor(fn: Callable) {
    super(`The function ${fn.name} was not read`);
    this.fn = fn;
  }
}

/** A JavaScript function of any signature. */
export type Callable = (this: unknown, ...args: never[]) => unknown;

/** An error that a `throw` of the user's program made: it ends a branch, where other errors end the capture. */
const thrown = new WeakSet<object>();

/** Marks what a `throw` throws. */
export function markThrown(error: unknown): unknown {
  if (typeof error === "object" && error !== null) thrown.add(error);
  return error;
}

/** Whether a `throw` of the user's program threw it. */
export function isThrown(error: unknown): boolean {
  return typeof error !== "object" || error === null || thrown.has(error);
}
