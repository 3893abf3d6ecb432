/**
 * Command line arguments. A command states its flags once, as a table: parsing, help, completions and the types under
 * `flags.text("output")` all come from that table, so none of them can go out of date.
 */
import { parseArgs } from "@std/cli/parse-args";

/** The command line can't be understood: exit code 2. */
export class Misuse extends Error {
  /** What was met where one of the candidates was meant: the nearest is suggested. */
  readonly near: { readonly met: string; readonly candidates: readonly string[] } | null;

  constructor(message: string, near: Misuse["near"] = null) {
    super(message);
    this.near = near;
  }
}

/** A flag of a command. */
export interface Flag {
  /** Without the dashes. */
  readonly name: string;
  /** Another name; one letter is written with one dash. */
  readonly alias?: string;
  /** What its value is called in help. `FILE` and `DIR` are completed as such. A flag without it takes no value. */
  readonly value?: string;
  /** The values that are allowed; any other is misuse. */
  readonly allowed?: readonly string[];
  /** What it is for, without a period. */
  readonly about: string;
  /** What holds without it, for help. */
  readonly default?: string;
  /** Whether it may be given several times: see `Flags.all`. */
  readonly repeatable?: boolean;
}

type Name<F extends Flag> = F["name"];
type Valued<F extends Flag> = Extract<F, { readonly value: string }>;
type OneOf<F extends Flag> = Extract<F, { readonly allowed: readonly string[] }>;
type Allowed<F extends Flag, N> = Extract<OneOf<F>, { readonly name: N }>["allowed"][number];

/** Parsed flags and positionals. */
export interface Flags<F extends Flag = Flag> {
  readonly positionals: readonly string[];
  flag(name: Name<F>): boolean;
  text(name: Name<Valued<F>>): string | undefined;
  /** A comma-separated list; undefined when the flag is absent. */
  list(name: Name<Valued<F>>): readonly string[] | undefined;
  /** Values of a flag that may be repeated. */
  all(name: Name<Valued<F>>): readonly string[];
  /** One of the values that the table allows. */
  oneOf<N extends Name<OneOf<F>>>(name: N): Allowed<F, N> | undefined;
  number(name: Name<Valued<F>>): number | undefined;
}

/** What stands on a command line beside flags. */
export interface Operands {
  /** What one is called in messages: `input`. */
  readonly what: string;
  readonly min: number;
  readonly max: number;
  /** Endings of files that are completed, without the dot. */
  readonly files?: readonly string[];
  /** The values that are allowed, where they aren't files. */
  readonly allowed?: readonly string[];
}

/** Flags that every command has. */
export const COMMON = [
  { name: "json", about: "one JSON object per input on stdout, nothing else" },
  { name: "verbose", about: "more detail, and where errors come from" },
] as const satisfies readonly Flag[];

/** The flag of commands whose result is a file or the exit code. */
export const QUIET = { name: "quiet", about: "prints only errors and warnings" } as const satisfies Flag;

/** What a command is made of. */
export interface CommandInit<F extends Flag> {
  readonly name: string;
  /** What follows the command's name in its usage line. */
  readonly synopsis: string;
  /** What it does, without a period. */
  readonly about: string;
  /** Further paragraphs of its help. */
  readonly details?: readonly string[];
  readonly operands: Operands;
  readonly flags: readonly F[];
  /** Arguments after the command's name, and what they do. */
  readonly examples: readonly (readonly [args: string, what: string])[];
  /** Returns the exit code. */
  run(flags: Flags<F>): Promise<number>;
}

/** A command. */
export interface Command extends Omit<CommandInit<Flag>, "run"> {
  /** Parses the arguments after the command's name and runs the command; returns the exit code. @throws {Misuse} */
  start(args: readonly string[]): Promise<number>;
}

/** Makes a command. What it throws is told, and then its exit code is 1. */
export function defineCommand<const F extends Flag>(init: CommandInit<F>): Command {
  const { run, ...rest } = init;
  const start = async (args: readonly string[]): Promise<number> => {
    const flags = parseFlags(args, init);
    try {
      return await run(flags);
    } catch (error) {
      if (error instanceof Misuse) throw error;
      const [{ showError }, { printJsonError }] = await Promise.all([import("./errors.ts"), import("./json.ts")]);
      const common: Flags = flags;
      if (common.flag("json")) printJsonError(flags.positionals[0] ?? null, error);
      showError(error, { verbose: common.flag("verbose") });
      return 1;
    }
  };
  return { ...rest, start };
}

/** How a flag is written: `-o` or `--output`. */
export function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}

/** Parses a command's arguments. @throws {Misuse} for what the tables don't have */
export function parseFlags<F extends Flag>(
  args: readonly string[],
  { flags, operands }: { readonly flags: readonly F[]; readonly operands: Operands },
): Flags<F> {
  const valued = flags.filter((flag) => flag.value !== undefined);
  const unknown: string[] = [];
  const parsed = parseArgs([...args], {
    boolean: flags.filter((flag) => flag.value === undefined).map((flag) => flag.name),
    string: ["_", ...valued.map((flag) => flag.name)],
    collect: valued.filter((flag) => flag.repeatable).map((flag) => flag.name),
    alias: Object.fromEntries(flags.flatMap(({ name, alias }) => alias === undefined ? [] : [[name, alias]])),
    unknown: (arg, key) => {
      if (key === undefined) return true;
      unknown.push(arg.split("=", 1)[0]);
      return false;
    },
  }) as Record<string, unknown>;
  if (unknown.length > 0) {
    const candidates = [...flags.flatMap(({ name, alias }) => [name, ...alias === undefined ? [] : [alias]]), "help"];
    throw new Misuse(`Unknown option ${unknown[0]}`, { met: unknown[0], candidates: candidates.map(dashed) });
  }
  const values = (name: string): readonly string[] => {
    const value = parsed[name];
    return value === undefined ? [] : [value].flat().map(String);
  };
  for (const { name, allowed } of valued) {
    for (const value of values(name)) {
      if (value === "") throw new Misuse(`Option --${name} needs a value`);
      if (allowed) checkAllowed(`Option --${name}`, value, allowed);
    }
  }
  const positionals = values("_");
  checkOperands(positionals, operands);
  const text = (name: string): string | undefined => values(name).at(-1);
  return {
    positionals,
    flag: (name) => parsed[name] === true,
    text,
    list: (name) => text(name)?.split(",").map((s) => s.trim()),
    all: values,
    oneOf: <N extends Name<OneOf<F>>>(name: N) => text(name) as Allowed<F, N> | undefined,
    number: (name) => {
      const value = text(name);
      if (value === undefined) return undefined;
      const n = Number(value);
      if (!Number.isFinite(n)) throw new Misuse(`Option --${name} must be a number, met ${value}`);
      return n;
    },
  };
}

function checkAllowed(what: string, met: string, allowed: readonly string[]): void {
  if (allowed.includes(met)) return;
  throw new Misuse(`${what} must be one of ${allowed.join(", ")}, met ${met}`, { met, candidates: allowed });
}

function checkOperands(given: readonly string[], { what, min, max, allowed }: Operands): void {
  const article = (count: number): string => count === 1 ? `one ${what}` : `${count} ${what}s`;
  if (given.length === 0 && min > 0) throw new Misuse(`No ${what} is given`);
  if (given.length < min) throw new Misuse(`${article(min)} are needed, met only ${given.join(" ")}`);
  if (given.length > max) throw new Misuse(`Only ${article(max)} can be given, met also ${given[max]}`);
  if (allowed) { for (const one of given) checkAllowed(`The ${what}`, one, allowed); }
}

/** An option that is left out where it is undefined. */
export function optional<const K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : { [name]: value } as { [P in K]?: V };
}

/**
 * A tolerance: one number, or numbers by dtype, `float16=1e-2,float32=1e-4`.
 *
 * @param items what the flag `name` was given, at its commas
 * @throws {Misuse} for what is neither; which dtypes there are is checked where they are used
 */
export function toleranceOf(
  name: string,
  items: readonly string[] | undefined,
): number | Readonly<Record<string, number>> | undefined {
  if (!items) return undefined;
  const number = (text: string): number => {
    const n = Number(text);
    if (text === "" || !(n >= 0)) throw new Misuse(`Option --${name} must be a number of at least 0, met ${text}`);
    return n;
  };
  if (items.length === 1 && !items[0].includes("=")) return number(items[0]);
  const byDType: Record<string, number> = {};
  for (const item of items) {
    const match = /^(\w+)=(.+)$/.exec(item);
    if (!match) throw new Misuse(`Option --${name} must be a number or DTYPE=NUMBER,…, met ${item}`);
    byDType[match[1]] = number(match[2]);
  }
  return byDType;
}
