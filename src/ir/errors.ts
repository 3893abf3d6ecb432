/**
 * The errors users see. A rule throws plain facts (`RangeError`, `TypeError`); `atNode` adds where in the user's model and
 * source it happened, in one place for every operator.
 */
import { type Origin, type SourceLine, sourceText, userSource } from "./origin.ts";

/** Where an error happened, each part where known. */
export interface Location {
  /** The file that was read. */
  readonly file?: string;
  /** `aten.linear.default`. */
  readonly operator?: string;
  /** The FX node's name. */
  readonly node?: string;
  /** `encoder.layers.0 (torch.nn.modules.linear.Linear)`. */
  readonly module?: string;
  /** The line of the user's program: `model.py`, 12, `y = torch.foo(x)`. */
  readonly source?: SourceLine;
  /** What to do about it. */
  readonly hint?: string;
}

/** Base of all errors that a user can cause and mend. The message carries the location. */
export class Fx2OnnxError extends Error {
  /** The class's name. */
  override name = "Fx2OnnxError";
  /** What failed, without the location. */
  readonly fact: string;
  /** Where it failed, each part where known. */
  location: Location;

  /** An error whose message is the fact and its location. */
  constructor(fact: string, location: Location = {}, options?: ErrorOptions) {
    super(format(fact, location), options);
    this.fact = fact;
    this.location = location;
  }

  /** Says where it failed, as far as that was not known. */
  locate(location: Location): void {
    this.location = { ...this.location, ...location };
    this.message = format(this.fact, this.location);
  }

  /** Adds to the message what else to do. */
  advise(advice: string): void {
    const { hint } = this.location;
    this.location = { ...this.location, hint: hint ? `${hint}\n  ${advice}` : advice };
    this.message += `\n  ${advice}`;
  }
}

/** The input file is damaged, of an unsupported version, or not what it should be. */
export class ArchiveError extends Fx2OnnxError {
  /** The class's name. */
  override name = "ArchiveError";
}

/** An option's value is not usable, or does not fit the program. */
export class OptionError extends Fx2OnnxError {
  /** The class's name. */
  override name = "OptionError";
}

/** A model can't be captured: what it does with values that only a run tells, or with sizes, can't be recorded. */
export class CaptureError extends Fx2OnnxError {
  /** The class's name. */
  override name = "CaptureError";
}

/** An operator, or one of its arguments, can't be expressed. */
export class LoweringError extends Fx2OnnxError {
  /** The class's name. */
  override name = "LoweringError";
}

/** An operator that there is no rule for, wherever the program calls it. */
export class UnsupportedOperatorError extends LoweringError {
  /** The class's name. */
  override name = "UnsupportedOperatorError";
  /** As in the program: `torch.ops.aten.linear.default`. */
  readonly target: string;
  /** How many nodes call it. */
  readonly count: number;

  /** `location` is the first call. */
  constructor(target: string, count: number, location: Location = {}) {
    super(`Operator ${target} is not supported (called ${count === 1 ? "once" : `${count} times, first`})`, location);
    this.target = target;
    this.count = count;
  }
}

/** An invariant of a graph does not hold; `problems` lists all of them. */
export class CheckError extends Fx2OnnxError {
  /** The class's name. */
  override name = "CheckError";
  /** What does not hold, each in a sentence. */
  readonly problems: readonly string[];

  /** One error for all problems of `what`. */
  constructor(what: string, problems: readonly string[]) {
    super(`${what}: ${problems.length === 1 ? problems[0] : `\n  ${problems.join("\n  ")}`}`);
    this.problems = problems;
  }
}

/** Verification could not be run, or found a difference. */
export class VerificationError extends Fx2OnnxError {
  /** The class's name. */
  override name = "VerificationError";
}

/** Everything that keeps a program from being exported: one error for all of it. */
export class ExportError extends Fx2OnnxError {
  /** The class's name. */
  override name = "ExportError";
  /** One per refusal, in program order. */
  readonly errors: readonly Fx2OnnxError[];

  /**
   * One error for all refusals.
   *
   * @param note a line at the end of the message
   */
  constructor(errors: readonly Fx2OnnxError[], note?: string) {
    super(
      errors.length === 1 ? errors[0].fact : summary(errors),
      errors.length === 1 ? errors[0].location : {},
    );
    this.errors = errors;
    if (errors.length > 1) this.message += errors.map((e) => `\n- ${e.message.replaceAll("\n", "\n  ")}`).join("");
    if (note !== undefined) this.message += `\n${note}`;
  }
}

/** `torch.onnx.OnnxExporterError`: base of all errors. */
export { Fx2OnnxError as OnnxExporterError };
/** `torch.onnx.errors.CheckerError`: the model breaks a rule of ONNX. */
export { CheckError as CheckerError };
/** `torch.onnx.errors.SymbolicValueError`: an argument of an operator can't be expressed. */
export { LoweringError as SymbolicValueError };
/** `ConversionError` of PyTorch's exporter: the program can't be translated. */
export { ExportError as ConversionError };
/** `TorchExportError` of PyTorch's exporter: the program can't be captured, here: read. */
export { ArchiveError as TorchExportError };

/** `2 operators are not supported, and 1 node can't be exported`. */
function summary(errors: readonly Fx2OnnxError[]): string {
  const operators = errors.filter((e) => e instanceof UnsupportedOperatorError).length;
  const others = errors.length - operators;
  const parts: string[] = [];
  if (operators > 0) {
    parts.push(operators === 1 ? "1 operator is not supported" : `${operators} operators are not supported`);
  }
  if (others > 0) parts.push(`${others} ${others === 1 ? "node" : "nodes"} can't be exported`);
  return parts.join(", and ");
}

/** The parts of a location that an origin gives. */
export function locationOf(origin: Origin): Location {
  const module = origin.modules.at(-1);
  const line = userSource(origin);
  return {
    operator: origin.target,
    node: origin.node,
    ...(module ? { module: module.path === "" ? module.className : `${module.path} (${module.className})` } : {}),
    ...(line ? { source: line } : {}),
  };
}

/** Runs `body`; what it throws is located at the node. Errors that already are located pass through. */
export function atNode<T>(origin: Origin | null, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw located(error, origin);
  }
}

/** {@linkcode atNode} for a body that awaits. */
export async function atNodeAsync<T>(origin: Origin | null, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw located(error, origin);
  }
}

function located(error: unknown, origin: Origin | null): unknown {
  if (error instanceof Fx2OnnxError && (error.location.node !== undefined || !(error instanceof LoweringError))) {
    return error;
  }
  if (!(error instanceof Error)) return error;
  const location = origin ? locationOf(origin) : {};
  if (error instanceof Fx2OnnxError) return new LoweringError(error.fact, { ...location, ...error.location });
  return new LoweringError(error.message, location, { cause: error });
}

function format(fact: string, at: Location): string {
  const lines = [fact];
  if (at.operator !== undefined && !fact.includes(at.operator)) lines.push(`  operator: ${at.operator}`);
  if (at.node !== undefined) lines.push(`  node: ${at.node}${at.module !== undefined ? ` in ${at.module}` : ""}`);
  if (at.source !== undefined) lines.push(`  source: ${sourceText(at.source)}`);
  if (at.hint !== undefined) lines.push(`  ${at.hint}`);
  return (at.file !== undefined ? `${at.file}: ` : "") + lines.join("\n");
}
