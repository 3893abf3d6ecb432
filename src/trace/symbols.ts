/**
 * The symbols of a program that is being recorded: sizes that inputs may have, with the size of the example and bounds, and
 * numbers that only a run tells. What is found out about them later narrows the bounds.
 */
import type { FreshKind } from "../aten/op.ts";
import { bit, type Dim, evaluate, isSym, Ranges, type Sym, symbol, type Truth, truthOf } from "../sym/mod.ts";

/** What is known of a symbol. */
interface Known {
  /** In the example call; null where only a run tells. */
  readonly hint: number | null;
  min: number;
  max: number;
}

/** A value for each symbol. */
export type Assignment = ReadonlyMap<string, number>;

/** Sizes that are tried beside the example's: no two have a common factor, nor with sizes that models usually have. */
const PRIMES: readonly number[] = [
  ...[11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113],
  ...[127, 131, 137, 139, 149, 151, 157, 163, 167, 173, 211, 223, 251, 307, 401, 503, 601, 701, 809, 907, 1009, 2003],
  ...[4001, 8009, 16001, 32003, 64007, 100003, 1000003],
];

/** Symbols by name, in the order of their making. */
export class Symbols {
  private readonly known: Map<string, Known> = new Map();
  private backed = 0;
  private ints = 0;
  private floats = 0;
  private cached: Ranges | null = null;

  /** A size, or an int, that the caller chooses: `s0`, `s1`, … */
  size(hint: number, min = 0, max = Infinity): Sym {
    const name = `s${this.backed++}`;
    this.known.set(name, { hint, min, max });
    this.cached = null;
    return symbol(name);
  }

  /** A number that only a run tells: `u0`, `u1`, … for ints, `zuf0`, … for floats. */
  fresh(kind: FreshKind): Sym {
    if (kind === "float") return this.unbacked(`zuf${this.floats++}`, -Infinity, Infinity, "float");
    const [min, max] = kind === "size" ? [0, Infinity] : kind === "bool" ? [0, 1] : [-Infinity, Infinity];
    const made = this.unbacked(`u${this.ints++}`, min, max, "int");
    return kind === "bool" ? bit(made) : made;
  }

  private unbacked(name: string, min: number, max: number, kind: "int" | "float"): Sym {
    this.known.set(name, { hint: null, min, max });
    this.cached = null;
    return symbol(name, kind);
  }

  /** Values other than the example's, all different, as far as the bounds let them. */
  otherValues(names: Iterable<string>): Assignment {
    const values = new Map<string, number>();
    for (const name of names) {
      const { min, max } = this.rangeOf(name);
      const hint = this.known.get(name)?.hint ?? 1;
      const wanted = PRIMES.find((p) => p > hint && p >= min && p <= max && ![...values.values()].includes(p));
      const near = [hint + 1, hint - 1].find((n) => n >= Math.max(min, 1) && n <= max);
      values.set(name, wanted ?? near ?? hint);
    }
    return values;
  }

  /** Bounds of all symbols. */
  get ranges(): Ranges {
    return this.cached ??= Ranges.of([...this.known].map(([name, { min, max }]) => [name, { min, max }]));
  }

  /** The symbols with the size that they had in the example call. */
  get hints(): ReadonlyMap<string, number> {
    return new Map([...this.known].flatMap(([name, { hint }]) => hint === null ? [] : [[name, hint]]));
  }

  /** The bounds of one symbol. */
  rangeOf(name: string): { readonly min: number; readonly max: number } {
    return this.known.get(name) ?? { min: -Infinity, max: Infinity };
  }

  /** Takes more as known of a symbol. */
  narrow(name: string, min: number, max: number): void {
    const known = this.known.get(name);
    if (!known) return;
    known.min = Math.max(known.min, min);
    known.max = Math.min(known.max, max);
    this.cached = null;
  }

  /** Whether a condition holds for all values; undefined where it depends on them. */
  truth(condition: Sym): Truth {
    return truthOf(condition, this.ranges);
  }

  /** The value in the example call; null where only a run tells it. */
  hintOf(x: Dim | boolean): number | bigint | boolean | null {
    if (!isSym(x)) return x;
    const { hints } = this;
    if ([...x.symbols()].some((name) => !hints.has(name))) return null;
    return evaluate(x, hints);
  }

  /** Whether only a run tells a symbol. */
  isUnknown(name: string): boolean {
    return this.known.get(name)?.hint == null;
  }

  /** Whether only a run tells a value. */
  isUnbacked(x: Dim): boolean {
    return isSym(x) && [...x.symbols()].some((name) => this.known.get(name)?.hint == null);
  }
}
