/** Bools that only running a program can tell: PyTorch records such a bool as a comparison of a number with 1. */
import { build } from "./call.ts";
import { intConstant, type Sym } from "./expr.ts";

/** The number that is 1 where a bool of the form `u0 == 1` is true and 0 where it is false; null for other expressions. */
export function bitOf({ node }: Sym): Sym | null {
  if (node.op !== "call" || node.fn !== "eq") return null;
  const [a, b] = node.args;
  const isOne = (x: Sym): boolean => x.node.op === "constant" && x.node.value === 1n;
  if (a.node.op === "symbol" && isOne(b)) return a;
  return b.node.op === "symbol" && isOne(a) ? b : null;
}

/** The bool that a number of 0 or 1 stands for. */
export function bit(number: Sym): Sym {
  return build("eq", [number, intConstant(1n)]);
}
