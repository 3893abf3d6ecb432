/** Concrete values of a program's symbols: taken from sizes, solved from compound sizes, and used to evaluate others. */
import { type Dim, evaluate, isSym, solveLinear, type Sym } from "../sym/mod.ts";

/** A concrete size or Python number: bigint is an int, number is a float. */
export type ConcreteValue = bigint | number | boolean;

/** Values of symbols by name. */
export class Bindings {
  /** The values: ints are safe numbers or bigints. */
  readonly values: Map<string, number | bigint>;

  constructor(values: Iterable<readonly [string, number | bigint]> = []) {
    this.values = new Map(values);
  }

  /** Whether all symbols of an expression have a value. */
  knows(x: Sym): boolean {
    for (const name of x.symbols()) if (!this.values.has(name)) return false;
    return true;
  }

  /** A size. @throws {RangeError} when a symbol has no value */
  size(dim: Dim): number {
    return evaluate(dim, this.values) as number;
  }

  /** A value of a symbolic int, float or bool, of the kind that operators take it as. */
  value(expr: Sym | number | boolean, type: "int" | "float" | "bool"): ConcreteValue {
    const value = evaluate(expr, this.values);
    if (type === "int") return BigInt(value);
    return type === "float" ? Number(value) : Boolean(value);
  }

  /**
   * Takes in that an expression has a value, which may give a symbol its value.
   *
   * @returns whether the expression can be evaluated now
   * @throws {RangeError} when it has another value
   */
  bind(expr: Dim, value: number | bigint): boolean {
    if (isSym(expr) && !this.knows(expr)) {
      const unknown = [...expr.symbols()].filter((name) => !this.values.has(name));
      if (unknown.length > 1) return false;
      const [name] = unknown;
      if (expr.kind !== "int") {
        if (expr.node.op !== "symbol") return false;
        this.values.set(name, value);
        return true;
      }
      const line = solveLinear(expr, name);
      if (!line) return false;
      const rest = Number(value) - this.size(line.offset);
      if (rest % line.coefficient !== 0) throw new RangeError(`No integer ${name} gives ${expr} the value ${value}`);
      this.values.set(name, rest / line.coefficient);
      return true;
    }
    const known = evaluate(expr, this.values);
    if (Number(known) !== Number(value)) {
      throw new RangeError(`${String(expr)} must be ${known}, met ${value}`);
    }
    return true;
  }

  /**
   * Takes in the sizes that shapes have.
   *
   * @returns the sizes that no symbol could be solved from
   * @throws {RangeError} when sizes contradict each other, or a rank differs
   */
  bindAll(sizes: readonly (readonly [Dim, number | bigint])[]): (readonly [Dim, number | bigint])[] {
    let pending = [...sizes];
    for (let before = Infinity; pending.length < before;) {
      before = pending.length;
      pending = pending.filter(([dim, size]) => !this.bind(dim, size));
    }
    return pending;
  }
}

/** Pairs of sizes of a shape. @throws {RangeError} when the ranks differ */
export function pairSizes(shape: readonly Dim[], sizes: readonly number[]): (readonly [Dim, number])[] {
  if (shape.length !== sizes.length) {
    throw new RangeError(`The shape must be [${shape.map(String).join(", ")}], met [${sizes.join(", ")}]`);
  }
  return shape.map((dim, i) => [dim, sizes[i]] as const);
}
