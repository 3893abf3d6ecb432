/** What verification found. */
import type { Placement } from "./placement.ts";

/**
 * Edges of the histograms' bins, ascending. A histogram has two bins more than there are edges: the first counts equal
 * elements, the second those that differ by less than the first edge, the last those that differ by the last edge or more,
 * infinitely, or by being NaN on one side only.
 */
export const HISTOGRAM_EDGES = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10] as const;

/** How many elements are NaN (or infinite) on each side; of complex outputs, parts of elements. */
export interface SpecialValues {
  /** In what the runtime gave. */
  readonly actual: number;
  /** In the reference. */
  readonly expected: number;
}

/** An element that differs by more than the tolerance. Values are texts, for NaN and large integers are no JSON numbers. */
export interface DifferingElement {
  /** Its place, one number per dim. */
  readonly index: readonly number[];
  /** What the runtime gave. */
  readonly actual: string;
  /** What the reference has. */
  readonly expected: string;
}

/** How one output compares with its reference. */
export interface OutputComparison {
  /** The output's name in the model. */
  readonly name: string;
  /** `float32[2, 8]`, as the runtime gave it; empty when it gave none. */
  readonly actual: string;
  /** As the reference has it; empty when it has none. */
  readonly expected: string;
  /** How many elements are NaN. */
  readonly nan: SpecialValues;
  /** How many elements are infinite. */
  readonly infinite: SpecialValues;
  /** The relative part of what was allowed, `|actual - expected| <= atol + rtol * |expected|`; 0 for integers and bools. */
  readonly rtol: number;
  /** The absolute part. */
  readonly atol: number;
  /** Largest absolute difference; 0 for equal outputs, NaN where only one of a pair is NaN. */
  readonly maxAbs: number;
  /** Largest difference relative to the reference, over elements whose reference is not 0. */
  readonly maxRel: number;
  /** Elements by absolute difference, in the bins of {@linkcode HISTOGRAM_EDGES}; empty where values were not compared. */
  readonly absHistogram: readonly number[];
  /** Elements by difference relative to the reference; where that is 0, any difference is infinite. */
  readonly relHistogram: readonly number[];
  /** Elements that differ by more than the tolerance. */
  readonly mismatches: number;
  /** The first of them, at most five. */
  readonly first: readonly DifferingElement[];
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
  /** Node of the ONNX model that gives it, `node_layer_norm (LayerNormalization)`; null for a weight. */
  readonly onnxNode: string | null;
  /** FX node. */
  readonly node: string;
  /** Its operator: `aten.linear.default`. */
  readonly operator: string;
  /** `encoder.layers.0 (EncoderLayer)`; null where the archive does not say. */
  readonly module: string | null;
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
  readonly reference: "eager" | "expected" | "wasm";
  /** One per set of inputs. */
  readonly runs: readonly RunComparison[];
  /** Only with `intermediates`: the first node that diverges, if one does. */
  readonly divergence: Divergence | null;
  /** Only with `intermediates`: every value agrees when all are outputs, so what the runtime fuses otherwise is at fault. */
  readonly runtimeFusion: boolean;
  /** Only with `intermediates`: values that could not be shown, each with the reason. */
  readonly hidden: readonly string[];
  /** Only with `placement`: where WebGPU runs each node; null where that is not known. */
  readonly placement: Placement | null;
  /** Why the model could not be run at all; null when it could. */
  readonly failure: string | null;
  /** What a reader should know: a provider that was not used, outputs that are random, sizes that were not tried. */
  readonly notes: readonly string[];
  /** Whether the model ran and every output of every run agrees; a difference inside that no output shows is `divergence`. */
  readonly passed: boolean;
}
