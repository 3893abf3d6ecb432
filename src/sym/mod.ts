/**
 * Symbolic sizes: expressions in one normal form, arithmetic and comparisons on them, ranges of symbols, and the text forms
 * that PyTorch writes.
 *
 * @module
 */

export {
  boolConstant,
  type Dim,
  float,
  intConstant,
  isSym,
  OPAQUE_UNARY_FNS,
  type OpaqueUnaryFn,
  Sym,
  symbol,
} from "./expr.ts";
export type { Factor, Rational, SymbolOptions, SymFn, SymKind, SymNode, Term } from "./expr.ts";
export {
  add,
  bit,
  bitOf,
  ceilDiv,
  cleanDiv,
  floorDiv,
  max,
  min,
  mod,
  mul,
  neg,
  pow,
  prod,
  solveLinear,
  sub,
  sum,
} from "./arithmetic.ts";
export { build, call } from "./call.ts";
export { eq, ge, gt, le, lt, ne, simplify, type Truth, truthOf } from "./compare.ts";
export { type Range, type RangeInit, Ranges } from "./ranges.ts";
export { evaluate, substitute, visit, type Visitor } from "./visit.ts";
export { parseRanges } from "./parse_ranges.ts";
export { parseSrepr } from "./parse_srepr.ts";
export { parseInfix } from "./parse_infix.ts";
