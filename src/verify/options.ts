/** The options of a verification. */
import type { SourceInput } from "../io/open.ts";
import type { ReferenceValue } from "./reference.ts";
import type { Provider } from "./session.ts";
import type { Tolerance } from "./tolerance.ts";

/** How a model is verified. */
export interface VerifyOptions extends Tolerance {
  /**
   * Where the model runs: on WebGPU where there is an adapter that can run it (`auto`, the default; a note says why it was
   * not used), on WebGPU or nowhere, or on the CPU.
   */
  readonly ep?: "auto" | Provider;
  /**
   * One value per user input of the program, or a `.safetensors` file with `input_0`, `input_1`, … (or the inputs' names),
   * and `alt_input_0`, … for a second set. Default: the archive's samples, else generated inputs.
   */
  readonly inputs?: SourceInput | readonly ReferenceValue[];
  /** A `.safetensors` file with `output_0`, … (and `alt_output_0`, …) to compare with instead of a computed reference. */
  readonly expected?: SourceInput;
  /**
   * What the outputs are compared with: `eager` (the default) computes the program with kernels of its own, `wasm` runs the
   * same model on the CPU to compare with WebGPU. The latter is faster and tells a GPU's errors from those of the model,
   * but can't find what is wrong on both.
   */
  readonly reference?: "eager" | "wasm";
  /**
   * Tries dynamic dims at the ends of their ranges too: at 1 or the smallest size above, at a large one, within 2^20 elements
   * for any value, and at 0, where program and runtime take it; a note says where they don't. Default false: one other size.
   */
  readonly extremes?: boolean;
  /**
   * Compares every value that can be seen, and names the first node that differs. Whether verification passes depends on the
   * outputs alone: a difference inside that no output shows is told as the report's `divergence`.
   */
  readonly intermediates?: boolean;
  /**
   * How many bytes of values one session may give for `intermediates`, default 256 MiB. With more, several sessions give
   * them in pieces, in program order, until one has a value that differs.
   */
  readonly intermediateBytes?: number;
  /** Tells which nodes WebGPU runs, and why others are left to the CPU. */
  readonly placement?: boolean;
}
