/**
 * Compares values inside the model: one session in which all of them are outputs, against the reference's value of the same
 * FX node. Values appear in program order, so the first that differs tells where things go wrong.
 */
import { allNodes, type FxNode, type FxValue, graphsOf } from "../fx/mod.ts";
import { Fx2OnnxError, locationOf } from "../ir/mod.ts";
import type { OnnxValue } from "../onnx/model.ts";
import type { Tensor } from "../tensor/mod.ts";
import { compareTensors } from "./compare.ts";
import type { InputCase } from "./inputs.ts";
import { observe, type Observed, passage } from "./observe.ts";
import { runProgram } from "./reference.ts";
import type { Divergence, OutputComparison } from "./report.ts";
import { asTensor, fromRuntime } from "./subject.ts";
import type { SolvedCase } from "./cases.ts";
import type { Verification } from "./verification.ts";

/** What was found inside the model. */
export interface Intermediates {
  readonly divergence: Divergence | null;
  /** Values that could not be compared, each with the reason. */
  readonly hidden: readonly string[];
  /** Whether the outputs agree when everything else is an output too. */
  readonly outputsPassed: boolean;
}

/** Compares all values for one set of inputs. */
export async function compareIntermediates(verification: Verification, one: SolvedCase): Promise<Intermediates> {
  const { subject, notes } = verification;
  const { visible, hidden } = choose(verification);
  let observed: Observed;
  let results: ReadonlyMap<string, Tensor>;
  try {
    observed = observe(subject.model, [...visible.values()].filter((value) => !value.initializer));
    results = await run(verification, observed, one);
  } catch (error) {
    if (!(error instanceof Fx2OnnxError)) throw error;
    notes.push(`Values inside the model could not be shown: ${error.message}`);
    return { divergence: null, hidden, outputsPassed: false };
  }
  // Weights that values were folded to are not outputs: they are read.
  const folded = new Map<OnnxValue, Tensor>();
  for (const value of visible.values()) {
    if (value.initializer) folded.set(value, await value.initializer.load());
  }
  let divergence: Divergence | null = null;
  const onValue = (fx: FxValue, expected: Tensor): void => {
    const value = visible.get(fx);
    if (divergence || !value) return;
    const result = value.initializer ? folded.get(value) : results.get(observed.outputs.get(value)!);
    if (!result) return;
    const actual = value.initializer ? result : fromRuntime(result, value.meta);
    const comparison = compareTensors(
      value.name,
      actual,
      asTensor(expected, value.meta, fx.name),
      verification.options,
    );
    if (!comparison.passed) divergence = describe(fx, value, comparison);
  };
  try {
    await runProgram(subject.program, subject.table, one.values, { onValue });
  } catch (error) {
    if (!(error instanceof Fx2OnnxError)) throw error;
    notes.push(`Values after this node were not compared: ${error.message}`);
  }
  const outputs = verification.compareOutputs(observed, results, one.expected);
  return { divergence, hidden, outputsPassed: outputs.every((output) => output.passed) };
}

async function run(verification: Verification, observed: Observed, one: InputCase): Promise<Map<string, Tensor>> {
  const session = await verification.open(observed);
  try {
    return await session.run(await verification.feeds(observed, one));
  } finally {
    await session.release();
  }
}

/** The values that can be compared, by the program's. */
function choose({ subject, random }: Verification): { visible: Map<FxValue, OnnxValue>; hidden: string[] } {
  const { program, model, values } = subject;
  const live = new Set<OnnxValue>([...model.graph.inputs, ...model.graph.initializers]);
  for (const node of model.graph.nodes()) for (const output of node.outputs) live.add(output);
  const outputs = new Set(program.graph.outputs);
  const visible = new Map<FxValue, OnnxValue>();
  const hidden: string[] = [];
  for (const node of program.graph.nodes()) {
    for (const inner of graphsOf(node).flatMap((graph) => [...allNodes(graph)])) {
      for (const { name, meta } of inner.outputs) {
        if (meta.kind === "tensor") hidden.push(`${name} (inside ${node.name}, which is compared as a whole)`);
      }
    }
    for (const fx of node.outputs) {
      if (fx.meta.kind !== "tensor" || fx.uses.size === 0 && !outputs.has(fx)) continue;
      const value = values.get(fx);
      const reason = random.has(fx) ? "random" : whyHidden(value, live);
      if (reason) hidden.push(`${fx.name} (${reason})`);
      else visible.set(fx, value!);
    }
  }
  return { visible, hidden };
}

function whyHidden(value: OnnxValue | undefined, live: ReadonlySet<OnnxValue>): string | null {
  if (!value) return "no such value in the model";
  if (!live.has(value)) return "optimized away";
  if (!value.meta) return "of unknown dtype";
  return passage(value.meta.dtype) ? null : `${value.meta.dtype}, which onnxruntime-web can't give`;
}

function describe(fx: FxValue, value: OnnxValue, comparison: OutputComparison): Divergence {
  const node = fx.producer as FxNode;
  const location = node.origin ? locationOf(node.origin) : {};
  return {
    value: value.name,
    node: node.name,
    operator: location.operator ?? node.target,
    source: location.source ?? null,
    comparison,
  };
}
