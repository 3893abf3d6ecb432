/** The names of a function's parameters, of its source. */
import { CaptureError } from "../ir/mod.ts";

/** Names in order; a parameter that is taken apart, or gathers the rest, is `arg_N`. */
// deno-lint-ignore no-explicit-any -- any function
export async function parameterNames(fn: (...args: any[]) => unknown): Promise<string[]> {
  const { parseExpressionAt } = await import("acorn");
  const text = Function.prototype.toString.call(fn);
  for (const wrapped of [`(${text})`, `({${text}})`]) {
    try {
      const parsed = parseExpressionAt(wrapped, 0, { ecmaVersion: "latest", checkPrivateFields: false });
      const found = parsed.type === "ObjectExpression" && parsed.properties[0]?.type === "Property"
        ? parsed.properties[0].value
        : parsed;
      if (!("params" in found)) continue;
      return found.params.map((param, i) => {
        const target = param.type === "AssignmentPattern" ? param.left : param;
        return target.type === "Identifier" ? target.name : `arg_${i}`;
      });
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  throw new CaptureError(`The source of ${fn.name || "the function"} can't be read: it is not written in JavaScript`);
}
