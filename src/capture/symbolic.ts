/**
 * Numbers that are not known while a program is captured: sizes of dynamic dims, and what `item()` gives. To TypeScript they
 * are numbers and booleans; here they hold an expression. JavaScript can't ask an object before it takes its truth, but it
 * asks before it takes its value: that is refused, never answered with the example's size.
 */
import { CaptureError, type SourceLine } from "../ir/mod.ts";
import { isSym, type Sym } from "../sym/mod.ts";
import { framesNow } from "../trace/frames.ts";

/** A number or truth that is not known while a program is captured. */
export abstract class SymbolicNumber {
  /** What it is in terms of the program's symbols. */
  readonly expr: Sym;

  /** The number of an expression. */
  constructor(expr: Sym) {
    this.expr = expr;
  }

  /** The expression as text; any other use as a plain value is refused. @throws {CaptureError} */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === "string") return String(this.expr);
    throw new CaptureError(`${this.expr} is not known while the model is captured, but is used as a plain number`, {
      ...lineNow(),
      hint: "Use it in an operator, as a size, or in arithmetic that capture follows: see docs/typescript_models.md",
    });
  }

  /** The expression as text. */
  toString(): string {
    return String(this.expr);
  }
}

/** An int. */
export class SymInt extends SymbolicNumber {}

/** A float. */
export class SymFloat extends SymbolicNumber {}

/** A truth. */
export class SymBool extends SymbolicNumber {}

/** A number as programs see it: plain where it is known. TypeScript takes it for a number, or a boolean. */
export function fromExpression(x: Sym | number | bigint | boolean): number | bigint | boolean {
  if (!isSym(x)) return x;
  const made = x.kind === "bool" ? new SymBool(x) : x.kind === "float" ? new SymFloat(x) : new SymInt(x);
  return made as unknown as number;
}

/** A size as programs see it. */
export function fromDim(x: Sym | number): number {
  return fromExpression(x) as number;
}

/** A number of the program's, or an array that holds such, with expressions for those that are not known. */
export function toExpression(x: unknown): unknown {
  if (x instanceof SymbolicNumber) return x.expr;
  return Array.isArray(x) ? x.map(toExpression) : x;
}

/** The user's line that runs now, for errors. */
export function lineNow(): { readonly source?: SourceLine } {
  const source = framesNow().at(-1);
  return source ? { source } : {};
}
