/** Errors as the commands show them: text on stderr, and an object in `--json`. */
import { ExportError, Fx2OnnxError } from "../ir/mod.ts";
import { paint } from "./terminal.ts";

/** An error in `--json`: parts that are not known are left out. */
export interface ErrorJson {
  readonly message: string;
  readonly operator?: string;
  readonly node?: string;
  readonly module?: string;
  readonly source?: string;
}

/** An error as an object. Of several refusals, the message has all and the place is the first one's. */
export function errorJson(error: unknown): ErrorJson {
  const located = error instanceof ExportError ? error.errors[0] : error;
  const { operator, node, module, source } = located instanceof Fx2OnnxError ? located.location : {};
  return { message: messageOf(error), operator, node, module, source };
}

/** Prints an error on stderr; verbosely with where it was thrown. */
export function showError(
  error: unknown,
  { verbose = false, input }: { readonly verbose?: boolean; readonly input?: string } = {},
): void {
  const message = messageOf(error);
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
