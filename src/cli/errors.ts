/** Errors as the commands show them on stderr. */
import { Fx2OnnxError } from "../ir/mod.ts";
import { paint } from "./terminal.ts";

/** Prints an error on stderr; verbosely with where it was thrown. */
export function showError(
  error: unknown,
  { verbose = false, input }: { readonly verbose?: boolean; readonly input?: string } = {},
): void {
  const message = error instanceof Error ? error.message : String(error);
  const isUnnamed = input !== undefined && error instanceof Fx2OnnxError && error.location.file === undefined &&
    !message.includes(input);
  console.error(`${paint("error:", "red")} ${isUnnamed ? `${input}: ` : ""}${message}`);
  if (!verbose || !(error instanceof Error)) return;
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const frames = (at.stack ?? "").split("\n").filter((line) => line.startsWith("    at "));
    if (at !== error) console.error(paint(`caused by ${at.name}: ${at.message}`, "dim"));
    console.error(paint(frames.join("\n"), "dim"));
  }
}
