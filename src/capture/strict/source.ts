/**
 * Finds the functions of the user's program: where they stand, what they take from outside, and how other text is run in their
 * place. The inspector tells the variables that a function captured; `node:vm` runs the rewritten text under the name and at
 * the lines of the original, so that stack traces tell the user's TypeScript.
 */
import type inspector from "node:inspector";
import type vm from "node:vm";
import { pathOf, textOf } from "../../trace/frames.ts";
import { isFunction, parseFunction } from "./parse.ts";
import type { FunctionSource, SourceReader } from "./prepare.ts";
import type { Callable, Place } from "./refusal.ts";

const HERE = "/src/capture/strict/source.ts";

/** Whether a script is a part of this library. */
function isLibrary(url: string): boolean {
  const own = import.meta.url;
  if (!own.endsWith(HERE)) return url === own;
  const root = own.slice(0, -HERE.length);
  return url.startsWith(`${root}/src/`) || url === `${root}/torch.ts` || url === `${root}/mod.ts`;
}

/** What the inspector gives for a function. */
interface Inspected {
  readonly script: string;
  /** Counted from 0. */
  readonly line: number;
  readonly column: number;
  readonly scopes: readonly Scope[];
}

/** A scope as the inspector describes it: outside of it the innermost comes first. */
interface Scope {
  readonly description: string;
  readonly object: Record<string, unknown>;
}

interface Property {
  readonly name: string;
  readonly value: { readonly objectId?: string; readonly value?: unknown };
}

/** Reads functions through the inspector of the engine that runs them. */
export class InspectorReader implements SourceReader, Disposable {
  private readonly session: inspector.Session;
  private readonly vm: typeof vm;
  private readonly scripts: Map<string, string> = new Map();
  private readonly lines: Map<string, readonly string[]> = new Map();
  /** Under this name the engine's global object lends a value to the inspector: one reader does not meet another's. */
  private readonly handle = `fx2onnx.inspected.${crypto.randomUUID()}`;

  private constructor(session: inspector.Session, machine: typeof vm) {
    this.session = session;
    this.vm = machine;
  }

  /** A reader; null where the engine has no inspector, as in a page, or does not allow its use. */
  static async open(): Promise<InspectorReader | null> {
    if (!("Deno" in globalThis || "process" in globalThis)) return null;
    try {
      const [{ default: inspector }, { default: machine }] = await Promise.all([
        import("node:inspector"),
        import("node:vm"),
      ]);
      const session = new inspector.Session();
      session.connect();
      const reader = new InspectorReader(session, machine);
      session.on("Debugger.scriptParsed", (event) => {
        const { scriptId, url } = event.params as { scriptId: string; url: string };
        reader.scripts.set(scriptId, url);
      });
      await reader.post("Debugger.enable", {});
      return reader;
    } catch {
      return null;
    }
  }

  /** Closes the inspector. */
  [Symbol.dispose](): void {
    this.session.disconnect();
  }

  private post(method: string, params: object): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      this.session.post(method, params, (error, result) => error ? reject(error) : resolve(result as never));
    });
  }

  /** What a function is, where it stands, and what it takes from outside. */
  async read(fn: Callable): Promise<FunctionSource> {
    const { script, line, column, scopes } = await this.inspect(fn);
    const text = Function.prototype.toString.call(fn);
    if (script === "" || /^(?:ext|node):/.test(script)) return nativeSource(text, "native");
    if (isLibrary(script)) return nativeSource(text, "library");
    await this.readLines(script);
    const names = new Map<string, unknown>();
    for (const { description, object } of [...scopes].reverse()) {
      if (description === "Global") continue;
      for (const [name, value] of Object.entries(object)) names.set(name, value);
    }
    const start = startOf(text, line, column);
    return {
      text,
      owner: "user",
      names,
      place: (position) => this.placeOf(script, positionAt(text, start, position)),
      compile: (rewritten, parameters) => this.compile(rewritten, parameters, script, start),
    };
  }

  /** The function behind a bound one is reached by calling it: the engine keeps it to itself. */
  private async inspect(fn: Callable): Promise<Inspected> {
    const { internalProperties = [] } = await this.propertiesOf(fn);
    const find = (name: string) => internalProperties.find((property) => property.name === name)?.value;
    const place = find("[[FunctionLocation]]")?.value as
      | { scriptId: string; lineNumber: number; columnNumber: number }
      | undefined;
    if (!place) return { script: "", line: 0, column: 0, scopes: [] };
    const handle = find("[[Scopes]]")?.objectId;
    const scopes = handle === undefined ? [] : await this.valueOf<Record<number, Scope>>(handle);
    return {
      script: this.scripts.get(place.scriptId) ?? "",
      line: place.lineNumber,
      column: place.columnNumber,
      scopes: Object.values(scopes),
    };
  }

  private async propertiesOf(fn: Callable): Promise<{ internalProperties?: readonly Property[] }> {
    const globals = globalThis as Record<PropertyKey, unknown>;
    globals[Symbol.for(this.handle)] = fn;
    try {
      const { result } = await this.post("Runtime.evaluate", {
        expression: `globalThis[Symbol.for("${this.handle}")]`,
      });
      const { objectId } = result as { objectId: string };
      return await this.post("Runtime.getProperties", { objectId, ownProperties: true });
    } finally {
      delete globals[Symbol.for(this.handle)];
    }
  }

  /** The object that the inspector has a handle of. */
  private async valueOf<T>(objectId: string): Promise<T> {
    const globals = globalThis as Record<PropertyKey, unknown>;
    let value: T | undefined;
    globals[Symbol.for(this.handle)] = (given: T) => value = given;
    try {
      const functionDeclaration = `function () { globalThis[Symbol.for("${this.handle}")](this); }`;
      await this.post("Runtime.callFunctionOn", { objectId, functionDeclaration });
      return value as T;
    } finally {
      delete globals[Symbol.for(this.handle)];
    }
  }

  /** Reads the text of a file, so that lines of it can be shown. */
  private async readLines(url: string): Promise<void> {
    if (this.lines.has(url)) return;
    // A file that can't be read is named without its lines.
    this.lines.set(url, (await textOf(url) ?? "").split(/\r?\n/));
  }

  /** The place in the user's file of a position in the script that the engine runs. */
  private placeOf(url: string, [line, column]: Position): Place {
    const options = { filename: url, lineOffset: line, columnOffset: column };
    const stack = String(new this.vm.Script("new Error().stack", options).runInThisContext());
    const match = /:(\d+):\d+\)?$/m.exec(stack.split("\n")[1] ?? "");
    const at = match ? Number(match[1]) : line + 1;
    return {
      file: pathOf(url),
      line: at,
      code: this.lines.get(url)?.[at - 1]?.trim() ?? "",
    };
  }

  private compile(
    text: string,
    parameters: readonly string[],
    url: string,
    [line, column]: Position,
  ): (...values: readonly unknown[]) => unknown {
    const head = `(function (${parameters.join(", ")}) { "use strict"; return `;
    const options = { filename: url, lineOffset: line, columnOffset: column - head.length };
    return new this.vm.Script(`${head}${text}\n})`, options).runInThisContext() as (
      ...values: readonly unknown[]
    ) => unknown;
  }
}

function nativeSource(text: string, owner: "library" | "native"): FunctionSource {
  return {
    text,
    owner,
    names: new Map(),
    place: () => ({ file: "", line: 0, code: "" }),
    compile: () => {
      throw new TypeError("A function that is not the user's is not compiled");
    },
  };
}

/** A line and a column, both counted from 0. */
type Position = readonly [line: number, column: number];

/** Where a function's text starts. The engine tells where its parameters do. */
function startOf(text: string, line: number, column: number): Position {
  const { text: parsed, prefix, node } = parseFunction(text);
  if (!isFunction(node)) return [line, column];
  const isArrow = node.type === "ArrowFunctionExpression";
  const anchor = isArrow ? (parsed.slice(prefix).match(/^async\s*/)?.[0].length ?? 0) : openParenthesis(parsed, prefix);
  const before = text.slice(0, anchor).split("\n");
  return [line - (before.length - 1), before.length === 1 ? column - anchor : 0];
}

/** The parenthesis before the parameters: the first one that does not stand in a computed name. */
function openParenthesis(parsed: string, prefix: number): number {
  let depth = 0;
  for (let i = prefix; i < parsed.length; i++) {
    if (parsed[i] === "[") depth++;
    else if (parsed[i] === "]") depth--;
    else if (parsed[i] === "(" && depth === 0) return i - prefix;
  }
  return 0;
}

function positionAt(text: string, [line, column]: Position, position: number): Position {
  const before = text.slice(0, Math.max(position, 0)).split("\n");
  const last = before[before.length - 1].length;
  return [line + before.length - 1, before.length === 1 ? column + last : last];
}
