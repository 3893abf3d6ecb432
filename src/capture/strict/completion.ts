/** How a list of statements ends: nothing for its end, or an exit by `return`, `break` or `continue`. */

/** Where an exit leads: `return`, or a loop or other statement by number. */
export type ExitKey = "return" | `break ${number}` | `continue ${number}`;

/** Whether an exit is taken: true, or a symbolic truth. */
export type Flag = unknown;

/**
 * An exit. Where it depends on values that only a run tells which one is taken, there are several, each with its condition;
 * where none holds, the statements that follow are run.
 */
export class Exit {
  /** The exits that may be taken, with their conditions. */
  readonly flags: ReadonlyMap<ExitKey, Flag>;
  /** What is returned, where `return` is among them. */
  readonly value: unknown;

  constructor(flags: ReadonlyMap<ExitKey, Flag>, value?: unknown) {
    this.flags = flags;
    this.value = value;
  }

  /** An exit that is taken for sure. */
  static of(key: ExitKey, value?: unknown): Exit {
    return new Exit(new Map([[key, true]]), value);
  }

  /** The only exit, where it is taken for sure; else null. */
  get sure(): ExitKey | null {
    const [first] = this.flags;
    return this.flags.size === 1 && first[1] === true ? first[0] : null;
  }

  /** The same without some exits; nothing where none is left. */
  without(...keys: readonly ExitKey[]): Exit | undefined {
    const flags = new Map([...this.flags].filter(([key]) => !keys.includes(key)));
    if (flags.size === 0) return undefined;
    return flags.size === this.flags.size ? this : new Exit(flags, this.value);
  }
}

/** Nothing where the statements ran to their end. */
export type Completion = Exit | undefined;

/** Access to the variables that a part of a program may change. */
export interface State {
  /** Their names. */
  readonly names: readonly string[];
  /** Their values. */
  get(): unknown[];
  /** Gives them values. */
  set(values: readonly unknown[]): void;
}
