/**
 * Stands in for `jsr:@std/path` where JSR cannot be reached: the same names over `node:path` and `node:url`, which
 * follow the same rules. Only what this package uses is here.
 *
 * @module
 */
import { delimiter, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export { basename, dirname, extname, isAbsolute, join, normalize, relative, resolve } from "node:path";

/** The character that separates the segments of a path on this system. */
export const SEPARATOR: "/" | "\\" = sep;

/** The character that separates the entries of a search path on this system. */
export const DELIMITER: ":" | ";" = delimiter;

/** Matches one or more path separators of this system. */
export const SEPARATOR_PATTERN: RegExp = sep === "\\" ? /[\\/]+/ : /\/+/;

/** The path that a `file:` URL names. Throws a TypeError for any other scheme. */
export function fromFileUrl(url: string | URL): string {
  return fileURLToPath(url);
}

/** The `file:` URL of an absolute path. Throws a TypeError for a relative one. */
export function toFileUrl(path: string): URL {
  if (!path.startsWith("/") && !/^([A-Za-z]:)?[\\/]/.test(path)) {
    throw new TypeError(`Path must be absolute: received "${path}"`);
  }
  return pathToFileURL(path);
}
