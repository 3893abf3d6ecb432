/**
 * Compares values inside the model with the reference's value of the same FX node: in one session in which all of them are
 * outputs, or where they are too large for that, in pieces. Values are compared in program order, so the first that differs
 * tells where things go wrong, and the search ends there.
 */
import { allNodes, type FxNode, type FxValue, graphsOf } from "../fx/mod.ts";
import { Fx2OnnxError, locationOf, sourceText } from "../ir/mod.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { itemsize, type Tensor } from "../tensor/mod.ts";
import type { Bindings } from "./bindings.ts";
import type { SolvedCase } from "./cases.ts";
import { compareTensors } from "./compare.ts";
import { bindingsOf } from "./inputs.ts";
import { passage } from "./observe.ts";
import { Pieces } from "./pieces.ts";
import { runProgram } from "./reference.ts";
import type { Divergence, OutputComparison } from "./report.ts";
import type { Provider } from "./session.ts";
import { asTensor } from "./subject.ts";
import type { Verification } from "./verification.ts";

/** What was found inside the model. */
export interface Intermediates {
  readonly divergence: Divergence | null;
  /** Values that could not be compared, each with the reason. */
  readonly hidden: readonly string[];
  /** Whether the outputs agree when everything else is an output too; false where one session can't give everything. */
  readonly outputsPassed: boolean;
}

/** Bytes of values that one session gives by default. */
const SESSION_BYTES = 2 ** 28;

/** Ends the reference's run: what is looked for is found. */
class Done extends Error {}

/** Compares all values for one set of inputs. */
export async function compareIntermediates(verification: Verification, one: SolvedCase): Promise<Intermediates> {
  const { subject, notes, options } = verification;
  const { visible, hidden } = choose(verification);
  const given = piecesOf(verification, visible, one, verification.provider);
  const whole = await given.all();
  const known = options.reference === "wasm" ? piecesOf(verification, visible, one, "wasm") : null;
  await known?.all();

  let divergence: Divergence | null = null;
  const compare = async (fx: FxValue, expected: Tensor): Promise<void> => {
    const value = visible.get(fx);
    if (!value) return;
    // Weights that values were folded to are not outputs: they are read.
    const actual = value.initializer ? await value.initializer.load() : await given.get(value);
    if (!actual) return;
    const comparison = compareTensors(
      value.name,
      actual,
      asTensor(expected, value.meta, fx.name),
      options,
      verification.provider,
    );
    if (comparison.passed) return;
    divergence = describe(fx, value, comparison);
    throw new Done();
  };
  try {
    if (known) {
      for (const [fx, value] of visible) {
        const expected = value.initializer ? null : await known.get(value);
        if (expected) await compare(fx, expected);
      }
    } else await runProgram(subject.program, subject.table, one.values, { onValue: compare });
  } catch (error) {
    if (divergence === null) {
      if (!(error instanceof Fx2OnnxError)) throw error;
      notes.push(`Values after this node were not compared: ${error.message}`);
    }
  }
  for (const message of new Set([...given.failures, ...known?.failures ?? []])) {
    notes.push(`Not all values inside the model could be shown: ${message}`);
  }
  if (!whole && given.count > 1) notes.push(`Values inside the model were compared in ${given.count} pieces`);
  const outputs = whole ? verification.compareOutputs(whole.observed, whole.results, one.expected) : null;
  return { divergence, hidden, outputsPassed: outputs?.every((output) => output.passed) ?? false };
}

/** The values that can be compared, as a provider gives them. */
function piecesOf(
  verification: Verification,
  visible: ReadonlyMap<FxValue, OnnxValue>,
  one: SolvedCase,
  provider: Provider,
): Pieces {
  const bindings = bindingsOf(verification.subject.program, one.values);
  const shown = [...visible].filter(([, value]) => !value.initializer)
    .map(([fx, value]) => ({ value, bytes: bytesOf(fx, bindings) }));
  const limit = verification.options.intermediateBytes ?? SESSION_BYTES;
  return new Pieces(verification.subject.model, shown, limit, async (observed) => {
    const session = await verification.open(observed, provider);
    try {
      return await session.run(await verification.feeds(observed, one));
    } finally {
      await session.release();
    }
  });
}

/** About how many bytes a value takes: sizes that only running tells count as one. */
function bytesOf({ meta }: FxValue, bindings: Bindings): number {
  if (meta.kind !== "tensor") return 0;
  const sizes = meta.shape.map((dim) => typeof dim === "number" || bindings.knows(dim) ? bindings.size(dim) : 1);
  return sizes.reduce((a, b) => a * b, itemsize(meta.dtype));
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
  const { producer } = value;
  return {
    value: value.name,
    onnxNode: producer ? `${producer.name} (${producer.opType})` : null,
    node: node.name,
    operator: location.operator ?? node.target,
    module: location.module ?? null,
    source: location.source ? sourceText(location.source) : null,
    comparison,
  };
}
