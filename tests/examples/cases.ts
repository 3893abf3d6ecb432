/** The examples with the checkpoints and outputs that tests/tools/example_fixtures.py records of their twins in PyTorch. */
import type { DynamicShapes } from "../../mod.ts";
import type { nn } from "../../torch.ts";
import { Tensor } from "../../torch.ts";
import { countedInput, countedState, type InputSpec } from "../capture/counted_weights.ts";

/** What an example's file exports. */
export interface Example {
  readonly model: nn.Module & { call(...args: unknown[]): unknown };
  readonly args: unknown[];
  readonly dynamicShapes: DynamicShapes;
  readonly inputNames: string[];
  readonly outputNames: string[];
}

/** Inputs and outputs at one size of the dynamic dims. */
export interface Case {
  readonly args: unknown[];
  readonly outputs: ReadonlyArray<{ readonly shape: readonly number[]; readonly values: readonly number[] }>;
}

/** What is recorded of an example. */
export interface Recorded {
  readonly state: Readonly<Record<string, readonly number[]>>;
  readonly cases: readonly Case[];
}

/** The examples. */
export const NAMES = ["mlp", "resnet", "vit", "bert", "gpt2", "lstm_tagger"] as const;

/** An example with the parameters of its checkpoint, and what is recorded of it. */
export async function exampleOf(name: string): Promise<{ readonly example: Example; readonly recorded: Recorded }> {
  const { default: example } = await import(`../../examples/${name}.ts`) as { default: Example };
  example.model.eval().loadStateDict(countedState(example.model.stateDict()));
  const path = new URL(`./fixtures/${name}.json`, import.meta.url);
  const { state, cases } = JSON.parse(await Deno.readTextFile(path)) as {
    readonly state: Recorded["state"];
    readonly cases: ReadonlyArray<{ readonly inputs: readonly InputSpec[]; readonly outputs: Case["outputs"] }>;
  };
  return {
    example,
    recorded: {
      state,
      cases: cases.map(({ inputs, outputs }) => ({
        args: argsOf(name, inputs.map((spec, i) => countedInput(`${name}.${i}`, spec))),
        outputs,
      })),
    },
  };
}

/** Inputs as the model takes them. */
function argsOf(name: string, inputs: readonly Tensor[]): unknown[] {
  return name === "mlp" ? [inputs[0], { tensor_x: inputs[1] }, [inputs[2]]] : [...inputs];
}

/** The tensors of a result, in the order in which PyTorch counts them. */
export function leaves(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(leaves) : [];
}
