/** What constructors of layers share: sizes that are one number or one for each dim, and settings by position or name. */
import type { DType } from "../../tensor/mod.ts";

/** One number for all spatial dims, or one for each. */
export type Size = number | readonly number[];

/** Settings of layers that have parameters. */
export interface ParameterOptions {
  /** dtype of the parameters, of floating point or complex. Default: float32. */
  readonly dtype?: DType;
}

/** Options that follow one setting which may also be given by position. */
export type Given1<A, O> = [options?: O] | [first: A, options?: O];

/** Options that follow two settings which may also be given by position. */
export type Given2<A, B, O> = [options?: O] | [first: A, options?: O] | [first: A, second: B, options?: O];

/** Options that follow three settings which may also be given by position. */
export type Given3<A, B, C, O> = Given2<A, B, O> | [first: A, second: B, third: C, options?: O];

/**
 * Settings given by position, then by name, as one object of options.
 *
 * @param names of the settings that may be given by position
 * @throws {TypeError} when there are more, or when one is given both ways
 */
export function collect<O extends object>(layer: string, names: readonly string[], given: readonly unknown[]): O {
  const last = given.at(-1);
  const named = isOptions(last) ? last : {};
  const positional = isOptions(last) ? given.slice(0, -1) : given;
  if (positional.length > names.length) {
    throw new TypeError(
      `${layer} takes ${names.join(", ") || "nothing more"} by position, then options; got ${positional.at(-1)}`,
    );
  }
  const options: Record<string, unknown> = { ...named };
  positional.forEach((value, i) => {
    if (value === undefined) return;
    if (names[i] in named) throw new TypeError(`${layer} was given ${names[i]} by position and in its options`);
    options[names[i]] = value;
  });
  return options as O;
}

/** A size for each of `count` dims. */
export function each(layer: string, name: string, value: Size, count: number): readonly number[] {
  if (typeof value === "number") return new Array(count).fill(value);
  if (value.length !== count) {
    throw new RangeError(`${name} of ${layer} must be a number or ${count} numbers, got [${value.join(", ")}]`);
  }
  return value;
}

function isOptions(value: unknown): value is object {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
