/** Arithmetic of sizes, which in capture may be symbolic: plain operators would lose that. */
import { isSym, mul, type Sym } from "../../sym/mod.ts";
import { fromExpression, toExpression } from "../symbolic.ts";

/** The product of two sizes. */
export function times(a: number, b: number): number {
  const [x, y] = [toExpression(a), toExpression(b)] as [Sym | number, Sym | number];
  return isSym(x) || isSym(y) ? fromExpression(mul(x, y)) as number : a * b;
}

/** Whether two sizes are known and differ. */
export function differ(a: number, b: number): boolean {
  return typeof a === "number" && typeof b === "number" && a !== b;
}
