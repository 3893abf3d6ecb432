/** The names of a function's parameters, of its source. */
import { CaptureError } from "../ir/mod.ts";
import { loadParser, type ParsedFunction, parseFunction } from "./strict/parse.ts";

/** Names in order; a parameter that is taken apart, or gathers the rest, is `arg_N`. */
// deno-lint-ignore no-explicit-any -- any function
export async function parameterNames(fn: (...args: any[]) => unknown): Promise<string[]> {
  await loadParser();
  let node: ParsedFunction["node"] | null = null;
  try {
    ({ node } = parseFunction(Function.prototype.toString.call(fn)));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  if (!node || !("params" in node)) {
    throw new CaptureError(`The source of ${fn.name || "the function"} can't be read: it is not written in JavaScript`);
  }
  return node.params.map((param, i) => {
    const target = param.type === "AssignmentPattern" ? param.left : param;
    return target.type === "Identifier" ? target.name : `arg_${i}`;
  });
}
