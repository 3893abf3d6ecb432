/**
 * Builds ONNX graphs. Every node goes through `op`: it infers dtype and shape, folds what is constant, shares equal nodes
 * and names what it makes, so that operator rules say only what to compute. Sizes are symbolic expressions until an
 * operator needs them as a tensor; `ints` then computes them from the values that carry the symbols, once.
 */
import { Complex, type Scalar } from "../fx/mod.ts";
import { Names, type Origin } from "../ir/mod.ts";
import { type Dim, eq, isSym, type Ranges, type Sym, symbol } from "../sym/mod.ts";
import { type DType, isComplex, type Meta, newData, pairsOf, Tensor, toReal } from "../tensor/mod.ts";
import { ComplexValue } from "./complex.ts";
import { foldNode } from "./fold.ts";
import { onnxDType } from "./dtypes.ts";
import { infer } from "./infer.ts";
import { contentOfTensor, type InferContext } from "./infer_site.ts";
import { haveSameLastDim, haveSameShape, isReshaping, mergeReshaping } from "./merge.ts";
import { type AttributeInput, type OnnxAttribute, OnnxGraph, OnnxNode, OnnxValue, toAttributes } from "./model.ts";
import { SymbolTable } from "./symbols.ts";

/** What the graph is meant to run on. */
export type Target = "generic" | "webgpu";

/** Settings of a builder. */
export interface BuilderOptions {
  /** Version of the ONNX domain. */
  readonly opset: number;
  /** What the graph is meant to run on. Default `generic`. */
  readonly target?: Target;
  /** Bounds of the program's symbols: they decide comparisons of sizes. */
  readonly ranges?: Ranges;
  /** Looks at each node before it is made, to make others in its place: `keepNaN` of `strict_nan.ts`. */
  readonly substitute?: Substitution | undefined;
  /** Computes in a narrower dtype what no runtime has in the dtype itself. Default false: that is refused. */
  readonly allowDowncast?: boolean;
}

/** A node that is to be made. */
export interface NodeCall {
  /** The operator. */
  readonly opType: string;
  /** Its domain; ONNX's own is empty. */
  readonly domain: string;
  /** Operands; null for one that is left out. */
  readonly inputs: readonly (OnnxValue | null)[];
  /** Attributes by name. */
  readonly attributes: Readonly<Record<string, AttributeInput>>;
  /** Makes the node itself. */
  readonly plain: () => OnnxValue[];
}

/** Makes other nodes in the place of one; null leaves it as it is. Nodes that it makes are not looked at again. */
export type Substitution = (b: OnnxBuilder, call: NodeCall) => OnnxValue[] | null;

/** A node that is computed in a narrower dtype than PyTorch does. */
export interface Downcast {
  /** The ONNX operator that has no kernel. */
  readonly opType: string;
  /** The dtype of PyTorch's result. */
  readonly from: DType;
  /** The dtype that is computed in. */
  readonly to: DType;
  /** The call that needs it. */
  readonly origin: Origin | null;
}

/** Operators whose results differ from call to call. */
const RANDOM: ReadonlySet<string> = new Set([
  "RandomNormal",
  "RandomNormalLike",
  "RandomUniform",
  "RandomUniformLike",
  "Bernoulli",
  "Multinomial",
  "Dropout",
]);

/** Builds one graph (and its subgraphs). */
export class OnnxBuilder {
  /** Version of the ONNX domain the graph is written for. */
  readonly opset: number;
  /** What the graph is meant to run on. */
  readonly target: Target;
  /** The graph that is built. */
  readonly graph: OnnxGraph;
  /** Names of values, across the graph and its subgraphs. */
  readonly names: Names;
  /** Names of nodes. */
  readonly nodeNames: Names;
  /** Where symbols get their values from. */
  readonly symbols: SymbolTable;
  /** Domains used beside ONNX's own, with their versions. */
  readonly domains: Map<string, number>;
  private origin: Origin | null = null;
  private readonly options: BuilderOptions;
  private readonly inferContext: InferContext;
  private readonly parent: OnnxBuilder | null;
  private readonly root: OnnxBuilder;
  private readonly shared: Map<string, OnnxNode> = new Map();
  private readonly constants: Map<string, OnnxValue> = new Map();
  private readonly ids: Map<OnnxValue, number>;
  private readonly freshCount: { n: number };
  /** Whether nodes are being made in the place of another. */
  private substituting = false;
  /** What was computed in a narrower dtype, in all graphs. */
  readonly downcasts: Downcast[];

  /** A builder of an empty graph; `parent` builds the graph around it. */
  constructor(options: BuilderOptions, name = "main_graph", parent: OnnxBuilder | null = null) {
    this.options = options;
    this.opset = options.opset;
    this.target = options.target ?? "generic";
    this.graph = new OnnxGraph(name);
    this.parent = parent;
    this.root = parent?.root ?? this;
    this.names = parent?.names ?? new Names();
    this.nodeNames = parent?.nodeNames ?? new Names();
    this.domains = parent?.domains ?? new Map();
    this.ids = parent?.ids ?? new Map();
    this.freshCount = parent?.freshCount ?? { n: 0 };
    this.downcasts = parent?.downcasts ?? [];
    this.symbols = new SymbolTable(parent?.symbols ?? null);
    this.inferContext = {
      freshSymbol: (hint) => this.freshSymbol(hint),
      ...(options.ranges ? { ranges: options.ranges } : {}),
    };
  }

  /** How many results the program has of the call whose form is built, where that is known. */
  results: number | undefined;

  /** Bounds of the program's symbols. */
  get ranges(): Ranges | undefined {
    return this.options.ranges;
  }

  /** Whether results must have PyTorch's NaN also where plain nodes may lose it. */
  get strictNan(): boolean {
    return this.options.substitute !== undefined;
  }

  /** Whether `to` may stand for the wider `from` where there is no kernel; remembers it, for a warning. */
  mayDowncast(opType: string, from: DType, to: DType): boolean {
    if (!this.options.allowDowncast) return false;
    this.downcasts.push({ opType, from, to, origin: this.origin });
    return true;
  }

  /** Runs `body`; every node made meanwhile carries `origin`. */
  at<T>(origin: Origin | null, body: () => T): T {
    const before = this.origin;
    this.origin = origin;
    try {
      return body();
    } finally {
      this.origin = before;
    }
  }

  /** Adds a graph input. A complex one is a pair of reals. */
  input(name: string, meta: Meta): OnnxValue {
    if (isComplex(meta.dtype)) {
      return ComplexValue.packed(this.input(name, { dtype: toReal(meta.dtype), shape: [...meta.shape, 2] }));
    }
    const value = new OnnxValue(this.names.fresh(name), meta);
    this.graph.inputs.push(value);
    this.bindSymbols(value);
    return value;
  }

  /** Adds an initializer that stands for a weight; its bytes are not read. A complex one is a pair of reals. */
  initializer(name: string, tensor: Tensor): OnnxValue {
    if (isComplex(tensor.dtype)) return ComplexValue.packed(this.initializer(name, pairsOf(tensor)));
    const value = new OnnxValue(this.names.fresh(name), { dtype: tensor.dtype, shape: tensor.shape });
    value.initializer = tensor;
    this.graph.initializers.add(value);
    return value;
  }

  /** Adds a node with one result. Attribute numbers are INT; tag floats with `float()`. */
  op(
    opType: string,
    inputs: readonly (OnnxValue | null)[],
    attributes: Readonly<Record<string, AttributeInput>> = {},
    domain = "",
  ): OnnxValue {
    return this.ops(opType, inputs, 1, attributes, domain)[0];
  }

  /** Adds a node with several results. A `false` in a list of wanted results leaves that optional output out. */
  ops(
    opType: string,
    inputs: readonly (OnnxValue | null)[],
    outputs: number | readonly boolean[],
    attributes: Readonly<Record<string, AttributeInput>> = {},
    domain = "",
  ): OnnxValue[] {
    const { substitute } = this.options;
    if (substitute && !this.substituting) {
      this.substituting = true;
      try {
        const plain = (): OnnxValue[] => this.ops(opType, inputs, outputs, attributes, domain);
        const others = substitute(this, { opType, domain, inputs, attributes, plain });
        if (others) return others;
      } finally {
        this.substituting = false;
      }
    }
    const wanted = typeof outputs === "number" ? new Array<boolean>(outputs).fill(true) : outputs;
    const given = trimAbsent(opType === "And" && domain === "" ? this.repeatedLast(inputs) : inputs);
    const attrs = toAttributes(attributes);
    const complex = given.find((v) => v instanceof ComplexValue);
    if (complex) throw new TypeError(`The ONNX operator ${opType} takes no ${complex.meta?.dtype}`);
    const key = RANDOM.has(opType) ? null : this.keyOf(opType, domain, given, wanted, attrs);
    const existing = key === null ? null : this.lookup(key);
    if (existing) return [...existing.outputs];

    const stem = this.origin ? `${this.origin.node}_${opType}` : opType;
    const node = new OnnxNode({
      name: "",
      opType,
      domain,
      inputs: given,
      outputs: wanted.map((yes) => new OnnxValue(yes ? stem : "")),
      attributes: attrs,
      origin: this.origin,
    });
    const sizes = this.freshCount.n;
    infer(node, this.opset, this.inferContext);
    const folded = domain === "" ? this.fold(node) : null;
    if (folded) {
      for (const graph of node.subgraphs()) graph.clear();
      return folded;
    }
    const same = passThrough(node) ?? this.merge(node);
    if (same) return [same];

    node.name = this.nodeNames.fresh(`node_${stem}`);
    for (const value of node.outputs) if (value.name !== "") value.name = this.names.fresh(value.name);
    this.graph.insert(node);
    // What inference could not tell is read from the result where it is needed.
    if (this.freshCount.n > sizes) node.outputs.forEach((value) => this.symbols.bindShape(value));
    if (key !== null) this.shared.set(key, node);
    if (domain !== "" && !this.domains.has(domain)) this.domains.set(domain, 1);
    return [...node.outputs];
  }

  /**
   * The operands of And, none of which is left to be repeated along the last dim: onnxruntime's WebGPU kernel keeps its shader
   * for later nodes without regard to which operand that is, so that a model with several kinds of masks gets wrong bits.
   */
  private repeatedLast(inputs: readonly (OnnxValue | null)[]): readonly (OnnxValue | null)[] {
    const [x, y] = inputs;
    if (!x?.meta || !y?.meta || haveSameLastDim(x, y)) return inputs;
    const repeated = (value: OnnxValue, other: OnnxValue): OnnxValue =>
      this.meta(value).shape.at(-1) === 1
        ? this.op("Expand", [value, this.ints([this.meta(other).shape.at(-1)!])])
        : value;
    return [repeated(x, y), repeated(y, x)];
  }

  /** The result of a node that is one with the node before it. */
  private merge(node: OnnxNode): OnnxValue | null {
    const merged = mergeReshaping(node);
    if (!merged || merged instanceof OnnxValue) return merged;
    const operand = merged.operand instanceof OnnxValue ? merged.operand : this.ints(merged.operand);
    const result = this.op(merged.opType, [merged.input, operand], merged.attributes);
    // Inference may know less of it: -1 in a shape is harder to follow than a dim of size 1.
    if (result.producer?.opType === merged.opType) result.meta = node.outputs[0].meta;
    return result;
  }

  /** A new value equal to another: always a node of its own, for an output that must have another name. */
  copy(value: OnnxValue): OnnxValue {
    if (value instanceof ComplexValue) return ComplexValue.packed(this.copy(this.packed(value)));
    const result = new OnnxValue(this.names.fresh(`${value.name}_Identity`), value.meta);
    const name = this.nodeNames.fresh(`node_${value.name}_Identity`);
    this.graph.insert(
      new OnnxNode({ name, opType: "Identity", inputs: [value], outputs: [result], origin: this.origin }),
    );
    return result;
  }

  /** dtype and shape of a value. @throws {TypeError} when they are unknown */
  meta(value: OnnxValue): Meta {
    if (!value.meta) throw new TypeError(`The dtype and shape of ${value.name} are not known`);
    return value.meta;
  }

  /** A shared constant. */
  constant(tensor: Tensor): OnnxValue {
    if (isComplex(tensor.dtype)) return ComplexValue.packed(this.constant(pairsOf(tensor)));
    const loaded = tensor.contiguous();
    const key = `${loaded.dtype}[${loaded.shape.join()}]${binary(loaded.bytes())}`;
    // Constants live in the outermost graph: subgraphs see them, and equal ones are shared.
    const found = this.root.constants.get(key);
    if (found) return found;
    const value = this.root.initializer(constantName(loaded), loaded);
    value.content = contentOfTensor(loaded);
    this.root.constants.set(key, value);
    return value;
  }

  /** A constant 0-d tensor, or one of shape `[1, 1, …]` of the given rank. A symbolic number is computed. */
  scalar(value: Scalar, dtype: DType, rank = 0): OnnxValue {
    const shape = new Array<number>(rank).fill(1);
    if (isSym(value)) {
      const scalar = this.symbolic(value);
      const typed = this.cast(scalar, dtype);
      return rank === 0 ? typed : this.op("Reshape", [typed, this.ints(shape)]);
    }
    if (isComplex(dtype)) {
      const [re, im] = value instanceof Complex ? [value.re, value.im] : [value, 0];
      const [real, hasImaginary] = [toReal(dtype), im !== 0 || Object.is(im, -0)];
      return ComplexValue.parts(this.scalar(re, real, rank), hasImaginary ? this.scalar(im, real, rank) : null);
    }
    if (value instanceof Complex) throw new TypeError(`A ${dtype} can't be made of ${value.re} + ${value.im}j`);
    const data = newData(dtype, 1);
    const big = data instanceof BigInt64Array || data instanceof BigUint64Array;
    data[0] = big ? toInteger(value) : dtype === "bool" ? Number(Boolean(value)) : Number(value);
    return this.constant(Tensor.of(dtype, shape, data));
  }

  /** A 1-d int64 tensor; symbolic elements are computed from the graph's inputs. */
  ints(values: readonly Dim[]): OnnxValue {
    if (!values.some(isSym)) {
      return this.constant(Tensor.of("int64", [values.length], BigInt64Array.from(values as number[], BigInt)));
    }
    // Runs of constants become one piece.
    const pieces: OnnxValue[] = [];
    let run: number[] = [];
    const flush = (): void => {
      if (run.length > 0) pieces.push(this.ints(run));
      run = [];
    };
    for (const value of values) {
      if (!isSym(value)) run.push(value);
      else {
        flush();
        pieces.push(this.op("Reshape", [this.dim(value), this.ints([1])]));
      }
    }
    flush();
    const result = pieces.length === 1 ? pieces[0] : this.op("Concat", pieces, { axis: 0 });
    result.content = values;
    return result;
  }

  /** A 0-d int64 tensor that holds a size. */
  dim(value: Dim): OnnxValue {
    return isSym(value) ? this.symbolic(value) : this.scalar(BigInt(value), "int64");
  }

  /** A 0-d tensor (int64, float32 or bool) that holds a symbolic number. */
  symbolic(value: Sym): OnnxValue {
    const result = this.symbols.compute(this, value);
    if (value.kind === "int" && result.content === null) result.content = [value];
    return result;
  }

  /** The value in another dtype; itself if it already has it. */
  cast(value: OnnxValue, dtype: DType): OnnxValue {
    if (this.meta(value).dtype === dtype) return value;
    if (value instanceof ComplexValue) {
      if (isComplex(dtype)) return value.withPrecision(this, toReal(dtype));
      if (dtype !== "bool") return this.cast(this.real(value), dtype);
      const [re, im] = [this.real(value), this.imaginary(value)];
      return im ? this.op("Or", [this.cast(re, dtype), this.cast(im, dtype)]) : this.cast(re, dtype);
    }
    if (isComplex(dtype)) return ComplexValue.parts(this.cast(value, toReal(dtype)), null);
    return this.op("Cast", [value], { to: onnxDType(dtype) });
  }

  /** The real part; of a real value, the value. */
  real(value: OnnxValue): OnnxValue {
    return value instanceof ComplexValue ? value.part(this, 0)! : value;
  }

  /** The imaginary part; null where it is zero. */
  imaginary(value: OnnxValue): OnnxValue | null {
    return value instanceof ComplexValue ? value.part(this, 1) : null;
  }

  /** A complex value as the graph's inputs and outputs are: with its parts in a last dim. Other values as they are. */
  packed(value: OnnxValue): OnnxValue {
    return value instanceof ComplexValue ? value.asPacked(this) : value;
  }

  /** The value in another shape; uses `0` and `-1` where that saves computing a size. */
  reshape(value: OnnxValue, shape: readonly Dim[]): OnnxValue {
    if (value instanceof ComplexValue) return value.map((v, tail) => this.reshape(v, [...shape, ...tail]));
    const { dtype, shape: from } = this.meta(value);
    const isSame = (other: readonly Dim[]): boolean =>
      other.length === shape.length && shape.every((d, i) => eq(d, other[i]) === true);
    if (isSame(from)) return value;
    // The shape in between does not matter, where it is not needed to tell sizes.
    const { producer } = value;
    const source = isReshaping(producer) ? producer.inputs[0]! : null;
    if (source?.meta && (isSame(source.meta.shape) || openSizes(source.meta.shape, shape).length <= 1)) {
      return this.reshape(source, shape);
    }
    const symbolicAt = shape.flatMap((d, i) => isSym(d) ? [i] : []);
    const open = openSizes(from, shape);
    const hasZero = shape.includes(0);
    let result: OnnxValue;
    if (symbolicAt.length === 1 && !hasZero) {
      result = this.op("Reshape", [value, this.ints(shape.map((d) => isSym(d) ? -1 : d))]);
    } else if (open.length <= 1 && !hasZero) {
      result = this.op("Reshape", [value, this.ints(shape.map((d, i) => !isSym(d) ? d : open.includes(i) ? -1 : 0))]);
    } else {
      // 0 must mean 0 here, not "as in the input", also where a size comes to be 0.
      result = this.op("Reshape", [value, this.ints(shape)], { allowzero: 1 });
    }
    if (result.producer?.opType === "Reshape" && result !== value) result.meta = { dtype, shape };
    return result;
  }

  /** Adds a dim of size 1 at each of the axes of the result. */
  unsqueeze(value: OnnxValue, ...axes: number[]): OnnxValue {
    if (value instanceof ComplexValue) return value.map((v) => this.unsqueeze(v, ...axes));
    return axes.length === 0 ? value : this.op("Unsqueeze", [value, this.ints(axes)]);
  }

  /** Removes dims of size 1. */
  squeeze(value: OnnxValue, ...axes: number[]): OnnxValue {
    if (value instanceof ComplexValue) return value.map((v) => this.squeeze(v, ...axes));
    return axes.length === 0 ? value : this.op("Squeeze", [value, this.ints(axes)]);
  }

  /** Permutes dims; nothing when the order stays. */
  transpose(value: OnnxValue, perm: readonly number[]): OnnxValue {
    if (value instanceof ComplexValue) {
      return value.map((v, tail) => this.transpose(v, [...perm, ...tail.map((_, i) => perm.length + i)]));
    }
    return perm.every((p, i) => p === i) ? value : this.op("Transpose", [value], { perm });
  }

  /** Builds a subgraph: values of this graph may be used inside. */
  subgraph(name: string, body: (b: OnnxBuilder) => readonly OnnxValue[]): OnnxGraph {
    const inner = new OnnxBuilder(this.options, name, this);
    inner.origin = this.origin;
    // Outputs must be values of the subgraph itself.
    const isOwn = (v: OnnxValue): boolean => v.producer?.graph === (inner.graph as unknown);
    const used = new Set<OnnxValue>();
    inner.graph.outputs = body(inner).map((v) => {
      // A runtime tells outputs apart by their names.
      const output = isOwn(v) && !used.has(v) ? v : inner.copy(v);
      used.add(output);
      return output;
    });
    return inner.graph;
  }

  /** A symbol for a size that only running the graph can tell. */
  freshSymbol(_hint: string): Sym {
    return symbol(`unk${this.freshCount.n++}`);
  }

  /** Lets symbols that are dims of the value be computed from it. */
  bindSymbols(value: OnnxValue): void {
    if (value instanceof ComplexValue) value.values().forEach((part) => this.bindSymbols(part));
    else if (value.meta) this.symbols.bindShape(value);
  }

  /** Nodes of outer graphs are visible in a subgraph. */
  private lookup(key: string): OnnxNode | null {
    return this.shared.get(key) ?? this.parent?.lookup(key) ?? null;
  }

  /** What nodes that compute the same have in common; null for nodes that are never shared. */
  private keyOf(
    opType: string,
    domain: string,
    inputs: readonly (OnnxValue | null)[],
    wanted: readonly boolean[],
    attributes: ReadonlyMap<string, OnnxAttribute>,
  ): string | null {
    const parts = [domain, opType, inputs.map((v) => v ? this.idOf(v) : "").join(), wanted.map(Number).join("")];
    for (const [name, a] of [...attributes].sort(([x], [y]) => x < y ? -1 : 1)) {
      if (a.type === "GRAPH") return null;
      const text = a.type === "TENSOR"
        ? `${a.value.dtype}[${a.value.shape.join()}]${binary(a.value.bytes())}`
        : typeof a.value === "object"
        ? a.value.map(keyOfElement).join()
        : keyOfElement(a.value);
      parts.push(`${name}:${a.type}:${text}`);
    }
    return parts.join("|");
  }

  /** A number for a value, for keys. */
  private idOf(value: OnnxValue): number {
    let id = this.ids.get(value);
    if (id === undefined) this.ids.set(value, id = this.ids.size);
    return id;
  }

  /** The results as constants, where they can be computed now. */
  private fold(node: OnnxNode): OnnxValue[] | null {
    return foldNode(node, this.opset)?.map((tensor) => this.constant(tensor)) ?? null;
  }
}

/** Symbolic sizes of a shape that are not those of the same dims before. */
function openSizes(from: readonly Dim[], shape: readonly Dim[]): number[] {
  return shape.flatMap((d, i) => isSym(d) && !(i < from.length && eq(d, from[i]) === true) ? [i] : []);
}

/** Trailing absent inputs are left out. */
function trimAbsent(inputs: readonly (OnnxValue | null)[]): readonly (OnnxValue | null)[] {
  let n = inputs.length;
  while (n > 0 && inputs[n - 1] === null) n--;
  return inputs.slice(0, n);
}

/** Nodes that give back their input: Cast to the same dtype, Transpose in order, Reshape or Expand to the same shape. */
function passThrough(node: OnnxNode): OnnxValue | null {
  const [input] = node.inputs;
  const [output] = node.outputs;
  if (!input?.meta || !output.meta || node.outputs.length !== 1 || node.domain !== "") return null;
  switch (node.opType) {
    case "Cast":
      return input.meta.dtype === output.meta.dtype ? input : null;
    case "Transpose": {
      const perm = node.attributes.get("perm");
      return perm?.type === "INTS" && perm.value.every((p, i) => p === i) ? input : null;
    }
    case "Reshape":
    case "Expand":
      return haveSameShape(input, output) ? input : null;
    default:
      return null;
  }
}

/** Strings are quoted, so that no text looks like two. */
function keyOfElement(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : Object.is(value, -0) ? "-0" : String(value);
}

function binary(bytes: Uint8Array): string {
  let text = "";
  for (const b of bytes) text += String.fromCharCode(b);
  return text;
}

function toInteger(value: number | bigint | boolean): bigint {
  if (typeof value === "number" && !Number.isInteger(value)) {
    if (!Number.isFinite(value)) throw new RangeError(`Cannot make an integer of ${value}`);
    return BigInt(Math.trunc(value));
  }
  return BigInt(value);
}

/** Small constants are named by their value: `int64_0_2`, `float32_0.5`. */
function constantName(tensor: Tensor): string {
  if (tensor.numel > 4 || tensor.numel === 0 || tensor.shape.length > 1) return `const_${tensor.dtype}`;
  return `${tensor.dtype}_${tensor.toArray().join("_")}`;
}
