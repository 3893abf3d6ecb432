/** Sizes at the ends of what dynamic dims may be: the smallest ones, and large ones within what memory and time allow. */
import { allNodes, type ExportedProgram } from "../fx/mod.ts";
import type { Bindings } from "./bindings.ts";
import { clamp, fitting, inputSymbols, type Interval, type SizedProgram } from "./sizes.ts";

/** How many times the first size a large one is at most, in the order it is tried; the upper end of a finite range first. */
const FACTORS = [Infinity, 32, 16, 8, 4, 2] as const;

/**
 * Bindings at which dims are as small as they may be: empty where their ranges have 0, which PyTorch's do unless something
 * forbids it.
 *
 * @param only the one symbol to change; by default all
 */
export function* smallestSizes(program: SizedProgram, base: Bindings, only?: string): Generator<Bindings> {
  yield* changed(program, base, only, (_, { min }) => min, 0);
}

/**
 * Bindings at which dims are as small as they may be, but not empty: of size 1 where their ranges have it, at which operators
 * broadcast, else at the nearest that fits.
 *
 * @param only the one symbol to change; by default all
 */
export function* smallSizes(program: SizedProgram, base: Bindings, only?: string): Generator<Bindings> {
  for (const least of [1, 2]) yield* changed(program, base, only, (_, { min }) => min, least);
  // What sizes owe each other may leave no room for the smallest of all.
  yield* changed(program, base, only, (before, { min }) => Math.max(min, Math.ceil(before / 2)));
}

/**
 * Bindings at which dims are large, the largest that fit first: the upper end of a range where that is in reach.
 *
 * @param fits whether a program can be run at these sizes
 * @param only the one symbol to change; by default all
 */
export function* largeSizes(
  program: SizedProgram,
  base: Bindings,
  fits: (bindings: Bindings) => boolean,
  only?: string,
): Generator<Bindings> {
  for (const factor of FACTORS) {
    for (const bindings of changed(program, base, only, (before, { min, max }) => clamp(before * factor, min, max))) {
      if (fits(bindings)) yield bindings;
    }
  }
}

function* changed(
  program: SizedProgram,
  base: Bindings,
  only: string | undefined,
  choose: (before: number, interval: Interval) => number,
  least?: number,
): Generator<Bindings> {
  const symbols = inputSymbols(program).filter((symbol) => symbol.kind === "int");
  const sizes = fitting(program, symbols, (symbol, _, interval) => {
    const before = Number(base.values.get(symbol.key) ?? 3);
    return only === undefined || symbol.key === only ? choose(before, interval) : before;
  }, least);
  for (const bindings of sizes) {
    for (const [name, value] of base.values) if (!bindings.values.has(name)) bindings.values.set(name, value);
    if (symbols.some((s) => Number(bindings.values.get(s.key)) !== Number(base.values.get(s.key)))) yield bindings;
  }
}

/** How many elements the largest value of a program has, as far as its sizes are known beforehand. */
export function largestValue(program: ExportedProgram, bindings: Bindings): number {
  let largest = 0;
  const values = [...program.graph.inputs, ...[...allNodes(program.graph)].flatMap((node) => node.outputs)];
  for (const { meta } of values) {
    if (meta.kind !== "tensor") continue;
    let count = 1;
    for (const dim of meta.shape) count *= typeof dim === "number" || bindings.knows(dim) ? bindings.size(dim) : 1;
    largest = Math.max(largest, count);
  }
  return largest;
}
