/**
 * `parseArgs` with the signature and results of `jsr:@std/cli/parse-args`, over npm's getopts. An ES module was chosen
 * because loading the first CommonJS one takes Deno as long as an empty program takes in all. getopts differs in what is
 * evened out here: it negates every `--no-x`, takes `--x=false` of a boolean for true, joins repeated flags unasked,
 * reports absent flags as empty, and looks names up in plain objects.
 *
 * Known leftovers: a short flag takes the letters behind it as its value where it is no boolean, `-` is never a value,
 * `--a.b` makes no nested object, and `unknown` is told of positional arguments after the flags.
 *
 * @module
 */
// @ts-types="./getopts.d.ts"
import getopts from "getopts";

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

type Flags<
  TBooleans extends string,
  TStrings extends string,
  TCollectable extends string,
  TDefault,
> =
  & { [K in TBooleans]: boolean }
  & { [K in Exclude<TStrings, TCollectable | keyof TDefault | "_">]?: string }
  & {
    [K in Extract<TStrings, keyof TDefault>]:
      | string
      | TDefault[K & keyof TDefault];
  }
  & { [K in Extract<TStrings, TCollectable>]: string[] };

/** The value returned from {@linkcode parseArgs}. */
export type Args<TFlags = Record<string, unknown>> =
  & Record<string, unknown>
  & TFlags
  & {
    /** The arguments that belong to no flag. */
    _: Array<string | number>;
    /** The arguments after `--`, where asked for. */
    "--"?: string[];
  };

/** Before each name: no argument can contain it, so a name neither starts with `no-` nor is one of an object's own. */
const MARK = "\0";

/** Single letters stay: getopts takes them out of groups such as `-abc`. */
function mark(name: string): string {
  return name.length === 1 ? name : MARK + name;
}

function unmark(name: string): string {
  return name.startsWith(MARK) ? name.slice(1) : name;
}

function list(names: Names<string> | undefined): string[] {
  return names === undefined ? [] : [names].flat() as string[];
}

/** The value of a flag that was not given, which getopts would report as empty. */
const ABSENT = Symbol("absent");

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
    for (const name of group) {
      aliases.set(
        name,
        group.filter((other) => other !== name),
      );
    }
  }
  const withAliases = (names: Names<string> | undefined): string[] =>
    list(names).flatMap((name) => [name, ...(aliases.get(name) ?? [])]);
  const negatable = new Set(withAliases(options.negatable));
  const collect = new Set(withAliases(options.collect));
  const booleans = new Set(withAliases(options.boolean));
  const strings = new Set(withAliases(options.string));
  const defaults = Object.entries(options.default ?? {});
  const preset = new Set(withAliases(defaults.map(([name]) => name)));
  const clash = [...collect].find((name) => booleans.has(name));
  if (clash !== undefined) {
    throw new TypeError(
      `Cannot collect the boolean flag --${clash}: not supported`,
    );
  }

  const end = args.indexOf("--");
  const before = end < 0 ? args : args.slice(0, end);
  const after = end < 0 ? [] : args.slice(end + 1);
  const { unknown, stopEarly = false } = options;
  const { marked, from } = markAll(before, booleans, negatable);
  const parsed = getopts(marked, {
    alias: Object.fromEntries(
      [...aliases].map(([key, names]) => [mark(key), names.map(mark)]),
    ),
    boolean: [...booleans].map(mark),
    string: [...strings].map(mark),
    default: Object.fromEntries([
      ...[...strings, ...collect].filter((name) => !preset.has(name)).map((
        name,
      ) => [mark(name), ABSENT]),
      ...defaults.map(([name, value]) => [mark(name), value]),
    ]),
    stopEarly,
    unknown: (name: string) => {
      const key = unmark(name);
      const arg = before.find((arg) => arg.length > 1 && arg.startsWith("-") && namesIn(arg).includes(key));
      return unknown?.(arg ?? key, key, arg?.split("=", 2)[1] ?? true) !==
        false;
    },
  });

  const flags = new Map<string, unknown>();
  for (const [name, value] of Object.entries(parsed)) {
    const key = unmark(name);
    if (key === "_") continue;
    const values = Array.isArray(value) ? value : [value];
    if (value !== ABSENT) {
      flags.set(key, collect.has(key) ? values : values.at(-1));
    } else if (collect.has(key) && strings.has(key)) flags.set(key, []);
  }
  // What follows the first positional argument was marked in vain.
  const rest: readonly string[] = stopEarly ? before.slice(from[marked.length - parsed._.length]) : parsed._;
  const known = unknown === undefined ? rest : rest.filter((arg) => unknown(arg) !== false);
  const positionals = options["--"] ? known : [...known, ...after];
  const result = {
    _: strings.has("_") ? positionals : positionals.map((arg) => NUMBER.test(arg) ? Number(arg) : arg),
    ...(options["--"] ? { "--": after } : {}),
    ...Object.fromEntries(flags),
  };
  return result as Args<Flags<TBooleans, TStrings, TCollectable, TDefault>>;
}

const NUMBER = /^(0x[0-9a-f]+|[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?)$/i;

/** Marks the names of long flags, and writes what sets a boolean as `--x` or `--no-x`. `from` tells where each was. */
function markAll(
  args: readonly string[],
  booleans: ReadonlySet<string>,
  negatable: ReadonlySet<string>,
): { marked: string[]; from: number[] } {
  const marked: string[] = [];
  const from: number[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    const [, name, value] = /^--([^=]+)(?:=(.*))?$/s.exec(arg) ?? [];
    from.push(i);
    if (name === undefined) marked.push(arg);
    else if (booleans.has(name)) {
      const said = value ??
        (args[i + 1] === "true" || args[i + 1] === "false" ? args[++i] : "true");
      marked.push(said === "false" ? `--no-${mark(name)}` : `--${mark(name)}`);
    } else if (
      value === undefined && name.startsWith("no-") &&
      negatable.has(name.slice(3))
    ) {
      marked.push(`--no-${mark(name.slice(3))}`);
    } else {marked.push(
        value === undefined ? `--${mark(name)}` : `--${mark(name)}=${value}`,
      );}
  }
  from.push(args.length);
  return { marked, from };
}

/** The names that an argument may set. */
function namesIn(arg: string): string[] {
  return arg.startsWith("--") ? [arg.slice(2).split("=", 1)[0]] : arg.slice(1).split("");
}
