/** The options of a verification. */
import type { SourceInput } from "../io/open.ts";
import type { Tolerance } from "./compare.ts";
import type { ReferenceValue } from "./reference.ts";
import type { Provider } from "./session.ts";

/** How a model is verified. */
export interface VerifyOptions extends Tolerance {
  /** Where the model runs: on WebGPU where there is an adapter (`auto`, the default), on WebGPU or nowhere, or on the CPU. */
  readonly ep?: "auto" | Provider;
  /**
   * One value per user input of the program, or a `.safetensors` file with `input_0`, `input_1`, … (or the inputs' names),
   * and `alt_input_0`, … for a second set. Default: the archive's samples, else generated inputs.
   */
  readonly inputs?: SourceInput | readonly ReferenceValue[];
  /** A `.safetensors` file with `output_0`, … (and `alt_output_0`, …) to compare with instead of the eager interpreter. */
  readonly expected?: SourceInput;
  /** Compares every value that can be seen, and names the first node that differs. */
  readonly intermediates?: boolean;
}
