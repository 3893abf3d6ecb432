/**
 * What callers may name as an input, as a Source. Files load on demand: a page that passes bytes or a Blob never loads
 * code that knows a file system.
 */
import { blobSource, bytesSource, type Source } from "./source.ts";

/** A path, a `file:`, `http(s):`, `data:` or `blob:` URL, or the bytes themselves. */
export type SourceInput = string | URL | Blob | Uint8Array | ArrayBuffer | Source;

/**
 * Opens an input for random access. Texts are paths unless they start with a scheme such as `https://` or `file://`.
 * Files are read in parts; what comes over the network is fetched whole.
 *
 * Close the source when done, unless it was passed in.
 *
 * @throws {TypeError} if a URL cannot be fetched
 * @throws errors of the file system
 */
export async function openSource(input: SourceInput, name?: string): Promise<Source> {
  if (typeof input === "string" && /^[a-z][a-z0-9+.-]+:\/\/|^(data|blob):/i.test(input)) input = new URL(input);
  if (typeof input === "string" || input instanceof URL && input.protocol === "file:") {
    const { openFile } = await import("./file.ts");
    return await openFile(input);
  }
  if (input instanceof URL) return await fetchSource(input, name);
  if (input instanceof Uint8Array) return bytesSource(input, name);
  if (input instanceof ArrayBuffer) return bytesSource(new Uint8Array(input), name);
  if (input instanceof Blob) return blobSource(input, name ?? (input instanceof File ? input.name : undefined));
  if (typeof input === "object" && input !== null && typeof input.read === "function") return input;
  throw new TypeError(`Cannot open ${typeof input}: expected a path, a URL, a Blob, bytes or a Source`);
}

/**
 * The input that stands for a file at a relative path (with `/`) from an input's folder; null where inputs have no folder.
 */
export function siblingOf(input: SourceInput, path: string): SourceInput | null {
  if (input instanceof URL) return new URL(path.split("/").map(encodeURIComponent).join("/"), input);
  if (typeof input !== "string") return null;
  // Backslashes separate only where drive letters or shares are: elsewhere they may be part of a name.
  return input.replace(/^([A-Za-z]:|\\\\)/.test(input) ? /[^\\/]*$/ : /[^/]*$/, "") + path;
}

async function fetchSource(url: URL, name: string = url.protocol === "data:" ? "data URL" : url.href): Promise<Source> {
  const response = await fetch(url);
  if (!response.ok) {
    await response.body?.cancel();
    throw new TypeError(
      `Cannot fetch ${name}: the server answered ${response.status} ${response.statusText}`.trimEnd(),
    );
  }
  return bytesSource(new Uint8Array(await response.arrayBuffer()), name);
}
