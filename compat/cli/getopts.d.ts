// The part of getopts's interface that parse_args.ts rests on. Its own types are those of a CommonJS module.
export interface Options {
  alias?: Record<string, string[]>;
  boolean?: string[];
  default?: Record<string, unknown>;
  stopEarly?: boolean;
  string?: string[];
  unknown?: (name: string) => boolean;
}

export interface Parsed {
  _: string[];
  [name: string]: unknown;
}

declare function getopts(args: string[], options?: Options): Parsed;
export default getopts;
