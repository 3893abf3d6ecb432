/**
 * The stack of the user's program at a call, of what the engine tells about it. Frames of this library are left out. The
 * engine gives positions in the file as it was written, also where it runs compiled code.
 */
import type { SourceLine } from "../ir/mod.ts";

/** A line whose text is read later. */
export interface UnreadLine extends SourceLine {
  /** Path of the file, or its URL. */
  readonly file: string;
  /** Empty until it was read. */
  code: string;
}

/** A line of the user's program that was running. */
export interface Frame extends UnreadLine {
  /** The function's name; empty at a file's top level. */
  readonly name: string;
}

const LIBRARY = new URL("../", import.meta.url).href;
const FRAME = /^\s*at (?:(?:async )?(.*?) \()?((?:[a-z][\w+.-]*:\/\/|\/|[A-Za-z]:[\\/]).*?):(\d+):\d+\)?$/;
const DEPTH = 64;

/** The frames that are running now, outermost first. */
export function framesNow(): Frame[] {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = DEPTH;
  const { stack = "" } = new Error();
  Error.stackTraceLimit = limit;
  const frames: Frame[] = [];
  for (const text of stack.split("\n")) {
    const match = FRAME.exec(text);
    if (!match) continue;
    const [, name = "", url, line] = match;
    if (url.startsWith(LIBRARY)) {
      // What called the library's own entry is the user's driver, not the model.
      if (/[/\\]capture[/\\]capture\.ts$/.test(url)) break;
      continue;
    }
    if (/^(?:ext|node|npm|jsr):/.test(url)) continue;
    frames.push({ file: pathOf(url), line: Number(line), name: functionName(name), code: "" });
  }
  return frames.reverse();
}

/** As Python prints a stack, with the text of the lines that are known. */
export function traceText(frames: readonly Frame[]): string {
  return frames.map(({ file, line, name, code }) =>
    `File "${file}", line ${line}, in ${name || "<module>"}\n    ${code}`
  ).join("\n  ");
}

/** Paths are printed as such; other URLs as they are. */
export function pathOf(url: string): string {
  return url.startsWith("file:") ? decodeURIComponent(new URL(url).pathname) : url;
}

/** `MLPModel.forward [as call]` and `Object.forward` are `forward`. */
function functionName(text: string): string {
  return text.replace(/ \[as .*\]$/, "").replace(/^.*\./, "").replace(/^(?:new|async) /, "");
}

/** Reads the text of lines; what can't be read stays empty. */
export async function readLines(lines: Iterable<UnreadLine>): Promise<void> {
  await Promise.all([...Map.groupBy(lines, ({ file }) => file)].map(async ([file, lines]) => {
    const texts = (await textOf(urlOf(file)) ?? "").split(/\r?\n/);
    for (const line of lines) line.code = texts[line.line - 1]?.trim() ?? "";
  }));
}

/** Where a file can be read that frames name: the inverse of {@linkcode pathOf}. */
function urlOf(file: string): string {
  return file.startsWith("/") ? `file://${encodeURI(file).replace(/[?#]/g, encodeURIComponent)}` : file;
}

/** The text of a file; null where it can't be read. */
export async function textOf(url: string): Promise<string | null> {
  try {
    const response = await fetch(url);
    return response.ok ? await response.text() : null;
  } catch {
    return null;
  }
}
