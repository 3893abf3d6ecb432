/**
 * Where symbolic sizes get their values from when a graph needs them as tensors: a dim of a graph input, a dim of a value
 * whose size depends on data, or a scalar that a node yields.
 */
import { bitOf, type Dim, eq, isSym, solveLinear, type Sym, type SymFn, type SymKind, visit } from "../sym/mod.ts";
import type { OnnxBuilder } from "./builder.ts";
import type { OnnxValue } from "./model.ts";

interface ShapeSource {
  readonly value: OnnxValue;
  /** Null where the value is a 0-d tensor that holds the number itself. */
  readonly axis: number | null;
}

/** An expression whose value can be had, and which is linear in a symbol. */
interface CompoundSource {
  readonly source: ShapeSource;
  readonly expr: Sym;
}

/**
 * The sources of symbols that are visible in a graph.
 *
 * @internal
 */
export class SymbolTable {
  private readonly parent: SymbolTable | null;
  private readonly dims: Map<string, ShapeSource> = new Map();
  private readonly compound: Map<string, CompoundSource[]> = new Map();
  private readonly scalars: Map<string, OnnxValue> = new Map();
  /** Bools of the graph by their expression. */
  private readonly bools: Map<string, OnnxValue> = new Map();
  /** Bools that tell whether a number, which has no other source, is 1 or 0. */
  private readonly bits: Map<string, OnnxValue> = new Map();
  /** Symbols whose sources in the graphs around don't count. */
  private readonly renewed: Set<string> = new Set();

  constructor(parent: SymbolTable | null) {
    this.parent = parent;
  }

  /** Symbols that are (or occur in) dims of the value can be computed from it; the first source of a symbol stays. */
  bindShape(value: OnnxValue): void {
    for (const [axis, dim] of (value.meta?.shape ?? []).entries()) {
      if (!isSym(dim)) continue;
      if (dim.node.op === "symbol") {
        if (!this.has(dim.node.name)) this.dims.set(dim.node.name, { value, axis });
      } else this.bindCompound(dim, { value, axis });
    }
  }

  /** The expression's value is a 0-d tensor of the graph. */
  bindExpr(expr: Sym, value: OnnxValue): void {
    if (expr.kind === "bool") {
      this.bools.set(expr.key, value);
      const bit = bitOf(expr);
      if (bit) this.bits.set(bit.key, value);
      return;
    }
    if (expr.node.op === "symbol") {
      if (!this.has(expr.node.name)) this.scalars.set(expr.node.name, value);
    } else this.bindCompound(expr, { value, axis: null });
  }

  /**
   * Symbols of a nested graph's input are those of what it is given: whatever a run of the same graph before had, as the turn
   * of a loop before. Sizes that are known under the same symbol stay.
   */
  shadow(recorded: Sym | readonly Dim[], value: OnnxValue): void {
    if (isSym(recorded)) {
      if (recorded.node.op === "symbol") this.scalars.set(recorded.node.name, value);
      else this.bindExpr(recorded, value);
      return;
    }
    for (const [axis, dim] of recorded.entries()) {
      if (!isSym(dim) || dim.node.op !== "symbol" || !value.meta || eq(value.meta.shape[axis], dim) === true) continue;
      this.scalars.delete(dim.node.name);
      this.dims.set(dim.node.name, { value, axis });
    }
  }

  /** Symbols that the nodes of a nested graph make have no source before these run, whatever an earlier run of them gave. */
  renew(names: Iterable<string>): void {
    for (const name of names) {
      this.renewed.add(name);
      for (const known of [this.dims, this.compound, this.scalars, this.bits]) known.delete(name);
    }
  }

  private bindCompound(expr: Sym, source: ShapeSource): void {
    for (const name of expr.symbols()) {
      if (this.has(name) || !solveLinear(expr, name)) continue;
      const sources = this.compound.get(name);
      if (!sources) this.compound.set(name, [{ source, expr }]);
      else if (!sources.some((s) => s.expr.key === expr.key)) sources.push({ source, expr });
    }
  }

  /** Whether the symbol has a direct source. */
  has(name: string): boolean {
    if (this.dims.has(name) || this.scalars.has(name)) return true;
    return !this.renewed.has(name) && (this.parent?.has(name) ?? false);
  }

  /** A 0-d tensor with the expression's value. @throws {RangeError} when a symbol has no source */
  compute(b: OnnxBuilder, expr: Sym): OnnxValue {
    if (expr.kind === "bool") {
      for (const { bools, renewed } of this.visible()) {
        const known = bools.get(expr.key);
        if (known) return known;
        if ([...expr.symbols()].some((name) => renewed.has(name))) break;
      }
    }
    return visit<OnnxValue>(expr, {
      constant: (value, kind) =>
        kind === "int"
          ? b.scalar(BigInt(value), "int64")
          : b.scalar(kind === "bool" ? value !== 0 : value, DTYPES[kind]),
      symbol: (name) => this.symbol(b, name),
      call: (fn, args, kind) => lower(b, fn, args, kind),
    });
  }

  /** This table and those of the graphs around, innermost first. */
  private *visible(): Generator<SymbolTable> {
    yield this;
    if (this.parent) yield* this.parent.visible();
  }

  private symbol(b: OnnxBuilder, name: string): OnnxValue {
    for (const table of this.visible()) {
      const scalar = table.scalars.get(name);
      if (scalar) return scalar;
      const source = table.dims.get(name);
      if (source) return valueOf(b, source);
      const bit = table.bits.get(name);
      if (bit) return b.cast(bit, "int64");
      if (table.renewed.has(name)) break;
    }
    const solved = this.solvable(name, new Set());
    if (solved) return this.solve(b, name, solved);
    throw new RangeError(`The size ${name} can't be computed: no input or earlier result has it as a dimension`);
  }

  /** An expression that gives the symbol when the symbols beside it are known; `open` are those being looked for. */
  private solvable(name: string, open: ReadonlySet<string>): CompoundSource | null {
    const inner = new Set([...open, name]);
    for (const table of this.visible()) {
      for (const candidate of table.compound.get(name) ?? []) {
        const others = [...candidate.expr.symbols()].filter((other) => other !== name);
        if (others.every((other) => this.has(other) || (!inner.has(other) && this.solvable(other, inner)))) {
          return candidate;
        }
      }
    }
    return null;
  }

  /** expr = coefficient · symbol + offset, so symbol = (expr − offset) / coefficient, exactly. */
  private solve(b: OnnxBuilder, name: string, { source, expr }: CompoundSource): OnnxValue {
    const { coefficient, offset } = solveLinear(expr, name)!;
    let value = valueOf(b, source);
    if (offset !== 0) value = b.op("Sub", [value, b.dim(offset)]);
    return coefficient === 1 ? value : b.op("Div", [value, b.dim(coefficient)]);
  }
}

function valueOf(b: OnnxBuilder, { value, axis }: ShapeSource): OnnxValue {
  if (axis === null) return value;
  const shape = b.op("Shape", [value], { start: axis, end: axis + 1 });
  return b.op("Squeeze", [shape, b.ints([0])]);
}

/** Integer division and remainder of ONNX truncate (Div) or take the divisor's sign (Mod); these floor. */
function floorDiv(b: OnnxBuilder, x: OnnxValue, y: OnnxValue): OnnxValue {
  const remainder = b.op("Mod", [x, y]);
  return b.op("Div", [b.op("Sub", [x, remainder]), y]);
}

/** Python computes floats in double precision. */
const DTYPES = { int: "int64", float: "float64", bool: "bool" } as const;

function lower(b: OnnxBuilder, fn: SymFn, given: readonly OnnxValue[], kind: SymKind): OnnxValue {
  // Where a function computes in floats or compares with one, ints among its arguments become floats first.
  const mixed = kind === "bool" && given.some((x) => b.meta(x).dtype === "float64");
  const args = mixed || (kind === "float" && fn !== "where") ? given.map((x) => b.cast(x, "float64")) : given;
  const chain = (op: string): OnnxValue => args.reduce((x, y) => b.op(op, [x, y]));
  const float = (x: OnnxValue): OnnxValue => b.cast(x, "float64");
  switch (fn) {
    case "add":
      return chain("Add");
    case "mul":
      return chain("Mul");
    case "max":
      return args.length === 1 ? args[0] : b.op("Max", args);
    case "min":
      return args.length === 1 ? args[0] : b.op("Min", args);
    case "floordiv":
      return floorDiv(b, args[0], args[1]);
    case "mod":
    case "pythonmod":
      return b.op("Mod", [args[0], args[1]]);
    case "pow":
    case "floatpow":
      return b.op("Pow", [args[0], args[1]]);
    case "truediv":
      return kind === "int" ? b.op("Div", args) : b.op("Div", args.map(float));
    case "tofloat":
      return args[0];
    case "trunc_to_int":
      return b.cast(args[0], "int64");
    case "ceil_to_int":
      return b.cast(b.op("Ceil", [float(args[0])]), "int64");
    case "floor_to_int":
      return b.cast(b.op("Floor", [float(args[0])]), "int64");
    case "round_to_int":
      return b.cast(b.op("Round", [float(args[0])]), "int64");
    case "eq":
      return b.op("Equal", args);
    case "ne":
      return b.op("Not", [b.op("Equal", args)]);
    case "lt":
      return b.op("Less", args);
    case "le":
      return b.op("LessOrEqual", args);
    case "gt":
      return b.op("Greater", args);
    case "ge":
      return b.op("GreaterOrEqual", args);
    case "and":
      return chain("And");
    case "or":
      return chain("Or");
    case "xor":
      return chain("Xor");
    case "not":
      return b.op("Not", args);
    case "where": {
      const [condition, yes, no] = args;
      return b.op("Where", kind === "float" ? [condition, float(yes), float(no)] : [condition, yes, no]);
    }
    case "sqrt":
    case "exp":
    case "log":
    case "sin":
    case "cos":
    case "tan":
    case "sinh":
    case "cosh":
    case "tanh":
    case "asin":
    case "acos":
    case "atan":
    case "asinh":
      return b.op(fn[0].toUpperCase() + fn.slice(1), args);
    case "abs":
      return b.op("Abs", args);
    case "bitwise_and":
      return b.op("BitwiseAnd", args);
    case "bitwise_or":
      return b.op("BitwiseOr", args);
    case "bitwise_xor":
      return b.op("BitwiseXor", args);
    default:
      throw new RangeError(`The symbolic function ${fn} has no ONNX form`);
  }
}
