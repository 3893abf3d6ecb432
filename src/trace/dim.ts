/** `torch.export.Dim`: what is said of the size of an input before its program is captured. */
import { type Dim as Size, isSym, parseInfix, type Sym, symbol } from "../sym/mod.ts";
import { add, mul } from "../sym/mod.ts";

/** How a dim is dynamic. */
export type DimMode = "named" | "auto" | "dynamic" | "static";

/** Bounds of a dim, inclusive. */
export interface DimBounds {
  /** Smallest size. Default: 0. */
  readonly min?: number | null;
  /** Largest size. Default: any. */
  readonly max?: number | null;
}

const IDENTIFIER = /^[A-Za-z_]\w*$/;

/**
 * A dim of an input that can vary. Dims of one name have one size. `2*batch` and `batch + 1` are dims too.
 *
 * Source: https://docs.pytorch.org/docs/2.8/export.html
 *
 * @example
 * ```ts
 * import { Dim } from "@fx2onnx/fx2onnx";
 *
 * const batch = new Dim("batch", { min: 1, max: 64 });
 * const twice = batch.mul(2);
 * console.log(String(twice)); // 2*batch
 * ```
 */
export class Dim {
  /** Dynamic if the model allows it, else static; sizes that must be equal become so. */
  static readonly AUTO: Dim = Dim.of("auto");
  /** Dynamic; a model that needs one size is an error. */
  static readonly DYNAMIC: Dim = Dim.of("dynamic");
  /** The example's size. */
  static readonly STATIC: Dim = Dim.of("static");

  /** The name, or the expression of names. */
  readonly name: string;
  /** Smallest size; null is 0. Of an expression: null. */
  readonly min: number | null;
  /** Largest size; null is any. Of an expression: null. */
  readonly max: number | null;
  /** How the dim is dynamic. */
  readonly mode: DimMode = "named";
  /** The dims that an expression is made of; of a plain dim itself. */
  readonly roots: readonly Dim[] = [this];

  /**
   * A dim with a name.
   *
   * @throws {RangeError} when the name is no identifier, or the bounds hold no size
   */
  constructor(name: string, bounds: DimBounds = {}) {
    const { min = null, max = null } = bounds;
    if (!IDENTIFIER.test(name)) {
      throw new RangeError(`Cannot name a dim ${JSON.stringify(name)}: it must be an identifier`);
    }
    if ((min ?? 0) > (max ?? Infinity) || (min ?? 0) < 0) {
      throw new RangeError(`Cannot use the bounds [${min ?? 0}, ${max ?? "oo"}] of dim ${name}: they hold no size`);
    }
    this.name = name;
    this.min = min;
    this.max = max;
  }

  /** This dim times a positive whole number. @throws {RangeError} for another factor */
  mul(factor: number): Dim {
    if (!Number.isSafeInteger(factor) || factor < 1) {
      throw new RangeError(`Cannot multiply dim ${this.name} by ${factor}: the factor must be a positive whole number`);
    }
    return Dim.derive(mul(this.expr(), factor), this.roots);
  }

  /** This dim plus a whole number. @throws {RangeError} for another number */
  add(number: number): Dim {
    if (!Number.isSafeInteger(number)) {
      throw new RangeError(`Cannot add ${number} to dim ${this.name}: it is not whole`);
    }
    return Dim.derive(add(this.expr(), number), this.roots);
  }

  /** This dim minus a whole number. */
  sub(number: number): Dim {
    return this.add(-number);
  }

  /** The dim as PyTorch prints it. */
  toString(): string {
    return this.mode === "named" ? this.name : `Dim.${this.mode.toUpperCase()}`;
  }

  /** The size in terms of the names. */
  expr(): Sym {
    if (this.mode !== "named") throw new TypeError(`${this} has no name that others can be derived from`);
    return symbolOfName(this.name);
  }

  /** The dim of a name, or of an expression of names such as `2*batch`. @throws {RangeError} */
  static parse(text: string): Dim {
    const expr = symbolOfName(text);
    const roots = [...expr.symbols()].map((name) => new Dim(name));
    return expr.node.op === "symbol" ? roots[0] : Dim.derive(expr, roots);
  }

  /** A dim without a name. */
  private static of(mode: DimMode): Dim {
    return Object.assign(Object.create(Dim.prototype) as Dim, { name: "", min: null, max: null, mode, roots: [] });
  }

  /** A dim whose size is an expression of others'. */
  private static derive(expr: Size, roots: readonly Dim[]): Dim {
    const fields = { name: String(expr), min: null, max: null, mode: "named" as const, roots };
    return Object.assign(Object.create(Dim.prototype) as Dim, fields);
  }
}

/** A name, or an expression of names. @throws {RangeError} */
export function symbolOfName(text: string): Sym {
  if (IDENTIFIER.test(text)) return symbol(text);
  let parsed: unknown;
  try {
    parsed = parseInfix(text);
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error;
  }
  if (isSym(parsed) && parsed.kind === "int") return parsed;
  throw new RangeError(`${JSON.stringify(text)} is neither the name of a dim nor an expression of names`);
}

/** Several dims at once: `dims("batch", "seq")`. */
export function dims(...names: readonly string[]): Dim[] {
  return names.map((name) => new Dim(name));
}
