/** Command line arguments: what all commands share on top of `parseArgs`. */
import { parseArgs } from "@std/cli/parse-args";

/** The command line can't be understood: usage is shown, exit code 2. */
export class Misuse extends Error {}

/** Parsed flags and positionals. */
export interface Flags {
  readonly positionals: readonly string[];
  flag(name: string): boolean;
  text(name: string): string | undefined;
  /** A comma-separated list; undefined when the flag is absent. */
  list(name: string): readonly string[] | undefined;
  /** Values of a flag that may be repeated. */
  all(name: string): readonly string[];
  oneOf<const T extends string>(name: string, allowed: readonly T[]): T | undefined;
  number(name: string): number | undefined;
}

/** What a command takes. */
export interface FlagSpec {
  readonly boolean?: readonly string[];
  readonly string?: readonly string[];
  readonly collect?: readonly string[];
  readonly alias?: Record<string, string>;
}

/** Parses a command's arguments. @throws {Misuse} for an unknown flag or a flag without its value */
export function parseFlags(args: readonly string[], spec: FlagSpec): Flags {
  const unknown: string[] = [];
  const parsed = parseArgs([...args], {
    boolean: [...spec.boolean ?? []],
    string: ["_", ...spec.string ?? [], ...spec.collect ?? []],
    collect: [...spec.collect ?? []],
    alias: spec.alias ?? {},
    unknown: (arg, key) => {
      if (key === undefined) return true;
      unknown.push(arg);
      return false;
    },
  }) as Record<string, unknown>;
  if (unknown.length > 0) throw new Misuse(`Unknown option ${unknown[0]}`);
  const text = (name: string): string | undefined => {
    const value = parsed[name];
    if (value === undefined) return undefined;
    if (value === "") throw new Misuse(`Option --${name} needs a value`);
    return String(value);
  };
  return {
    positionals: (parsed._ as unknown[]).map(String),
    flag: (name) => parsed[name] === true,
    text,
    list: (name) => text(name)?.split(",").map((s) => s.trim()),
    all: (name) => ((parsed[name] ?? []) as unknown[]).map(String),
    oneOf: <const T extends string>(name: string, allowed: readonly T[]) => {
      const value = text(name);
      if (value === undefined) return undefined;
      if (!(allowed as readonly string[]).includes(value)) {
        throw new Misuse(`Option --${name} must be one of ${allowed.join(", ")}, met ${value}`);
      }
      return value as T;
    },
    number: (name) => {
      const value = text(name);
      if (value === undefined) return undefined;
      const n = Number(value);
      if (!Number.isFinite(n)) throw new Misuse(`Option --${name} must be a number, met ${value}`);
      return n;
    },
  };
}
