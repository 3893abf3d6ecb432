// The part of minimist's interface that parse_args.ts rests on.
export interface Options {
  "--"?: boolean;
  alias?: Record<string, string[]>;
  boolean?: string[];
  string?: string[];
  stopEarly?: boolean;
  unknown?: (arg: string) => boolean;
}

export interface Parsed {
  _: Array<string | number>;
  "--"?: string[];
  [name: string]: unknown;
}

declare function minimist(args: readonly string[], options?: Options): Parsed;
export default minimist;
