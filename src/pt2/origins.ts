/** Where nodes come from, of what archives record about them. */
import { type FxArg, operatorText } from "../fx/mod.ts";
import { formatCall } from "../fx/print.ts";
import type { ModuleScope, Origin } from "../ir/mod.ts";

/** The origin of a node of an archive. Its text shows the node as it was loaded, whatever becomes of the graph. */
export class ArchiveOrigin implements Origin {
  readonly node: string;
  readonly modules: readonly ModuleScope[];
  readonly stackTrace: string;
  /** Users of the node when the graph was complete. */
  users = 0;
  private readonly call: {
    readonly name: string;
    readonly target: string;
    readonly args: readonly FxArg[];
    readonly kwargs: ReadonlyMap<string, FxArg>;
  };

  constructor(call: ArchiveOrigin["call"], modules: readonly ModuleScope[], stackTrace: string) {
    this.call = call;
    this.node = call.name;
    this.modules = modules;
    this.stackTrace = stackTrace;
  }

  get target(): string {
    return operatorText(this.call.target);
  }

  get text(): string {
    return formatCall(this.call, this.users);
  }
}

/** Reads module stacks; most nodes share theirs with others. */
export class ModuleStacks {
  private readonly known: Map<string, readonly ModuleScope[]> = new Map();
  /** Whether a stack could not be read: module names with commas or semicolons make the text ambiguous. */
  ambiguous = false;

  /** `L__self__,,__main__.M;L__self__lin,lin,torch.nn.modules.linear.Linear`, outermost module first. */
  read(text: string | undefined): readonly ModuleScope[] {
    if (!text) return [];
    let modules = this.known.get(text);
    if (modules === undefined) {
      modules = parseStack(text);
      if (modules.length === 0) this.ambiguous = true;
      this.known.set(text, modules);
    }
    return modules;
  }
}

function parseStack(text: string): ModuleScope[] {
  const scopes: ModuleScope[] = [];
  for (const entry of text.split(";")) {
    const parts = splitOutsideBrackets(entry);
    if (parts.length !== 3) return [];
    scopes.push({ path: parts[1], className: parts[2] });
  }
  return scopes;
}

function splitOutsideBrackets(text: string): string[] {
  const parts: string[] = [];
  let depth = 0, start = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === "(" || c === "[") depth++;
    else if (c === ")" || c === "]") depth--;
    else if (c === "," && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  return [...parts, text.slice(start)];
}
