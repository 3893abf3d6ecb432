/** What verification found. */

/** How one output compares with its reference. */
export interface OutputComparison {
  /** The output's name in the model. */
  readonly name: string;
  /** `float32[2, 8]`, as the runtime gave it; empty when it gave none. */
  readonly actual: string;
  /** As the reference has it; empty when it has none. */
  readonly expected: string;
  /** Largest absolute difference; 0 for equal outputs, NaN where only one of a pair is NaN. */
  readonly maxAbs: number;
  /** Largest difference relative to the reference, over elements whose reference is not 0. */
  readonly maxRel: number;
  /** Elements that differ by more than the tolerance. */
  readonly mismatches: number;
  /** Whether count, shape, dtype and all elements agree. */
  readonly passed: boolean;
  /** What differs, in words; empty when passed. */
  readonly reason: string;
}

/** One run: a set of inputs. */
export interface RunComparison {
  /** `sample`, `s18=3`, or the file that gave the inputs. */
  readonly inputs: string;
  /** One per output of the model, in order. */
  readonly outputs: readonly OutputComparison[];
  /** Whether all outputs agree. */
  readonly passed: boolean;
  /** Why the run gave no outputs, or no reference to compare them with; empty when it did. */
  readonly reason: string;
}

/** The first node whose value differs. */
export interface Divergence {
  /** ONNX value. */
  readonly value: string;
  /** FX node. */
  readonly node: string;
  /** Its operator: `aten.linear.default`. */
  readonly operator: string;
  /** The line of the user's program, where it is recorded. */
  readonly source: string | null;
  /** The values there. */
  readonly comparison: OutputComparison;
}

/** The result of a verification. */
export interface VerificationReport {
  /** Where the model ran. */
  readonly ep: "webgpu" | "wasm";
  /** What it was compared with. */
  readonly reference: "eager" | "expected";
  /** One per set of inputs. */
  readonly runs: readonly RunComparison[];
  /** Only with `intermediates`: the first node that diverges, if one does. */
  readonly divergence: Divergence | null;
  /** Only with `intermediates`: every value agrees when all are outputs, so what the runtime fuses otherwise is at fault. */
  readonly runtimeFusion: boolean;
  /** Only with `intermediates`: values that could not be shown, each with the reason. */
  readonly hidden: readonly string[];
  /** Why the model could not be run at all; null when it could. */
  readonly failure: string | null;
  /** What a reader should know: a provider that was not used, outputs that are random, sizes that were not tried. */
  readonly notes: readonly string[];
  /** Whether the model ran and every output of every run agrees. */
  readonly passed: boolean;
}
