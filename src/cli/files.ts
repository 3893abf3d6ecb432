/** What a file is that a command was given. */
import { openSource } from "../io/open.ts";

/** Whether a file is an archive of a program rather than an ONNX model: by its ending, else by its first bytes. */
export async function isArchive(path: string): Promise<boolean> {
  if (path.endsWith(".pt2")) return true;
  if (path.endsWith(".onnx")) return false;
  const source = await openSource(path);
  try {
    const start = await source.read(0, Math.min(4, source.size));
    return String.fromCharCode(...start) === "PK\x03\x04";
  } finally {
    source.close?.();
  }
}
