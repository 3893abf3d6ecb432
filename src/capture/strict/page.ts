/**
 * Reads functions where there is no inspector, as in a page: their text is known, but not what they capture. Names of this
 * library and of the language are the only ones that a function may use from outside.
 */
import { CaptureError } from "../../ir/mod.ts";
import { parseFunction } from "./parse.ts";
import type { FunctionSource, SourceReader } from "./prepare.ts";
import type { Callable, Place } from "./refusal.ts";
import { analyse } from "./scope.ts";

/** Reads functions by their text alone. */
export class PageReader implements SourceReader {
  private readonly own: ReadonlyMap<string, unknown>;

  /** @param own what models import from this library, by name */
  constructor(own: Readonly<Record<string, unknown>>) {
    this.own = new Map(Object.entries(own));
  }

  /** @throws {CaptureError} naming what the function captures */
  read(fn: Callable): Promise<FunctionSource> {
    const text = Function.prototype.toString.call(fn);
    const place = (position: number): Place => {
      const before = text.slice(0, Math.max(position, 0)).split("\n");
      return {
        file: fn.name || "function",
        line: before.length,
        code: text.split("\n")[before.length - 1]?.trim() ?? "",
      };
    };
    const free = [...analyse(parseFunction(text).node).free];
    const captured = free.filter((name) => !this.own.has(name) && !(name in globalThis) && name !== "undefined");
    if (captured.length > 0 && captured.some((name) => name !== "arguments")) {
      throw new CaptureError(
        `The function ${fn.name} uses ${captured.join(", ")} from outside, which can't be read here`,
        { hint: "Keep them in fields of the module, or capture the model with Deno" },
      );
    }
    return Promise.resolve({
      text,
      owner: "user",
      names: new Map(free.flatMap((name) => this.own.has(name) ? [[name, this.own.get(name)] as const] : [])),
      place,
      compile: (rewritten, parameters) =>
        new Function(...parameters, `"use strict"; return ${rewritten}\n;`) as ReturnType<FunctionSource["compile"]>,
    });
  }
}
