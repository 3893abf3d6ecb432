/**
 * Makes damaged archives of good ones: the JSON of an archive is changed in its text, span by span, so that all else stays
 * to the character, and the archive is put together again with right checksums. What the zip's own checks don't see has to
 * be found by those that come after them.
 */
import { bytesSource } from "../../src/io/source.ts";
import { MemorySink } from "../../src/io/sink.ts";
import { readZipDirectory } from "../../src/io/zip.ts";
import { ZipWriter } from "../../src/io/zip_writer.ts";

/** The content of an archive by entry name, in order. */
export type Entries = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

/** Takes an archive apart. */
export async function readEntries(bytes: Uint8Array): Promise<Entries> {
  const zip = await readZipDirectory(bytesSource(bytes));
  const entries = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const entry of zip.entries.values()) entries.set(entry.name, new Uint8Array(await zip.read(entry)));
  return entries;
}

/** Puts an archive together. */
export async function writeEntries(entries: Entries): Promise<Uint8Array<ArrayBuffer>> {
  const sink = new MemorySink();
  const zip = new ZipWriter(sink);
  for (const [name, content] of entries) await zip.add(name, content);
  await zip.finish();
  return sink.bytes();
}

/** The only entry whose name ends so. */
export function entryName(entries: Entries, end: string): string {
  const names = [...entries.keys()].filter((name) => name.endsWith(end));
  if (names.length !== 1) throw new Error(`${names.length} entries end with ${end}`);
  return names[0];
}

/** An archive with the text of one entry replaced. */
export async function withText(entries: Entries, name: string, text: string): Promise<Uint8Array<ArrayBuffer>> {
  return await writeEntries(new Map([...entries, [name, new TextEncoder().encode(text)]]));
}

/** A value in a JSON text. */
export interface Span {
  readonly start: number;
  readonly end: number;
  /** Keys and indices from the root. */
  readonly path: string;
  readonly kind: "object" | "list" | "string" | "number" | "word";
  /** The span with its key and one comma beside it: what is left out when the value is. */
  readonly outer: readonly [start: number, end: number];
}

/** Every value in a JSON text, outermost first. The text must be well formed. */
export function spansOf(text: string): Span[] {
  const spans: Span[] = [];
  let at = 0;
  const blank = (): void => {
    while (/\s/.test(text[at] ?? "")) at++;
  };
  const string = (): string => {
    const start = at++;
    for (; text[at] !== '"'; at++) if (text[at] === "\\") at++;
    return text.slice(start + 1, at++);
  };
  const value = (path: string): void => {
    blank();
    const [start, index, open] = [at, spans.length, text[at]];
    spans.push(null!);
    if (open === "{" || open === "[") {
      at++;
      blank();
      for (let i = 0; text[at] !== "}" && text[at] !== "]"; i++) {
        const from = at;
        let key = String(i);
        if (open === "{") {
          key = string();
          blank();
          at++;
        }
        const child = spans.length;
        value(`${path}/${key}`);
        blank();
        const hasMore = text[at] === ",";
        // Without a comma after it, the one before it goes.
        const first = hasMore || i === 0 ? from : text.lastIndexOf(",", from);
        if (hasMore) at++;
        spans[child] = { ...spans[child], outer: [first, at] };
        blank();
      }
      at++;
    } else if (open === '"') string();
    else while (/[^\s,\]}]/.test(text[at] ?? "")) at++;
    const kind = open === "{"
      ? "object"
      : open === "["
      ? "list"
      : open === '"'
      ? "string"
      : /[tfn]/.test(open)
      ? "word"
      : "number";
    spans[index] = { start, end: at, path, kind, outer: [start, at] };
  };
  value("");
  return spans;
}

/** Values of every kind, and some of absurd size. */
export const REPLACEMENTS: readonly string[] = [
  "null",
  "true",
  "0",
  "-1",
  "1",
  "7",
  "1.5",
  "NaN",
  "1e400",
  "2147483648",
  "9007199254740993",
  "9223372036854775807",
  "-9223372036854775808",
  "340282366920938463463374607431768211456",
  '""',
  '"x"',
  '"s77"',
  '"__proto__"',
  '"constructor"',
  '"../../etc/passwd"',
  '"a\\u0000b"',
  "[]",
  "{}",
  "[[]]",
  "[null]",
  '{"as_none": true}',
  '{"as_int": 4611686018427387904}',
  '{"as_float": "NaN"}',
  '{"as_ints": [4611686018427387904, -1]}',
  '{"as_tensor": {"name": "nowhere"}}',
  '{"as_expr": {"expr_str": "Symbol(\'q\', integer=True)", "hint": null}}',
];

/** Numbers that repeat: the same mutants on every machine. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A changed text and what was changed. */
export interface Mutant {
  readonly what: string;
  readonly text: string;
}

/** A JSON text with one value replaced, left out, doubled, or exchanged for another one of the text. */
export function mutate(text: string, spans: readonly Span[], span: Span, random: () => number): Mutant {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)];
  const replace = (by: string): Mutant => ({
    what: `${span.path} = ${by.slice(0, 80)}`,
    text: text.slice(0, span.start) + by + text.slice(span.end),
  });
  const choice = random();
  if (choice < 0.4) return replace(pick(REPLACEMENTS));
  if (choice < 0.55) {
    const [start, end] = span.outer;
    return { what: `without ${span.path}`, text: text.slice(0, start) + text.slice(end) };
  }
  if (choice < 0.6) {
    const own = text.slice(...span.outer);
    const [start] = span.outer;
    const doubled = own.endsWith(",") ? own + own : own.startsWith(",") ? own + own : own;
    return { what: `${span.path} twice`, text: text.slice(0, start) + doubled + text.slice(span.outer[1]) };
  }
  if (choice < 0.7 && span.kind === "number") {
    const n = BigInt(Math.trunc(Number(text.slice(span.start, span.end)) || 0));
    return replace(String(pick([n + 1n, n - 1n, -n, n * 2n, n + 2n ** 31n, n + 2n ** 40n])));
  }
  const alike = spans.filter((s) => s.kind === span.kind);
  const other = pick(alike);
  return replace(text.slice(other.start, other.end));
}

/** How engines word errors of their own: a message like this is a fault of the program, not of its input. */
export const ENGINE_ERROR: RegExp = new RegExp(
  [
    "Cannot (read|set) propert",
    "is not a (function|constructor|valid)",
    "is not iterable",
    "is not (an object|defined$)",
    "undefined or null",
    "of (undefined|null)\\b",
    "\\bundefined\\b",
    "Cannot (destructure|convert|mix)",
    "cannot be converted to a BigInt",
    "Invalid (array|typed array|string|array buffer|count|regular|DataView|code point)",
    "call stack",
    "allocation failed",
    "out of memory",
    "out of bounds",
    "Reduce of empty",
    "before initialization",
    "circular structure",
    "maximum size",
    "\\bNaN\\b.*\\bindex",
    "\\[object ",
  ].join("|"),
);
