/** What a report says, as data: `collect.ts` fills it in, `markdown.ts` and `html.ts` write it. Texts are not escaped. */
import type { VerificationReport } from "../../verify/report.ts";
import type { Profile } from "../profile.ts";
import type { Drawing } from "./drawing.ts";

/** How an export ended, as file names have it: PyTorch's words, and two of our own for what it has none for. */
export type Status =
  | "success"
  | "pt_export"
  | "decomp"
  | "conversion"
  | "runtime"
  | "accuracy"
  /** The model could not be written. */
  | "save"
  /** An option does not fit the program. */
  | "options";

/** A step that was taken, or would have been. */
export interface StepRow {
  readonly name: string;
  readonly mark: "✅" | "❌" | "⚪";
  /** Milliseconds; null where it was not taken. */
  readonly ms: number | null;
  /** Why it was not taken; empty where it was. */
  readonly note: string;
}

/** One cause of a failure, with where it happened. */
export interface Cause {
  readonly fact: string;
  readonly operator: string;
  readonly node: string;
  readonly module: string;
  readonly source: string;
  readonly hint: string;
}

/** A text that may be cut. */
export interface CutText {
  readonly text: string;
  /** What was left out; empty when nothing was. */
  readonly cut: string;
}

/** A line of the user's program, with what was made of it. */
export interface SourceEntry {
  /** `model.py:12`. */
  readonly place: string;
  readonly code: string;
  /** FX nodes. */
  readonly nodes: string[];
  /** Number of ONNX nodes; 0 where there is no model. */
  onnx: number;
}

/** How often something occurs. */
export interface Count {
  readonly name: string;
  readonly count: number;
}

/** An operator without a rule. */
export interface UnsupportedOperator extends Count {
  /** Where it is called: `model.py:12: y = f(x)`, with how often. */
  readonly lines: readonly Count[];
}

/** A node that gives its input in a dtype which can't hold all its values, where the program has no such dtype. */
export interface LossyCast {
  readonly node: string;
  readonly from: string;
  readonly to: string;
  /** The FX node that it was made of, and its operator. */
  readonly origin: string;
  readonly source: string;
}

/** Which operators there are. */
export interface OperatorAnalysis {
  readonly aten: readonly Count[];
  /** Empty where there is no model. */
  readonly onnx: readonly Count[];
  readonly unsupported: readonly UnsupportedOperator[];
  /** Null where there is no model. */
  readonly casts: readonly LossyCast[] | null;
}

/** A dim of an input. */
export interface DimRow {
  readonly input: string;
  /** Null for a number. */
  readonly axis: number | null;
  /** `s18`, `2*s18`, or the size. */
  readonly dim: string;
  /** The name in the model; empty where it is the symbol. */
  readonly name: string;
  /** `[2, 64]`; empty for a frozen dim. */
  readonly range: string;
  /** `y[0]`, `y[1] = 2*s18`. */
  readonly drives: readonly string[];
  /** Why it has one size only; empty where it does not. */
  readonly frozen: string;
}

/** Sizes of inputs and what follows from them. */
export interface ShapeAnalysis {
  readonly dims: readonly DimRow[];
  /** Sizes of outputs that depend on values: `y[0] = u0`. */
  readonly dataDependent: readonly string[];
}

/** A report. */
export interface Report {
  readonly status: Status;
  /** As file names have it. */
  readonly time: string;
  /** What was exported. */
  readonly input: string;
  /** Where to, and what was written; empty where nothing was. */
  readonly output: string;
  /** `torch 2.13.0`, `opset 21`, … */
  readonly versions: readonly string[];
  readonly steps: readonly StepRow[];
  /** Null when all went well. */
  readonly error: { readonly message: CutText; readonly causes: readonly Cause[] } | null;
  /** The program as torch prints it; null where it could not be read. */
  readonly program: { readonly graph: CutText; readonly signature: CutText; readonly ranges: CutText } | null;
  /** The model; null where there is none. */
  readonly model: CutText | null;
  readonly operators: OperatorAnalysis | null;
  readonly shapes: ShapeAnalysis | null;
  readonly sources: readonly SourceEntry[];
  readonly verification: VerificationReport | null;
  readonly profile: Profile | null;
  readonly drawing: Drawing | null;
}
