/** Random sizes with their value computed beside them in plain bigint arithmetic, for property tests. */

import { add, type Dim, floorDiv, max, min, mod, mul, sub } from "../../src/sym/mod.ts";

/** A deterministic generator of integers in `[0, bound)` (mulberry32). */
export function generator(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor(((t ^ (t >>> 14)) >>> 0) / 4294967296 * bound);
  };
}

/** An expression and an independent way to compute it. */
export interface Sample {
  readonly dim: Dim;
  value(bindings: ReadonlyMap<string, number>): bigint;
}

function floorOf(a: bigint, b: bigint): bigint {
  const remainder = ((a % b) + b) % b;
  return (a - remainder) / b;
}

/** A divisor that is never zero, given that the first leaf is positive. */
function randomDivisor(random: (bound: number) => number, leaves: readonly Sample[]): Sample {
  const n = random(4) === 0 ? -2 : 1 + random(6);
  const constant: Sample = { dim: n, value: () => BigInt(n) };
  if (random(4) > 0) return constant;
  if (random(2) === 0) return leaves[0];
  return { dim: mul(leaves[0].dim, n), value: (at) => leaves[0].value(at) * BigInt(n) };
}

/** A random expression over the given leaves; the first leaf must be positive. */
export function randomSample(random: (bound: number) => number, leaves: readonly Sample[], depth: number): Sample {
  if (depth === 0 || random(6) === 0) {
    if (random(3) > 0) return leaves[random(leaves.length)];
    const n = random(13) - 4;
    return { dim: n, value: () => BigInt(n) };
  }
  const a = randomSample(random, leaves, depth - 1);
  const pick = random(9);
  if (pick < 3) {
    const b = randomDivisor(random, leaves);
    const quotient = (at: ReadonlyMap<string, number>): bigint => floorOf(a.value(at), b.value(at));
    if (pick < 2) return { dim: floorDiv(a.dim, b.dim), value: quotient };
    return { dim: mod(a.dim, b.dim), value: (at) => a.value(at) - b.value(at) * quotient(at) };
  }
  const b = randomSample(random, leaves, depth - 1);
  switch (pick) {
    case 3:
    case 4:
      return { dim: add(a.dim, b.dim), value: (at) => a.value(at) + b.value(at) };
    case 5:
      return { dim: sub(a.dim, b.dim), value: (at) => a.value(at) - b.value(at) };
    case 6:
      return { dim: mul(a.dim, b.dim), value: (at) => a.value(at) * b.value(at) };
    case 7:
      return { dim: max(a.dim, b.dim), value: (at) => a.value(at) > b.value(at) ? a.value(at) : b.value(at) };
    default:
      return { dim: min(a.dim, b.dim), value: (at) => a.value(at) < b.value(at) ? a.value(at) : b.value(at) };
  }
}
