/**
 * What a rule of shape inference works with: one node, its inputs' dtypes, shapes, elements and attributes, and a way to
 * say what is known of its outputs. Rules are functions of a site; `infer.ts` finds the rule of a node.
 */
import { type Dim, eq, ge, isSym, max, min, Ranges, sub, type Sym, symbol } from "../sym/mod.ts";
import { type DType, type Meta, Tensor } from "../tensor/mod.ts";
import { ONNX_DTYPES } from "./dtypes.ts";
import type { OnnxAttribute, OnnxGraph, OnnxNode, OnnxValue } from "./model.ts";

/** What inference takes from its surroundings. */
export interface InferContext {
  /** A symbol for a size that only running the graph can tell; the hint says what of. */
  freshSymbol(hint: string): Sym;
  /** What is known of the symbols; decides more comparisons of sizes. */
  readonly ranges?: Ranges;
}

/** Sets what is known of a node's outputs. */
export type Rule = (site: Site) => void;

/** A rule that applies only when dtype and shape of the first `n` inputs are known. */
export function given(n: number, rule: Rule): Rule {
  return (site) => {
    for (let i = 0; i < n; i++) if (!site.knows(i)) return;
    rule(site);
  };
}

/** Elements up to which the content of a value is followed. */
export const MAX_CONTENT = 64;

/** The dtype of a `TensorProto.DataType`; null for string and the types that PyTorch lacks. */
export function dtypeOfCode(code: number): DType | null {
  for (const [dtype, known] of ONNX_DTYPES) if (known === code) return dtype;
  return null;
}

/**
 * The constant a value holds: a loaded initializer, or what a Constant node yields. An initializer with metadata is a weight
 * of the program, whose values may be exchanged.
 */
export function constantOf(value: OnnxValue | null | undefined): Tensor | null {
  if (!value) return null;
  if (value.initializer) return value.initializer.isLoaded && !value.hasMetadata ? value.initializer : null;
  return value.producer?.opType === "Constant" && value.producer.domain === "" ? constantOfNode(value.producer) : null;
}

/** The tensor a Constant node yields; null for strings and sparse tensors. */
export function constantOfNode(node: OnnxNode): Tensor | null {
  for (const [name, attribute] of node.attributes) {
    if (name === "value" && attribute.type === "TENSOR") return attribute.value.isLoaded ? attribute.value : null;
    if (name === "value_int" && attribute.type === "INT") return Tensor.of("int64", [], [BigInt(attribute.value)]);
    if (name === "value_float" && attribute.type === "FLOAT") return Tensor.of("float32", [], [attribute.value]);
    if (name === "value_ints" && attribute.type === "INTS") {
      return Tensor.of("int64", [attribute.value.length], attribute.value.map(BigInt));
    }
    if (name === "value_floats" && attribute.type === "FLOATS") {
      return Tensor.of("float32", [attribute.value.length], attribute.value);
    }
  }
  return null;
}

/** The elements of a small integer or bool constant; null for others, and where one is not a safe integer. */
export function contentOfTensor(tensor: Tensor): readonly number[] | null {
  if (tensor.shape.length > 1 || tensor.numel > MAX_CONTENT) return null;
  if (tensor.dtype !== "bool" && !/^u?int/.test(tensor.dtype)) return null;
  const values = tensor.toArray().map(Number);
  return values.every(Number.isSafeInteger) ? values : null;
}

/** The elements of a 0-d or 1-d value, where known. */
export function contentOfValue(value: OnnxValue | null | undefined): readonly Dim[] | null {
  if (!value) return null;
  if (value.content) return value.content;
  const constant = constantOf(value);
  return constant && contentOfTensor(constant);
}

/** A node whose outputs are to be inferred. */
export class Site {
  readonly node: OnnxNode;
  /** Version of the ONNX domain. */
  readonly opset: number;
  readonly ranges: Ranges;
  private readonly context: InferContext | null;
  private readonly inferBody: (graph: OnnxGraph, force: boolean) => void;

  constructor(
    node: OnnxNode,
    opset: number,
    context: InferContext | null,
    inferBody: (graph: OnnxGraph, force: boolean) => void,
  ) {
    this.node = node;
    this.opset = opset;
    this.ranges = context?.ranges ?? Ranges.none;
    this.context = context;
    this.inferBody = inferBody;
  }

  /** Number of inputs, absent ones in between included. */
  get count(): number {
    return this.node.inputs.length;
  }

  /** Whether the input is given. */
  has(i: number): boolean {
    return (this.node.inputs[i] ?? null) !== null;
  }

  /** Whether dtype and shape of the input are known. */
  knows(i: number): boolean {
    return this.meta(i) !== null;
  }

  /** dtype and shape of an input; null when it is absent or unknown. */
  meta(i: number): Meta | null {
    return this.node.inputs[i]?.meta ?? null;
  }

  /** The dtype of an input that is known. */
  dtype(i: number): DType {
    return this.known(i).dtype;
  }

  /** The shape of an input that is known. */
  shape(i: number): readonly Dim[] {
    return this.known(i).shape;
  }

  private known(i: number): Meta {
    const meta = this.meta(i);
    if (!meta) throw new TypeError(`Input ${i} of ${this.node.opType} is not known`);
    return meta;
  }

  /** The elements of a 0-d or 1-d input of integers, where known. */
  content(i: number): readonly Dim[] | null {
    return contentOfValue(this.node.inputs[i]);
  }

  /** The only element of an input, where known. */
  scalar(i: number): Dim | null {
    const content = this.content(i);
    return content?.length === 1 ? content[0] : null;
  }

  /** The elements of an input of integers where they are constants; beyond the safe integers, the nearest one of them. */
  integers(i: number): number[] | null {
    const content = this.node.inputs[i]?.content;
    if (content) return content.some(isSym) ? null : content as number[];
    const tensor = this.constant(i);
    if (!tensor || tensor.numel > MAX_CONTENT || !/^u?int/.test(tensor.dtype)) return null;
    return tensor.toArray().map(saturate);
  }

  /** Like {@linkcode content}, but a constant beyond the safe integers (the "to the end" of Slice) is the nearest of them. */
  bounds(i: number): readonly Dim[] | null {
    return this.content(i) ?? this.integers(i);
  }

  /** The constant that an input is. */
  constant(i: number): Tensor | null {
    return constantOf(this.node.inputs[i]);
  }

  private attribute<T extends OnnxAttribute["type"]>(
    name: string,
    type: T,
  ): Extract<OnnxAttribute, { type: T }> | null {
    const attribute = this.node.attributes.get(name);
    return attribute?.type === type ? attribute as Extract<OnnxAttribute, { type: T }> : null;
  }

  /** An INT attribute. */
  int(name: string): number | null;
  int(name: string, otherwise: number): number;
  int(name: string, otherwise: number | null = null): number | null {
    const value = this.attribute(name, "INT")?.value;
    return value === undefined ? otherwise : saturate(value);
  }

  /** An INTS attribute. */
  ints(name: string): number[] | null {
    return this.attribute(name, "INTS")?.value.map(saturate) ?? null;
  }

  /** A STRING attribute. */
  text(name: string, otherwise = ""): string {
    return this.attribute(name, "STRING")?.value ?? otherwise;
  }

  /** A GRAPH attribute. */
  graph(name: string): OnnxGraph | null {
    return this.attribute(name, "GRAPH")?.value ?? null;
  }

  /** A TENSOR attribute. */
  tensor(name: string): Tensor | null {
    return this.attribute(name, "TENSOR")?.value ?? null;
  }

  /** An attribute that holds an element type; undefined when absent, null when it has no dtype. */
  dtypeAttribute(name: string): DType | null | undefined {
    const code = this.int(name);
    return code === null ? undefined : dtypeOfCode(code);
  }

  /** An axis made non-negative. @throws {RangeError} when it is out of range */
  axis(axis: number, rank: number): number {
    if (axis < -rank || axis >= rank) {
      throw new RangeError(`Axis ${axis} of ${this.node.opType} is out of range for ${rank} dimensions`);
    }
    return axis < 0 ? axis + rank : axis;
  }

  /** Axes made non-negative. @throws {RangeError} when one is out of range or given twice */
  axes(axes: readonly number[], rank: number): number[] {
    const result = axes.map((axis) => this.axis(axis, rank));
    if (new Set(result).size !== result.length) {
      throw new RangeError(`Axes [${axes.join(", ")}] of ${this.node.opType} name a dimension twice`);
    }
    return result;
  }

  /** @throws {RangeError} when the input has another number of dimensions */
  needRank(i: number, least: number, most = Infinity): readonly Dim[] {
    const shape = this.shape(i);
    if (shape.length < least || shape.length > most) {
      const wanted = least === most ? `${least}` : most === Infinity ? `at least ${least}` : `${least} to ${most}`;
      throw new RangeError(`${this.node.opType} takes an input of ${wanted} dimensions, met [${shape.join(", ")}]`);
    }
    return shape;
  }

  /** Whether two sizes are equal; undefined when that depends. */
  same(a: Dim, b: Dim): boolean | undefined {
    return eq(a, b, this.ranges);
  }

  /** Whether `a >= b`; undefined when that depends. */
  atLeast(a: Dim, b: Dim): boolean | undefined {
    return ge(a, b, this.ranges);
  }

  /** `max(a, b)`, without the maximum where it is known which is larger. */
  larger(a: Dim, b: Dim): Dim {
    return this.atLeast(a, b) === true ? a : this.atLeast(b, a) === true ? b : max(a, b);
  }

  /** `min(a, b)`, without the minimum where it is known which is smaller. */
  smaller(a: Dim, b: Dim): Dim {
    return this.atLeast(b, a) === true ? a : this.atLeast(a, b) === true ? b : min(a, b);
  }

  /**
   * Says what is known of an output. A meta that the output already has is kept where it is more telling: its symbols
   * stay, constants win.
   *
   * @throws {RangeError} when the two contradict each other
   */
  set(i: number, dtype: DType | null, shape: readonly Dim[], content: readonly Dim[] | null = null): void {
    const output = this.node.outputs[i];
    if (!output || dtype === null) return;
    const before = output.meta;
    for (const dim of shape) {
      if (!isSym(dim) && !(dim >= 0)) {
        throw new RangeError(`${this.node.opType} would give a result of shape [${shape.join(", ")}]`);
      }
    }
    output.meta = before ? this.merge(output, before, { dtype, shape }) : { dtype, shape };
    if (content && content.length <= MAX_CONTENT && !output.content) output.content = content;
  }

  private merge(output: OnnxValue, before: Meta, after: Meta): Meta {
    const fits = before.dtype === after.dtype && before.shape.length === after.shape.length &&
      before.shape.every((d, i) => this.same(d, after.shape[i]) !== false);
    if (!fits) {
      throw new RangeError(
        `${this.node.opType} gives ${after.dtype}[${after.shape.join(", ")}], but ${output.name} was known to be ` +
          `${before.dtype}[${before.shape.join(", ")}]`,
      );
    }
    return {
      dtype: before.dtype,
      shape: before.shape.map((d, i) => isSym(d) && !isSym(after.shape[i]) ? after.shape[i] : d),
    };
  }

  /** Says that an output has the dtype and shape of an input. */
  setLike(output: number, input: number): void {
    const meta = this.meta(input);
    if (meta) this.set(output, meta.dtype, meta.shape);
  }

  /** A size that only running the graph can tell; the one that the output already has, if it has one. */
  fresh(output: number, axis: number): Dim {
    const value = this.node.outputs[output];
    const before = value?.meta?.shape[axis];
    return before ?? this.freshSymbol(`${value?.name || this.node.opType}_dim${axis}`);
  }

  /** As many unknown sizes. */
  freshShape(output: number, rank: number): Dim[] {
    return Array.from({ length: rank }, (_, axis) => this.fresh(output, axis));
  }

  /** A new symbol. */
  freshSymbol(hint: string): Sym {
    if (this.context) return this.context.freshSymbol(hint);
    return symbol(hint.replaceAll(/[^A-Za-z0-9_]/g, "_").replace(/^(?=\d)/, "_").slice(0, 200));
  }

  /** Infers a subgraph; with `force` what was known of the results of its nodes is forgotten first. */
  inferGraph(graph: OnnxGraph, force = false): void {
    this.inferBody(graph, force);
  }

  /** `a - b`, but never below zero. */
  difference(a: Dim, b: Dim): Dim {
    return this.larger(sub(a, b), 0);
  }
}

function saturate(value: number | bigint): number {
  const n = Number(value);
  return Math.min(Math.max(n, -Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
}
