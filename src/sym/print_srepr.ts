/**
 * Prints expressions as `sympy.srepr` does, which is how archives hold them since PyTorch 2.6: the inverse of
 * `parse_srepr.ts`.
 */
import { areInts, classNameOf } from "./class_names.ts";
import { type Dim, intValue, type Rational, type Sym, type SymFn, toSym } from "./expr.ts";

/**
 * The text of an expression or constant.
 *
 * @example
 * ```ts
 * import { add, symbol } from "./mod.ts";
 *
 * printSrepr(add(symbol("s77"), 1)); // Add(Symbol('s77', positive=True, integer=True), Integer(1))
 * ```
 */
export function printSrepr(x: Dim | boolean): string {
  return print(toSym(x));
}

function print(x: Sym): string {
  const { node } = x;
  switch (node.op) {
    case "constant":
      if (typeof node.value === "boolean") return String(node.value);
      return typeof node.value === "bigint" ? `Integer(${node.value})` : printFloat(node.value);
    case "symbol":
      return `Symbol('${node.name}'${flags(x, node.nonnegative)})`;
    case "polynomial":
      return nary(
        "Add",
        node.terms.map(({ coefficient, factors }) => {
          const powers = factors.map(({ base, power }) =>
            power === 1 ? print(base) : `Pow(${print(base)}, Integer(${power}))`
          );
          const isOne = coefficient.n === 1n && coefficient.d === 1n;
          return nary("Mul", isOne && powers.length > 0 ? powers : [printRational(coefficient), ...powers]);
        }),
      );
    case "call":
      return printCall(node.fn, node.args);
  }
}

function printCall(fn: SymFn, args: readonly Sym[]): string {
  const list = args.map(print).join(", ");
  switch (fn) {
    case "pow":
      return intValue(args[1]) === undefined ? `${classNameOf(fn, args)}(${list})` : `Pow(${list})`;
    case "sqrt":
      // SymPy's own square root is of integers, PyTorch's of floats.
      return areInts(args) ? `Pow(${list}, Rational(1, 2))` : `${classNameOf(fn, args)}(${list})`;
    default:
      return `${classNameOf(fn, args)}(${list})`;
  }
}

/** SymPy has no sums and products of one. */
function nary(name: string, args: readonly string[]): string {
  return args.length === 1 ? args[0] : `${name}(${args.join(", ")})`;
}

function flags(x: Sym, nonnegative: boolean): string {
  if (x.kind !== "int") return "";
  return nonnegative ? ", positive=True, integer=True" : ", integer=True";
}

function printRational({ n, d }: Rational): string {
  return d === 1n ? `Integer(${n})` : `Rational(${n}, ${d})`;
}

function printFloat(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "oo" : "-oo";
  return `Float('${Number.isInteger(value) ? value.toFixed(1) : value}', precision=53)`;
}
