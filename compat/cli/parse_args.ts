/**
 * `parseArgs` with the signature and results of `jsr:@std/cli/parse-args`, over npm's minimist, from which the
 * original descends. minimist differs in three ways that are evened out here: it negates every `--no-x`, it collects
 * repeated flags unasked, and it tells `unknown` only the argument.
 *
 * Known leftovers: a lone `-` or an empty string after a flag is taken as the flag's value.
 *
 * @module
 */
// @ts-types="./minimist.d.ts"
import minimist from "minimist";

type Names<T extends string> = T | readonly T[];

/** Options for {@linkcode parseArgs}. */
export interface ParseOptions<
  TBooleans extends string = never,
  TStrings extends string = never,
  TCollectable extends string = never,
  TDefault extends Record<string, unknown> = Record<never, never>,
> {
  /** Puts what follows `--` into the result's `"--"` instead of `_`. */
  "--"?: boolean;
  /** Other names of flags. */
  alias?: Record<string, string | readonly string[]>;
  /** Flags without a value; `false` unless given. */
  boolean?: Names<TBooleans>;
  /** Values of flags that are not given. */
  default?: TDefault;
  /** Ends parsing at the first positional argument. */
  stopEarly?: boolean;
  /** Flags whose value is kept as text; `"_"` keeps positional arguments as text. */
  string?: Names<TStrings>;
  /** Flags that may be repeated; their result is an array. */
  collect?: Names<TCollectable>;
  /** Flags that `--no-x` sets to `false`. */
  negatable?: Names<string>;
  /** Called for each argument that is not declared; `false` leaves it out of the result. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

type Flags<TBooleans extends string, TStrings extends string, TCollectable extends string, TDefault> =
  & { [K in TBooleans]: boolean }
  & { [K in Exclude<TStrings, TCollectable | keyof TDefault | "_">]?: string }
  & { [K in Extract<TStrings, keyof TDefault>]: string | TDefault[K & keyof TDefault] }
  & { [K in Extract<TStrings, TCollectable>]: string[] };

/** The value returned from {@linkcode parseArgs}. */
export type Args<TFlags = Record<string, unknown>> = Record<string, unknown> & TFlags & {
  /** The arguments that belong to no flag. */
  _: Array<string | number>;
  /** The arguments after `--`, where asked for. */
  "--"?: string[];
};

// minimist cannot be told to leave `--no-x` alone, so such names travel with a mark that no argument can contain.
const MARK = "\0";

function mark(name: string): string {
  return name.startsWith("no-") ? MARK + name : name;
}

function unmark(name: string): string {
  return name.startsWith(MARK) ? name.slice(1) : name;
}

function list(names: Names<string> | undefined): string[] {
  return names === undefined ? [] : [names].flat() as string[];
}

/**
 * Parses command line arguments.
 *
 * @example Usage
 * ```ts
 * import { parseArgs } from "@std/cli/parse-args";
 *
 * const { verify, output, _ } = parseArgs(["a.pt2", "-o", "a.onnx", "--verify"], {
 *   boolean: ["verify"],
 *   string: ["output", "_"],
 *   alias: { output: "o" },
 * });
 * ```
 */
export function parseArgs<
  const TBooleans extends string = never,
  const TStrings extends string = never,
  const TCollectable extends string = never,
  TDefault extends Record<string, unknown> = Record<never, never>,
>(
  args: readonly string[],
  options: ParseOptions<TBooleans, TStrings, TCollectable, TDefault> = {},
): Args<Flags<TBooleans, TStrings, TCollectable, TDefault>> {
  const aliases = new Map<string, string[]>();
  for (const [key, value] of Object.entries(options.alias ?? {})) {
    const group = [key, ...[value].flat()] as string[];
    for (const name of group) aliases.set(name, group.filter((other) => other !== name));
  }
  const withAliases = (names: Names<string> | undefined): string[] =>
    list(names).flatMap((name) => [name, ...(aliases.get(name) ?? [])]);
  const negatable = new Set(withAliases(options.negatable));
  const collect = new Set(withAliases(options.collect));
  const booleans = new Set(withAliases(options.boolean));
  const strings = new Set(withAliases(options.string));
  const declared = new Set([...booleans, ...strings, ...collect, ...aliases.keys()]);
  const clash = [...collect].find((name) => booleans.has(name));
  if (clash !== undefined) throw new TypeError(`Cannot collect the boolean flag --${clash}: not supported`);

  const end = args.indexOf("--");
  const marked = args.map((arg, i) => {
    if (!arg.startsWith("--no-") || (end >= 0 && i >= end)) return arg;
    return !arg.includes("=") && negatable.has(arg.slice(5)) ? arg : `--${MARK}${arg.slice(2)}`;
  });

  const unknown = options.unknown;
  const argv = minimist(marked, {
    "--": options["--"],
    alias: Object.fromEntries([...aliases].map(([key, names]) => [mark(key), names.map(mark)])),
    boolean: [...booleans].map(mark),
    string: [...strings].map(mark),
    stopEarly: options.stopEarly,
    unknown: unknown && ((markedArg) => {
      const arg = markedArg.replace(MARK, "");
      const match = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(arg);
      if (match === null) return unknown(arg) !== false;
      // Declared by `collect` alone: minimist does not know the name, its user does.
      if (declared.has(match[1])) return true;
      return unknown(arg, match[1], match[2] ?? true) !== false;
    }),
  });

  const result: Record<string, unknown> = { _: argv._ };
  if (argv["--"] !== undefined) result["--"] = argv["--"];
  const given = new Set(Object.keys(argv).map(unmark));
  for (const [name, value] of Object.entries(argv)) {
    const key = unmark(name);
    if (key === "_" || key === "--") continue;
    const values = Array.isArray(value) ? value : [value];
    result[key] = collect.has(key) ? values : values[values.length - 1];
  }
  // minimist reports an absent boolean as `false`, so whether one was given is asked of the arguments.
  for (const [key, value] of Object.entries(options.default ?? {})) {
    const names = [key, ...(aliases.get(key) ?? [])];
    const absent = booleans.has(key) ? !names.some((name) => occurs(marked, end, name)) : !given.has(key);
    if (absent) { for (const name of names) result[name] = value; }
  }
  for (const key of strings) {
    if (collect.has(key) && !(key in result)) result[key] = [];
  }
  return result as Args<Flags<TBooleans, TStrings, TCollectable, TDefault>>;
}

function occurs(args: readonly string[], end: number, name: string): boolean {
  return (end < 0 ? args : args.slice(0, end)).some((arg) => {
    if (name.length === 1 && /^-[^-]/.test(arg)) return arg.includes(name);
    return arg === `--${mark(name)}` || arg === `--no-${name}` || arg.startsWith(`--${mark(name)}=`);
  });
}
