/**
 * Stands in for `jsr:@std/cli` where JSR cannot be reached: the same names over kept npm packages. Only what this
 * package uses is here.
 *
 * @module
 */
export * from "./parse_args.ts";
