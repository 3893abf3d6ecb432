/**
 * Variables and containers that hold nothing that can be used, because what they hold differs between the ways that a program
 * may have taken, in a way that no value of the program can express. That is refused where they are used, not before: most
 * such variables are never read again.
 */
import { type Place, refusal } from "./refusal.ts";

/** The value of a variable that can't be used. */
export class Poison {
  /** What differs, as a sentence about the variable. */
  readonly reason: string;
  /** The condition or loop that it comes from. */
  readonly place: Place | null;
  /** Whether an array may still be pushed to. */
  readonly allowsPush: boolean;

  constructor(reason: string, place: Place | null, allowsPush = false) {
    this.reason = reason;
    this.place = place;
    this.allowsPush = allowsPush;
  }
}

const containers = new WeakMap<object, Poison>();

/** Forbids the use of a container. */
export function poison(object: object, reason: Poison): void {
  containers.set(object, reason);
}

/** Allows the use of a container again. */
export function cure(object: object): void {
  containers.delete(object);
}

/** Why a value can't be used; null where it can. */
export function poisonOf(value: unknown): Poison | null {
  if (typeof value !== "object" || value === null) return null;
  return value instanceof Poison ? value : containers.get(value) ?? null;
}

/** @throws {CaptureError} if the value can't be used */
export function checkUsable(value: unknown, place: Place | null): void {
  const found = poisonOf(value);
  if (!found) return;
  const at = found.place ? ` (line ${found.place.line})` : "";
  throw refusal(
    `A value that differs by a condition${at} is used: ${found.reason}`,
    place,
    "Give it tensors of one dtype and rank, or numbers, whichever way the program takes",
  );
}
