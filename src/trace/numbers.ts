/**
 * Symbolic numbers as nodes: sizes are read with `sym_size`, and expressions of them become the calls of Python's operators
 * that PyTorch records for the same arithmetic.
 */
import { type Op, opName } from "../aten/mod.ts";
import type { FxValue, Scalar } from "../fx/mod.ts";
import { LoweringError } from "../ir/mod.ts";
import { isSym, type Sym, type SymFn, visit } from "../sym/mod.ts";
import type { Tracer } from "./tracer.ts";

/** The operator of Python for a function of expressions. */
const OPERATORS: Readonly<Partial<Record<SymFn, string>>> = {
  add: "_operator.add",
  mul: "_operator.mul",
  pow: "_operator.pow",
  floordiv: "_operator.floordiv",
  mod: "_operator.mod",
  pythonmod: "_operator.mod",
  truediv: "_operator.truediv",
  floatpow: "_operator.pow",
  eq: "_operator.eq",
  ne: "_operator.ne",
  lt: "_operator.lt",
  le: "_operator.le",
  gt: "_operator.gt",
  ge: "_operator.ge",
  and: "_operator.and_",
  or: "_operator.or_",
  xor: "_operator.xor",
  not: "torch.sym_not",
  bitwise_and: "_operator.and_",
  bitwise_or: "_operator.or_",
  bitwise_xor: "_operator.xor",
  max: "torch.sym_max",
  min: "torch.sym_min",
  abs: "_operator.abs",
  tofloat: "torch.sym_float",
  trunc_to_int: "math.trunc",
  ceil_to_int: "math.ceil",
  floor_to_int: "math.floor",
  round_to_int: "builtins.round",
  where: "torch.sym_ite",
  sqrt: "math.sqrt",
  exp: "math.exp",
  log: "math.log",
  cos: "math.cos",
  sin: "math.sin",
  tan: "math.tan",
  cosh: "math.cosh",
  sinh: "math.sinh",
  tanh: "math.tanh",
  acos: "math.acos",
  asin: "math.asin",
  atan: "math.atan",
};

/** Makes nodes for expressions in the graph that a tracer records. */
export class NumberMaker {
  constructor(private readonly tracer: Tracer) {}

  /** The value of an expression; what its parts need is recorded before it. */
  make(expr: Sym): FxValue {
    const result = visit<Scalar>(expr, {
      constant: (value, kind) => kind === "int" ? BigInt(value) : kind === "bool" ? value !== 0 : value,
      symbol: (name, kind) => this.symbol(name, kind === "float"),
      call: (fn, args, _kind) => this.call(fn, args),
    });
    return isSym(result) ? this.tracer.number(this.known(result, expr)) : this.unknown(expr);
  }

  /** The record computed the expression that was asked for, maybe in another of its forms. */
  private known(made: Sym, asked: Sym): Sym {
    return made.key === asked.key ? asked : this.unknown(asked);
  }

  private unknown(expr: Sym): never {
    throw new LoweringError(`The number ${expr} can't be computed from the sizes and numbers of the program`);
  }

  private symbol(name: string, isFloat: boolean): Scalar {
    const size = this.tracer.readSymbol(name, isFloat ? "float" : "int");
    if (size.node.op === "symbol" || isFloat) return size;
    // The only size that tells of the symbol is an expression of it: a·s + b.
    const zero = valueAt(size, name, 0), step = valueAt(size, name, 1) - zero;
    const shifted = zero === 0 ? size : this.record("_operator.sub", [size, BigInt(zero)]);
    return step === 1 ? shifted : this.record("_operator.floordiv", [shifted, BigInt(step)]);
  }

  private call(fn: SymFn, args: readonly Scalar[]): Scalar {
    const target = OPERATORS[fn];
    if (target === undefined) throw new LoweringError(`There is no operator of Python for ${fn}`);
    if (args.length <= 2 || fn === "where") return this.record(target, args);
    return args.slice(1).reduce((left, right) => this.record(target, [left, right]), args[0]);
  }

  private record(target: string, args: readonly Scalar[]): Scalar {
    const op = this.op(target);
    for (const arg of args) if (isSym(arg)) this.tracer.number(arg);
    return this.tracer.call(op, args) as Scalar;
  }

  private op(target: string): Op {
    const resolved = this.tracer.table.resolve(target);
    if (!resolved) throw new LoweringError(`Operator ${opName(target) ?? target} is not supported`);
    return resolved.op;
  }
}

function valueAt(size: Sym, name: string, value: number): number {
  return visit<number>(size, {
    constant: (x) => x,
    symbol: (other) => other === name ? value : NaN,
    call(fn, args) {
      if (fn === "add") return args.reduce((a, b) => a + b);
      if (fn === "mul") return args.reduce((a, b) => a * b);
      throw new LoweringError(`The size ${size} does not tell ${name}`);
    },
  });
}
