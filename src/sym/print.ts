/**
 * Prints expressions as PyTorch does: SymPy's order of terms and factors, PyTorch's parentheses around its own functions.
 */
import { areInts, classNameOf } from "./class_names.ts";
import { intValue, type Rational, type Sym, type SymFn, type Term } from "./expr.ts";
import { comparePrinted, sortArguments } from "./print_order.ts";

/** Binding strengths of SymPy's printer; PyTorch gives its functions that of a comparison. */
const WEAKEST = 0, RELATIONAL = 35, OR = 36, AND = 38, ADD = 40, MUL = 50, POW = 60, FUNC = 70, NOT = 100, ATOM = 1000;

/** Binding strengths of functions that print as `Name(a, b)`, where they differ from those of most. */
const PRECEDENCES: Readonly<Partial<Record<SymFn, number>>> = {
  pow: MUL,
  mod: RELATIONAL,
  pythonmod: RELATIONAL,
  max: ATOM,
  min: ATOM,
  floatpow: POW,
  where: RELATIONAL,
};

const RELATIONS: Readonly<Partial<Record<SymFn, string>>> = { lt: "<", le: "<=", gt: ">", ge: ">=" };

function nameOf(fn: SymFn, args: readonly Sym[]): string {
  if (fn === "eq" || fn === "ne") return fn === "eq" ? "Eq" : "Ne";
  // PyTorch's own square root is of floats, SymPy's can be of integers.
  return fn === "sqrt" && areInts(args) ? "sqrt" : classNameOf(fn, args);
}

/** The text of an expression. */
export function print(x: Sym): string {
  return printAt(x, true);
}

function printAt(x: Sym, isWhole: boolean): string {
  const { node } = x;
  switch (node.op) {
    case "constant":
      if (typeof node.value === "boolean") return node.value ? "True" : "False";
      return typeof node.value === "bigint" ? String(node.value) : printFloat(node.value, isWhole);
    case "symbol":
      return node.name;
    case "polynomial":
      return printSum(x, node.terms);
    case "call":
      if (node.fn === "add" || node.fn === "mul" || isPower(x)) return printSum(x, termsOf(x));
      return printCall(node.fn, node.args);
  }
}

function printCall(fn: SymFn, args: readonly Sym[]): string {
  const relation = RELATIONS[fn];
  if (relation !== undefined) {
    return `${inside(args[0], RELATIONAL)} ${relation} ${inside(args[1], RELATIONAL)}`;
  }
  switch (fn) {
    case "floordiv":
      return `(${inside(args[0], ATOM - 0.5)}//${inside(args[1], ATOM - 0.5)})`;
    case "and":
      return sortArguments(args).map((arg) => inside(arg, AND)).join(" & ");
    case "or":
      return sortArguments(args).map((arg) => inside(arg, OR)).join(" | ");
    case "xor":
      return sortArguments(args).map((arg) => inside(arg, WEAKEST)).join(" ^ ");
    case "not":
      return `~${inside(args[0], NOT)}`;
    case "max":
    case "min":
      args = sortArguments(args);
  }
  return `${nameOf(fn, args)}(${args.map((arg) => printAt(arg, false)).join(", ")})`;
}

/** Whether a call is a power with a constant integer exponent, which prints with an operator. */
function isPower(x: Sym): boolean {
  return x.node.op === "call" && x.node.fn === "pow" && intValue(x.node.args[1]) !== undefined;
}

/** The expression, in parentheses unless it binds more strongly than the given strength. */
function inside(x: Sym, strength: number): string {
  const text = printAt(x, false);
  return precedence(x) <= strength ? `(${text})` : text;
}

function precedence(x: Sym): number {
  const { node } = x;
  switch (node.op) {
    case "constant":
      return typeof node.value !== "boolean" && node.value < 0 ? ADD : ATOM;
    case "symbol":
      return ATOM;
    case "polynomial":
      if (node.terms.length > 1 || node.terms[0].coefficient.n < 0n) return ADD;
      return isBarePower(node.terms[0]) ? POW : MUL;
    case "call": {
      const { fn, args } = node;
      if (fn === "add") return ADD;
      if (fn === "mul") return termsOf(x)[0].negative ? ADD : MUL;
      if (isPower(x)) return intValue(args[1])! < 0n ? MUL : POW;
      if (fn === "and") return WEAKEST;
      if (fn === "or") return WEAKEST;
      if (fn === "xor") return WEAKEST;
      if (fn === "not") return NOT;
      // Eq(a, b) is a relation that needs no parentheses within a logical expression.
      if (fn === "eq" || fn === "ne") return ATOM;
      if (fn === "floordiv" || fn === "truediv" || fn in RELATIONS) return RELATIONAL;
      return PRECEDENCES[fn] ?? FUNC;
    }
  }
}

function isBarePower(term: Term): boolean {
  const { coefficient: { n, d }, factors } = term;
  return n === 1n && d === 1n && factors.length === 1;
}

/** A term to print: text of the coefficient without its sign, and factors. */
interface PrintTerm {
  readonly negative: boolean;
  /** Empty when it is one. */
  readonly coefficient: string;
  readonly denominator: string;
  readonly factors: readonly { readonly base: Sym; readonly power: number }[];
}

function fromTerm({ coefficient: { n, d }, factors }: { coefficient: Rational; factors: Term["factors"] }): PrintTerm {
  const magnitude = n < 0n ? -n : n;
  return {
    negative: n < 0n,
    coefficient: magnitude === 1n && (factors.length > 0 || d !== 1n) ? "" : String(magnitude),
    denominator: d === 1n ? "" : String(d),
    factors,
  };
}

/** The terms of a float sum or product. */
function termsOf(x: Sym): readonly PrintTerm[] {
  const { node } = x;
  if (node.op === "polynomial") return node.terms.map(fromTerm);
  if (node.op === "call" && node.fn === "add") return node.args.flatMap(termsOf);
  if (node.op === "constant") {
    const text = printAt(x, false);
    const negative = text.startsWith("-");
    return [{ negative, coefficient: negative ? text.slice(1) : text, denominator: "", factors: [] }];
  }
  if (node.op === "call" && isPower(x)) {
    const factors = [{ base: node.args[0], power: Number(intValue(node.args[1])) }];
    return [{ negative: false, coefficient: "", denominator: "", factors }];
  }
  if (node.op !== "call" || node.fn !== "mul") {
    return [{ negative: false, coefficient: "", denominator: "", factors: [{ base: x, power: 1 }] }];
  }
  let negative = false, coefficient = "", denominator = "";
  const factors: { base: Sym; power: number }[] = [];
  for (const arg of node.args) {
    const terms = termsOf(arg);
    if (terms.length > 1) {
      factors.push({ base: arg, power: 1 });
      continue;
    }
    negative = negative !== terms[0].negative;
    coefficient ||= terms[0].coefficient === "1" ? "" : terms[0].coefficient;
    denominator ||= terms[0].denominator;
    factors.push(...terms[0].factors);
  }
  return [{ negative, coefficient, denominator, factors }];
}

function printSum(x: Sym, terms: readonly (Term | PrintTerm)[]): string {
  const ordered = orderTerms(terms.map((term) => "negative" in term ? term : fromTerm(term)));
  // SymPy prints `1 - s0`, not `-s0 + 1`, in exactly this case.
  if (
    ordered.length === 2 && ordered[0].negative && ordered[0].factors.length === 1 && ordered[1].factors.length === 0 &&
    !ordered[1].negative && x.node.op !== "constant"
  ) ordered.reverse();
  return ordered.map((term, i) => {
    const text = printTerm(term, ordered.length > 1);
    if (i === 0) return term.negative ? `-${text}` : text;
    return term.negative ? ` - ${text}` : ` + ${text}`;
  }).join("");
}

function printTerm({ coefficient, denominator, factors }: PrintTerm, isInSum: boolean): string {
  const ordered = [...factors].sort((a, b) => comparePrinted(a.base, b.base) || a.power - b.power);
  const isAlone = coefficient === "" && denominator === "" && ordered.length === 1;
  const numerator: string[] = coefficient === "" ? [] : [coefficient];
  const divisors: string[] = denominator === "" ? [] : [denominator];
  for (const { base, power } of ordered) {
    const into = power < 0 ? divisors : numerator;
    if (Math.abs(power) !== 1) into.push(`${inside(base, POW)}**${Math.abs(power)}`);
    else into.push(inside(base, isAlone ? (isInSum ? ADD : MUL) : MUL));
  }
  const text = numerator.length === 0 ? "1" : numerator.join("*");
  if (divisors.length === 0) return text;
  return `${text}/${divisors.length === 1 ? divisors[0] : `(${divisors.join("*")})`}`;
}

/** SymPy's "lex" order: by descending powers of the alphabetically ordered bases, constants last. */
function orderTerms(terms: PrintTerm[]): PrintTerm[] {
  const bases = new Map<string, Sym>();
  for (const { factors } of terms) for (const { base } of factors) bases.set(base.key, base);
  const order = [...bases.values()].sort(comparePrinted);
  const position = new Map(order.map((base, i) => [base.key, i]));
  const powers = new Map(terms.map((term) => {
    const sparse = term.factors.map(({ base, power }) => [position.get(base.key)!, power] as const);
    return [term, sparse.sort((a, b) => a[0] - b[0])];
  }));
  return terms.sort((s, t) => {
    const a = powers.get(s)!, b = powers.get(t)!;
    for (let i = 0;; i++) {
      if (i === a.length || i === b.length) return b.length - a.length;
      if (a[i][0] !== b[i][0]) return a[i][0] - b[i][0];
      if (a[i][1] !== b[i][1]) return b[i][1] - a[i][1];
    }
  });
}

/** A float with 15 digits; SymPy pads a float that stands alone with zeros to all 15. */
function printFloat(value: number, isWhole: boolean): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value < 0 ? "-oo" : "oo";
  if (value === 0) return isWhole ? "0" : "0.0";
  const [mantissa, exponentText] = Math.abs(value).toExponential(14).split("e");
  const exponent = Number(exponentText);
  const digits = mantissa.replace(".", "");
  let text: string;
  if (exponent <= -5 || exponent >= 15) {
    const fraction = isWhole ? digits.slice(1) : digits.slice(1).replace(/0+$/, "") || "0";
    text = `${digits[0]}.${fraction}e${exponent < 0 ? "-" : "+"}${Math.abs(exponent)}`;
  } else {
    const padded = exponent < 0 ? "0".repeat(-exponent) + digits : digits;
    const point = exponent < 0 ? 1 : exponent + 1;
    const fraction = padded.slice(point);
    text = `${padded.slice(0, point)}.${isWhole ? fraction : fraction.replace(/0+$/, "") || "0"}`;
  }
  return value < 0 ? `-${text}` : text;
}
