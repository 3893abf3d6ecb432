/**
 * Shape inference through functions: a call's results follow from the function's body with the call's inputs and attributes,
 * and a value inside has the type that all calls of its function agree on.
 */
import { type Sym, symbol } from "../sym/mod.ts";
import type { Meta } from "../tensor/mod.ts";
import { inferNodes } from "./infer.ts";
import type { InferContext } from "./infer_site.ts";
import type { Model, OnnxAttribute, OnnxFunction, OnnxGraph, OnnxNode, OnnxValue } from "./model.ts";

/** What is known of a value. */
type Known = Pick<OnnxValue, "meta" | "content">;

/** Nodes of functions that are inferred for one model: functions that call each other several times may unfold to any number. */
const MAX_NODES = 1 << 20;

/**
 * {@linkcode inferGraph} for a model, through its functions: results of calls, and the values in functions as far as all
 * calls agree on them.
 *
 * @throws {RangeError} that names the node, when shapes, attributes or constants contradict each other
 */
export function inferModel(model: Model, context: InferContext | null = null): void {
  const calls = new Calls(model);
  try {
    inferNodes(model.graph, model.opset, context, calls);
  } finally {
    calls.finish();
  }
}

/**
 * Infers the types that a model which was read leaves out, as far as that goes: what contradicts itself ends it, and is for
 * others to tell.
 */
export function completeTypes(model: Model): void {
  try {
    inferModel(model);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
}

/** The calls of a model's functions. */
export class Calls {
  /** What all calls so far agree on. */
  private readonly agreed: Map<OnnxValue, Known> = new Map();
  private readonly stated: Map<OnnxValue, Known> = new Map();
  private readonly model: Model;
  private nodes = 0;

  constructor(model: Model) {
    this.model = model;
    for (const { graph } of model.functions.values()) {
      for (const value of valuesOf(graph)) this.stated.set(value, knownOf(value));
    }
  }

  /** The function that a node calls, if there is room to look into it. */
  functionOf(node: OnnxNode): OnnxFunction | null {
    const called = this.model.functionOf(node) ?? null;
    this.nodes += called?.graph.size ?? 0;
    return this.nodes > MAX_NODES ? null : called;
  }

  /** What the results of a call are. */
  infer(node: OnnxNode, { graph, opsetImports }: OnnxFunction, context: InferContext | null): readonly Known[] {
    for (const value of valuesOf(graph)) [value.meta, value.content] = [null, null];
    for (const [i, input] of graph.inputs.entries()) {
      const given = node.inputs[i];
      [input.meta, input.content] = [given?.meta ?? null, given?.content ?? null];
    }
    const own = new Map<OnnxNode, OnnxNode["attributes"]>();
    for (const inner of graph.allNodes()) {
      if (inner.references.size === 0) continue;
      own.set(inner, inner.attributes);
      const given = [...inner.references].flatMap(([name, reference]): [string, OnnxAttribute][] => {
        const attribute = node.attributes.get(reference.name);
        return attribute ? [[name, attribute]] : [];
      });
      inner.attributes = new Map([...inner.attributes, ...given]);
    }
    try {
      inferNodes(graph, opsetImports.get("") ?? this.model.opset, context, this);
    } finally {
      for (const [inner, attributes] of own) inner.attributes = attributes;
    }
    const symbols = new Map<string, Sym>();
    for (const value of valuesOf(graph)) {
      const before = this.agreed.get(value);
      this.agreed.set(value, before ? agreement(value.name, before, value, symbols) : knownOf(value));
    }
    return graph.outputs.map(knownOf);
  }

  /** Gives the values of functions what is known of them; where nothing could be inferred, what they were stated to be. */
  finish(): void {
    for (const [value, stated] of this.stated) {
      const known = this.agreed.get(value) ?? stated;
      [value.meta, value.content] = [known.meta ?? stated.meta, known.content];
    }
  }
}

/**
 * What is true of a value in two calls.
 *
 * @param name of the value
 * @param symbols of sizes that differ, by what they are in both: sizes that vary alike have one
 */
export function agreement(name: string, a: Known, b: Known, symbols: Map<string, Sym>): Known {
  const content = String(a.content) === String(b.content) ? a.content : null;
  if (!a.meta || !b.meta || a.meta.dtype !== b.meta.dtype || a.meta.shape.length !== b.meta.shape.length) {
    return { meta: null, content };
  }
  const other: Meta = b.meta;
  const shape = a.meta.shape.map((dim, axis) => {
    const both = `${dim} ${other.shape[axis]}`;
    if (String(dim) === String(other.shape[axis])) return dim;
    if (!symbols.has(both)) symbols.set(both, symbol(`${name}_dim${axis}`.replaceAll(/\W/g, "_")));
    return symbols.get(both)!;
  });
  return { meta: { dtype: a.meta.dtype, shape }, content };
}

function knownOf({ meta, content }: OnnxValue): Known {
  return { meta, content };
}

/** The values of a function's body and of the graphs in it; initializers have types of their own. */
function* valuesOf(graph: OnnxGraph): Generator<OnnxValue> {
  yield* graph.inputs;
  for (const node of graph.nodes()) {
    yield* node.outputs;
    for (const inner of node.subgraphs()) yield* valuesOf(inner);
  }
}
