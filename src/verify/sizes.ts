/** Chooses values of a program's symbols: for inputs without a sample, and a second size for each dynamic dim. */
import type { ExportedProgram } from "../fx/mod.ts";
import { type Dim, isSym, type Sym } from "../sym/mod.ts";
import { Bindings } from "./bindings.ts";

/** What of a program its inputs' sizes depend on. */
export type SizedProgram = Pick<ExportedProgram, "signature" | "rangeConstraints">;

/**
 * How sizes are changed, in the order it is tried. Doubling all keeps what sizes may owe each other without saying so: a mask
 * as long as a cache and what is added to it.
 */
const MOVES: readonly { readonly times: 1 | 2; readonly plus: number }[] = [
  { times: 1, plus: 1 },
  { times: 2, plus: 0 },
  { times: 1, plus: 2 },
  { times: 1, plus: -1 },
  { times: 1, plus: 3 },
  { times: 1, plus: 4 },
  { times: 1, plus: 8 },
  { times: 1, plus: 16 },
];
/** Sizes that programs without samples are tried at. */
const FIRST = [3, 4, 2, 8, 5, 16, 32, 64, 7, 128] as const;

/** Symbols that the sizes of user inputs (and user inputs that are numbers) are made of, in order. */
export function inputSymbols(program: SizedProgram): Sym[] {
  const found = new Map<string, Sym>();
  for (const expr of inputExpressions(program)) for (const symbol of symbolsOf(expr)) found.set(symbol.key, symbol);
  return [...found.values()];
}

/** Bindings to try first, for a program without samples: sizes that fit the ranges and each other. */
export function* firstSizes(program: SizedProgram): Generator<Bindings> {
  const symbols = inputSymbols(program);
  for (const start of FIRST) {
    yield* fitting(program, symbols, (_, i, { min, max }) => clamp(start + i, min, max));
  }
}

/**
 * Bindings at which symbols have other values, in the order they are to be tried. None when no symbol can change.
 *
 * @param only the one symbol to change; by default every one that can, distinct symbols to distinct values where they can
 */
export function* otherSizes(program: SizedProgram, base: Bindings, only?: string): Generator<Bindings> {
  const symbols = inputSymbols(program).filter((symbol) => symbol.kind === "int");
  for (const move of MOVES) {
    const taken = new Set<number>();
    const choose = (symbol: Sym, _: number, { min, max }: Interval): number => {
      const before = Number(base.values.get(symbol.key) ?? 3);
      if (only !== undefined && symbol.key !== only) return before;
      let value = clamp(before * move.times + move.plus, min, max);
      if (value === before) value = clamp(before - move.plus, min, max);
      if (move.times === 1) {
        const fallback = value;
        while (taken.has(value) && value >= min && value <= max) value += Math.sign(move.plus);
        if (value < min || value > max) value = fallback;
        taken.add(value);
      }
      return value;
    };
    for (const bindings of fitting(program, symbols, choose)) {
      for (const [name, value] of base.values) if (!bindings.values.has(name)) bindings.values.set(name, value);
      if (symbols.some((s) => Number(bindings.values.get(s.key)) !== Number(base.values.get(s.key)))) yield bindings;
    }
  }
}

/** Values that a symbol may take. */
export interface Interval {
  readonly min: number;
  readonly max: number;
}

/**
 * Bindings by a rule, unless a size that follows from them is none.
 *
 * @param least the smallest size to choose where a range has it. Default 2: sizes of 0 and 1 are what programs are
 *   specialised on
 */
export function* fitting(
  program: SizedProgram,
  symbols: readonly Sym[],
  choose: (symbol: Sym, index: number, interval: Interval) => number | bigint,
  least: number = 2,
): Generator<Bindings> {
  const bindings = new Bindings();
  for (const [i, symbol] of symbols.entries()) {
    bindings.values.set(symbol.key, choose(symbol, i, interval(program, symbol, least)));
  }
  try {
    for (const dim of inputDims(program)) {
      const size = bindings.size(dim);
      const range = program.rangeConstraints.rangeOf(dim);
      if (!Number.isSafeInteger(size) || size < Math.min(1, least) || size < range.min || size > range.max) return;
    }
  } catch (error) {
    if (error instanceof RangeError) return;
    throw error;
  }
  yield bindings;
}

/** The values of a symbol from `least` on, where its range has any. */
function interval(program: SizedProgram, symbol: Sym, least: number): Interval {
  const { min, max } = program.rangeConstraints.rangeOf(symbol);
  return { min: Math.max(min, Math.min(least, max)), max };
}

/** The value nearest to `value` within bounds. */
export function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}

function inputDims({ signature }: SizedProgram): Dim[] {
  return signature.inputSpecs.flatMap(({ kind, value: { meta } }) =>
    kind === "USER_INPUT" && meta.kind === "tensor" ? meta.shape : []
  );
}

function inputExpressions(program: SizedProgram): (Sym | number | boolean)[] {
  const numbers = program.signature.inputSpecs.flatMap(({ kind, value: { meta } }) =>
    kind === "USER_INPUT" && meta.kind === "sym" ? [meta.expr] : []
  );
  return [...inputDims(program), ...numbers];
}

/** The symbols of an expression as expressions. */
function symbolsOf(expr: Sym | number | boolean): Sym[] {
  if (!isSym(expr)) return [];
  if (expr.node.op === "symbol") return [expr];
  if (expr.node.op === "call") return expr.node.args.flatMap(symbolsOf);
  if (expr.node.op === "polynomial") {
    return expr.node.terms.flatMap((term) => term.factors.flatMap((factor) => symbolsOf(factor.base)));
  }
  return [];
}
