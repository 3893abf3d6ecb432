/** The operators of JavaScript on values that are known. */

/** The methods of tensors that do what operators do with numbers. */
export const METHODS: Readonly<Record<string, string>> = {
  "+": "x.add(y)",
  "-": "x.sub(y)",
  "*": "x.mul(y)",
  "/": "x.div(y)",
  "%": "x.remainder(y)",
  "**": "x.pow(y)",
  "<": "x.lt(y)",
  "<=": "x.le(y)",
  ">": "x.gt(y)",
  ">=": "x.ge(y)",
  "&": "x.bitwiseAnd(y)",
  "|": "x.bitwiseOr(y)",
  "^": "x.bitwiseXor(y)",
};

/** An operator of JavaScript on plain values. */
export function plainBinary(operator: string, left: unknown, right: unknown): unknown {
  // Operators convert their operands as JavaScript does, whatever these are.
  const [a, b] = [left as number, right as number];
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return a / b;
    case "%":
      return a % b;
    case "**":
      return a ** b;
    case "<":
      return a < b;
    case "<=":
      return a <= b;
    case ">":
      return a > b;
    case ">=":
      return a >= b;
    case "==":
      // deno-lint-ignore eqeqeq -- the program's own operator
      return a == b;
    case "!=":
      // deno-lint-ignore eqeqeq -- the program's own operator
      return a != b;
    case "===":
      return a === b;
    case "!==":
      return a !== b;
    case "&":
      return a & b;
    case "|":
      return a | b;
    case "^":
      return a ^ b;
    case "<<":
      return a << b;
    case ">>":
      return a >> b;
    case ">>>":
      return a >>> b;
    case "in":
      return (left as PropertyKey) in (right as object);
    case "instanceof":
      return (left as object) instanceof (right as new () => object);
  }
  throw new TypeError(`There is no operator ${operator}`);
}
