/** Where a node comes from: carried by builders from the FX node to every ONNX node made of it, never by hand. */

/** One module on the stack that a node was recorded under. */
export interface ModuleScope {
  /** Attribute path from the root module: `` for the root, `layers.0.fc` for a child. */
  readonly path: string;
  /** Python class path: `torch.nn.modules.linear.Linear`. */
  readonly className: string;
}

/** Where a node comes from. */
export interface Origin {
  /** The FX node's name: `linear_1`. */
  readonly node: string;
  /** The operator as torch prints it: `aten.linear.default`. */
  readonly target: string;
  /** The FX node as torch.fx formats it. Computed when asked for. */
  readonly text: string;
  /** Outermost module first. */
  readonly modules: readonly ModuleScope[];
  /** The Python stack trace as recorded by torch.export; empty when there is none. */
  readonly stackTrace: string;
}

/** A line of the user's program. */
export interface SourceLine {
  /** Path as recorded. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** Its text; empty where it was not recorded. */
  readonly code: string;
}

/** A line as errors and warnings print it. */
export function sourceText({ file, line, code }: SourceLine): string {
  return `File "${file}", line ${line}${code ? `: ${code}` : ""}`;
}

const FRAME = /^\s*File "([^"]*)", line (\d+)(?:, in .*)?$/;
const LIBRARY = /[/\\](?:site|dist)-packages[/\\]/;
const TORCH = /[/\\](?:site|dist)-packages[/\\]torch[/\\]/;

/** The frames of a recorded stack trace, outermost first. */
export function framesOf(stackTrace: string): SourceLine[] {
  const lines = stackTrace.split(/\r?\n/);
  const frames: SourceLine[] = [];
  for (let i = 0; i < lines.length; i++) {
    const match = FRAME.exec(lines[i]);
    if (!match) continue;
    const next = lines[i + 1];
    frames.push({ file: match[1], line: Number(match[2]), code: next && !FRAME.test(next) ? next.trim() : "" });
  }
  return frames;
}

/**
 * The innermost line of the user's own code: the last frame that is not in an installed package, else the last that is
 * not in torch itself, else the last.
 */
export function userSource(origin: Origin): SourceLine | null {
  const frames = framesOf(origin.stackTrace);
  return frames.findLast((f) => !LIBRARY.test(f.file)) ?? frames.findLast((f) => !TORCH.test(f.file)) ??
    frames.at(-1) ?? null;
}
