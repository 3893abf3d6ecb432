/** `--json`: one line per input on stdout, of one shape for all commands, so that a script reads each as it reads the others. */
import { ExportError, Fx2OnnxError, sourceText } from "../ir/mod.ts";

/** What every line has; commands add what they found. */
export interface JsonLine {
  /** The file, or the filter or shell, that the line is about; null where the command line has none. */
  readonly input: string | null;
  /** The file that was written; null where none was. */
  readonly output: string | null;
  /** Whether all went well, two things that were compared are not the same, or nothing could be told. */
  readonly status: "ok" | "mismatch" | "error";
  /** Null unless the status is `error`. */
  readonly error: ErrorJson | null;
}

/** An error: parts that are not known are left out. */
export interface ErrorJson {
  readonly message: string;
  readonly operator?: string;
  readonly node?: string;
  readonly module?: string;
  readonly source?: string;
}

/**
 * Prints a line.
 *
 * @param rest what the command found
 */
export function printJson(
  { input = null, output = null, status = "ok", error = null }: Partial<JsonLine>,
  rest: object = {},
): void {
  console.log(JSON.stringify({ input, output, status, error, ...rest }));
}

/** Prints the line of an input that failed. */
export function printJsonError(input: string | null, error: unknown): void {
  printJson({ input, status: "error", error: errorJson(error) });
}

/** An error as an object. Of several refusals, the message has all and the place is the first one's. */
function errorJson(error: unknown): ErrorJson {
  const located = error instanceof ExportError ? error.errors[0] : error;
  const { operator, node, module, source } = located instanceof Fx2OnnxError ? located.location : {};
  return {
    message: error instanceof Error ? error.message : String(error),
    operator,
    node,
    module,
    source: source && sourceText(source),
  };
}
