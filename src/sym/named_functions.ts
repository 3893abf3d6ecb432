/**
 * The functions that PyTorch writes in expressions, by name: one table for both text forms.
 */

import { build, negative } from "./call.ts";
import { CLASS_NAMES } from "./class_names.ts";
import { boolConstant, intConstant, OPAQUE_UNARY_FNS, type Sym, type SymFn, toSym } from "./expr.ts";
import { ceilDiv } from "./arithmetic.ts";

/** Makes an expression of the arguments; TypeError when there are too few or many, or of a wrong kind. */
export type NamedFunction = (args: readonly Sym[]) => Sym;

function of(fn: SymFn): NamedFunction {
  return (args) => build(fn, args);
}

function fixed(count: number, make: NamedFunction): NamedFunction {
  return (args) => {
    if (args.length !== count) throw new TypeError(`Cannot call it with ${args.length} arguments: it takes ${count}`);
    return make(args);
  };
}

const TWO = intConstant(2n);

function shiftFactor(shift: Sym): Sym {
  return build("pow", [TWO, shift]);
}

/** SymPy's and PyTorch's names, those of `srepr` and those of `str`. */
export const NAMED_FUNCTIONS: ReadonlyMap<string, NamedFunction> = new Map<string, NamedFunction>([
  ...Object.entries(CLASS_NAMES).map(([fn, name]): [string, NamedFunction] => [name, of(fn as SymFn)]),
  ...OPAQUE_UNARY_FNS.map((fn): [string, NamedFunction] => [`OpaqueUnaryFn_${fn}`, of(fn)]),
  ["Add", (args) => args.length === 0 ? intConstant(0n) : build("add", args)],
  ["Mul", (args) => args.length === 0 ? intConstant(1n) : build("mul", args)],
  ["Pow", of("pow")],
  ["CleanDiv", of("floordiv")],
  ["CeilDiv", fixed(2, ([a, b]) => toSym(ceilDiv(a, b)))],
  ["ModularIndexing", fixed(3, ([a, b, c]) => build("mod", [build("floordiv", [a, b]), c]))],
  ["LShift", fixed(2, ([a, b]) => build("mul", [a, shiftFactor(b)]))],
  ["RShift", fixed(2, ([a, b]) => build("floordiv", [a, shiftFactor(b)]))],
  ["FloatTrueDiv", of("truediv")],
  ["IntTrueDiv", of("truediv")],
  ["TrueDiv", of("truediv")],
  ["Round", of("round_to_int")],
  ["floor", of("floor_to_int")],
  ["ceiling", of("ceil_to_int")],
  ["sqrt", of("sqrt")],
  ["Eq", of("eq")],
  ["Ne", of("ne")],
  ["Lt", of("lt")],
  ["Le", of("le")],
  ["Gt", of("gt")],
  ["Ge", of("ge")],
  ["And", (args) => args.length === 0 ? boolConstant(true) : build("and", args)],
  ["Or", (args) => args.length === 0 ? boolConstant(false) : build("or", args)],
  ["Identity", fixed(1, ([x]) => x)],
]);

/** The value of the first pair whose condition holds; a TypeError when it is not certain that one does. */
export function piecewise(pairs: readonly (readonly [value: Sym, condition: Sym])[]): Sym {
  const last = pairs.findIndex(([, { node }]) => node.op === "constant" && node.value === true);
  if (last < 0) throw new TypeError("Cannot use a Piecewise whose last condition is not true");
  let result = pairs[last][0];
  for (let i = last - 1; i >= 0; i--) result = build("where", [pairs[i][1], pairs[i][0], result]);
  return result;
}

/** `a / b` as SymPy has it: exact for integers, which gives fractions. */
export function divideExactly(a: Sym, b: Sym): Sym {
  if (a.kind === "float" && a.node.op !== "polynomial" || b.kind === "float" && b.node.op !== "polynomial") {
    return build("truediv", [a, b]);
  }
  return build("mul", [a, reciprocal(b)]);
}

/** `1 / x` */
export function reciprocal(x: Sym): Sym {
  return build("pow", [x, negative(intConstant(1n))]);
}
