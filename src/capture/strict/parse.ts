/**
 * A function's JavaScript as a tree. What `Function.prototype.toString` gives is the text of an expression, or of a method
 * that only stands inside an object or a class; both are parsed here, with positions in the text that was given.
 */
import type * as es from "acorn";

/** A node of the tree: ESTree as acorn gives it. */
export type AnyNode = es.AnyNode;
/** A function of any form. */
export type FunctionNode = es.FunctionDeclaration | es.FunctionExpression | es.ArrowFunctionExpression;

/** A parsed function or class. */
export interface ParsedFunction {
  /** What was parsed, after {@linkcode prefix}. Positions of nodes are positions in it. */
  readonly text: string;
  /** How many characters of the text stand before the function's own. */
  readonly prefix: number;
  /** The function, or the class. */
  readonly node: FunctionNode | es.ClassExpression;
  /** The property that holds a method or an accessor; null for other functions. */
  readonly method: es.Property | null;
}

let acorn: typeof import("acorn") | null = null;

/** Loads the parser: it is needed only where programs are analysed. */
export async function loadParser(): Promise<void> {
  acorn ??= await import("acorn");
}

/**
 * Parses what a function's `toString` gave.
 *
 * @throws {SyntaxError} if it is no JavaScript, as for native functions
 */
export function parseFunction(source: string): ParsedFunction {
  if (!acorn) throw new TypeError("The parser is not loaded: await loadParser() first");
  const options: es.Options = {
    ecmaVersion: "latest",
    sourceType: "module",
    allowSuperOutsideMethod: true,
    checkPrivateFields: false,
  };
  const asExpression = `(${source}\n)`;
  let failure: unknown;
  try {
    const node = acorn.parseExpressionAt(asExpression, 0, options) as AnyNode;
    if (isFunction(node) || node.type === "ClassExpression") {
      return { text: asExpression, prefix: 1, node: node as FunctionNode, method: null };
    }
  } catch (error) {
    failure = error;
  }
  const asMethod = `({${source}\n})`;
  try {
    const node = acorn.parseExpressionAt(asMethod, 0, options) as AnyNode;
    const method = node.type === "ObjectExpression" ? node.properties[0] : undefined;
    if (method?.type === "Property" && isFunction(method.value)) {
      return { text: asMethod, prefix: 2, node: method.value as FunctionNode, method };
    }
  } catch (error) {
    failure = error;
  }
  throw failure instanceof SyntaxError ? failure : new SyntaxError("Cannot read the function's text");
}

/** Whether a node is a function of any form. */
export function isFunction(node: { readonly type: string }): boolean {
  return node.type === "FunctionDeclaration" || node.type === "FunctionExpression" ||
    node.type === "ArrowFunctionExpression";
}

const SKIPPED = new Set(["type", "start", "end", "loc", "range", "raw", "regex", "value", "parent", "sourceType"]);

/** The nodes right below a node, in the order of the text. */
export function childrenOf(node: AnyNode): AnyNode[] {
  const children: AnyNode[] = [];
  const add = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(add);
    else if (typeof value === "object" && value !== null && "type" in value && "start" in value) {
      children.push(value as AnyNode);
    }
  };
  for (const [key, value] of Object.entries(node)) {
    // A property's value is a node; a literal's is not, and a template's is its text.
    if (SKIPPED.has(key) && !(key === "value" && typeof value === "object")) continue;
    add(value);
  }
  // In a shorthand `{ a }` the key and the value are one piece of text.
  const isShorthand = node.type === "Property" && node.shorthand;
  const own = isShorthand ? children.filter((child) => child !== node.key) : children;
  return own.sort((a, b) => a.start - b.start);
}
