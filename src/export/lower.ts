/**
 * Emits the ONNX model of a functional FX program: inputs, weights, what its graph computes, outputs. Refusals are collected,
 * so that one run tells all of them. Names follow one order of right: the user's, the state_dict's, the FX graph's.
 */
import type { OpTable } from "../aten/mod.ts";
import {
  DTypeArg,
  type ExportedProgram,
  FxValue,
  type InputSpec,
  isLiteral,
  type OutputSpec,
  tensorOf,
} from "../fx/mod.ts";
import { ArchiveError, ExportError, type Fx2OnnxError, LoweringError, OptionError } from "../ir/mod.ts";
import { type Downcast, OnnxBuilder, type Substitution, type Target } from "../onnx/builder.ts";
import { ComplexValue } from "../onnx/complex.ts";
import { Model, type OnnxValue } from "../onnx/model.ts";
import { isSym } from "../sym/mod.ts";
import type { Meta, Storage, Tensor } from "../tensor/mod.ts";
import { GraphLowering, type NodeTimer, scalarDType } from "./lower_graph.ts";

/** What the lowering needs to know beyond the program. */
export interface LowerOptions {
  readonly opset: number;
  readonly irVersion: number;
  readonly target?: Target;
  /** Names of the first inputs, in the order of the program's user inputs. */
  readonly inputNames?: readonly string[];
  /** Names of the first outputs. */
  readonly outputNames?: readonly string[];
  /** What becomes of mutated buffers and inputs. */
  readonly state: "outputs" | "inputs" | "drop";
  /** Versions of domains other than ONNX's own. Default 1. */
  readonly customOpsets?: ReadonlyMap<string, number>;
  /** Looks at each node of the model before it is made. */
  readonly substitute?: Substitution | undefined;
  /** Computes in a narrower dtype what no runtime has in the dtype itself. */
  readonly allowDowncast?: boolean;
  /** Tensors that the code makes, as `readLiterals` gives them: what is computed from nothing else is folded. */
  readonly literals?: ReadonlyMap<Tensor, Tensor>;
  /** Told of each node, where an export is profiled. */
  readonly timer?: NodeTimer | undefined;
}

/**
 * The model and what connects it to the program.
 *
 * @internal
 */
export interface Lowered {
  readonly model: Model;
  /** ONNX value of each FX tensor value that has one, for value-by-value verification. */
  readonly values: ReadonlyMap<FxValue, OnnxValue>;
  /** Which user input each graph input is, by position; state inputs come after. */
  readonly inputs: readonly { readonly spec: InputSpec; readonly value: OnnxValue }[];
  /** Which output spec each graph output is. */
  readonly outputs: readonly { readonly spec: OutputSpec; readonly value: OnnxValue }[];
  /** All state_dict names of each initializer that stands for tied weights. */
  readonly ties: ReadonlyMap<string, readonly string[]>;
  /** What is computed in a narrower dtype. */
  readonly downcasts: readonly Downcast[];
}

/** What connects a model to its program, when passes have run on the model: an output may be another value of its name. */
export function afterOptimization(lowered: Lowered): Lowered {
  const { outputs } = lowered.model.graph;
  return { ...lowered, outputs: lowered.outputs.map(({ spec }, i) => ({ spec, value: outputs[i] })) };
}

/** Bytes of a tensor that the code makes, up to which it is read. */
const MAX_LITERAL_BYTES = 1024;

/** The small tensors that the code makes, each with its values. Those that an archive lacks the values of are left out. */
export async function readLiterals(program: ExportedProgram): Promise<Map<Tensor, Tensor>> {
  const small = [...program.constants].filter(([name, tensor]) =>
    isLiteral(name) && tensor.byteLength <= MAX_LITERAL_BYTES && !tensor.isMissing
  );
  return new Map(await Promise.all(small.map(async ([, t]): Promise<[Tensor, Tensor]> => [t, await t.load()])));
}

/**
 * Lowers a functional program.
 *
 * @param refused what is refused already: operators without a record, calls that passes could not replace
 * @throws {ExportError} with every refusal: those first, then nodes in program order
 * @throws {OptionError} when a name is given to an input and to another value
 */
export function lower(
  program: ExportedProgram,
  table: OpTable,
  options: LowerOptions,
  refused: readonly Fx2OnnxError[] = [],
): Lowered {
  return new Lowering(program, table, options, refused).run();
}

class Lowering {
  private readonly builder: OnnxBuilder;
  private readonly graph: GraphLowering;
  private readonly values: Map<FxValue, OnnxValue> = new Map();
  private readonly errors: Fx2OnnxError[] = [];
  private readonly ties: Map<string, string[]> = new Map();

  constructor(
    private readonly program: ExportedProgram,
    private readonly table: OpTable,
    private readonly options: LowerOptions,
    private readonly refused: readonly Fx2OnnxError[],
  ) {
    this.builder = new OnnxBuilder({ ...options, ranges: program.rangeConstraints });
    this.graph = new GraphLowering(this.builder, {
      table,
      ranges: program.rangeConstraints,
      values: this.values,
      numbers: new Map(),
      claimed: new Set(),
      errors: this.errors,
      timer: options.timer,
    });
  }

  run(): Lowered {
    const { builder, options } = this;
    this.errors.push(...this.refused);
    for (const name of [...options.inputNames ?? [], ...options.outputNames ?? []]) this.keep(name);
    const inputs = this.addInputs();
    for (const node of this.program.graph.nodes()) this.graph.lowerNode(node);
    const outputs = this.addOutputs();
    for (const [value, spec] of this.literals) this.describeInput(value, spec);
    if (this.errors.length > 0) throw new ExportError(this.errors);
    const model = new Model(builder.graph, options.opset, options.irVersion);
    for (const [domain, version] of builder.domains) {
      model.opsetImports.set(domain, options.customOpsets?.get(domain) ?? version);
    }
    return { model, values: graphValues(this.values), inputs, outputs, ties: this.ties, downcasts: builder.downcasts };
  }

  /** Names that are taken for values which are not made yet. */
  private readonly kept: Set<string> = new Set();

  private keep(name: string): void {
    if (this.builder.names.reserve(name)) this.kept.add(name);
  }

  /** Lets the value that a name was kept for have it. */
  private yieldName(name: string): void {
    if (this.kept.delete(name)) this.builder.names.release(name);
  }

  private addInputs(): { spec: InputSpec; value: OnnxValue }[] {
    const { builder, options } = this;
    const specs = this.program.signature.inputSpecs;
    const users = specs.filter((s) => s.kind === "USER_INPUT" && s.value.meta.kind !== "constant");
    const outputs = this.program.signature.outputSpecs;
    const mutated = new Set(outputs.filter((o) => STATE_MUTATIONS.has(o.kind)).map((o) => o.target));
    // Weights claim their names before FX names do; user's names are reserved already.
    const weights = specs.filter((s) => s.target !== null && s.kind !== "CUSTOM_OBJ" && s.kind !== "TOKEN");
    const isState = (s: InputSpec): boolean => s.target !== null && mutated.has(s.target);
    const asInput = new Map<InputSpec, OnnxValue>();
    const pending: InputSpec[] = [];
    for (const spec of weights) {
      if (isState(spec) && options.state === "inputs") pending.push(spec);
      else asInput.set(spec, this.addWeight(spec));
    }
    for (const spec of pending) this.keep(spec.target!);
    // Names of state that goes out are claimed before those of the program's values.
    if (options.state !== "drop") {
      for (const spec of outputs) if (isMutation(spec)) this.keep(`${spec.target}_out`);
    }
    const inputs: { spec: InputSpec; value: OnnxValue }[] = [];
    for (const [i, spec] of users.entries()) {
      this.graph.collect(null, () => {
        inputs.push({ spec, value: this.addUserInput(spec, options.inputNames?.[i]) });
      });
    }
    for (const spec of pending) {
      this.yieldName(spec.target!);
      const input = builder.input(spec.target!, tensorMeta(spec.value));
      this.values.set(spec.value, input);
      const value = builder.packed(input);
      this.describeInput(value, spec);
      inputs.push({ spec, value });
    }
    for (const [spec, value] of asInput) {
      const state = isState(spec) && options.state === "outputs";
      if (state && !builder.graph.inputs.includes(value)) builder.graph.inputs.push(value);
    }
    return inputs;
  }

  private addUserInput(spec: InputSpec, given: string | undefined): OnnxValue {
    const { builder } = this;
    if (given !== undefined) this.yieldName(given);
    const name = given ?? spec.value.name;
    const meta = spec.value.meta;
    let value: OnnxValue;
    if (meta.kind === "tensor") value = builder.input(name, { dtype: meta.dtype, shape: meta.shape });
    else if (meta.kind === "sym") {
      value = builder.input(name, { dtype: scalarDType(meta), shape: [] });
      if (isSym(meta.expr)) builder.symbols.bindExpr(meta.expr, value);
    } else {
      const what = meta.kind === "object" ? `an object of class ${meta.className}` : "a constant";
      throw new LoweringError(`Input ${spec.value.name} is ${what}, which ONNX has no value for`, {
        hint: "Make it an attribute of the model, or give its tensors as inputs",
      });
    }
    this.values.set(spec.value, value);
    const input = builder.packed(value);
    this.describeInput(input, spec);
    return input;
  }

  /** Tied weights are one initializer under the first name. */
  private readonly weights: Map<Storage, Map<string, { value: OnnxValue; weight: OnnxValue }>> = new Map();

  /** They are described last: a value without metadata is a constant, which is folded. */
  private readonly literals: Map<OnnxValue, InputSpec> = new Map();

  private addWeight(spec: InputSpec): OnnxValue {
    const stored = tensorOf(this.program, spec);
    if (!stored) throw new ArchiveError(`${spec.kind} ${spec.target} has no tensor in the archive`);
    const literal = this.options.literals?.get(stored);
    const tensor = literal ?? stored;
    const views = this.weights.get(tensor.storage) ?? new Map();
    const view = [tensor.dtype, tensor.offset, tensor.shape.join(), tensor.strides.join()].join(" ");
    const tied = views.get(view);
    if (tied) {
      this.ties.get(tied.value.name)!.push(spec.target!);
      this.values.set(spec.value, tied.weight);
      return tied.value;
    }
    const weight = this.builder.initializer(spec.target!, tensor);
    const value = this.builder.packed(weight);
    views.set(view, { value, weight });
    this.weights.set(tensor.storage, views);
    this.ties.set(value.name, [spec.target!]);
    this.values.set(spec.value, weight);
    if (literal) this.literals.set(value, spec);
    else this.describeInput(value, spec);
    return value;
  }

  private describeInput(value: OnnxValue, spec: InputSpec): void {
    const persistent = spec.persistent === null ? "None" : spec.persistent ? "True" : "False";
    value.metadata.set("pkg.torch.export.graph_signature.InputSpec.kind", spec.kind);
    value.metadata.set("pkg.torch.export.graph_signature.InputSpec.persistent", persistent);
    value.metadata.set("pkg.torch.onnx.original_node_name", spec.value.name);
  }

  private addOutputs(): { spec: OutputSpec; value: OnnxValue }[] {
    const { builder, options } = this;
    const outputs: { spec: OutputSpec; value: OnnxValue }[] = [];
    const specs = this.program.signature.outputSpecs;
    const users = specs.filter((s) => s.kind === "USER_OUTPUT" || s.kind === "LOSS_OUTPUT");
    const state = options.state === "drop" ? [] : specs.filter(isMutation);
    const used = new Set<OnnxValue>();
    let position = 0;
    for (const spec of [...users, ...state]) {
      const producer = spec.arg instanceof FxValue ? spec.arg.producer : null;
      this.graph.collect(producer?.origin ?? null, () => {
        const value = this.outputValue(spec);
        if (!value) return;
        const source = builder.packed(value);
        const isUser = !isMutation(spec);
        const given = isUser ? options.outputNames?.[position++] : undefined;
        const original = spec.arg instanceof FxValue ? spec.arg.name : "";
        if (source !== value) this.graph.claimOutput(source, original);
        const output = this.outputAs(source, given ?? (isUser ? undefined : `${spec.target}_out`), used, original);
        used.add(output);
        output.metadata.set("pkg.torch.export.graph_signature.OutputSpec.kind", spec.kind);
        if (!output.metadata.has("pkg.torch.onnx.original_node_name")) {
          output.metadata.set("pkg.torch.onnx.original_node_name", original);
        }
        outputs.push({ spec, value: output });
      });
    }
    for (const { kind } of specs) {
      if (!kind.startsWith("GRADIENT_")) continue;
      this.errors.push(
        new LoweringError("The program computes gradients, which can't be exported", {
          hint: "Export the forward program",
        }),
      );
      break;
    }
    if (outputs.length === 0 && this.errors.length === 0) {
      this.errors.push(
        new LoweringError("The program gives no value that ONNX has: its outputs are None or texts", {
          hint: "Return a tensor or a number",
        }),
      );
    }
    builder.graph.outputs = outputs.map((o) => o.value);
    return outputs;
  }

  /** The value of an output; null for None and strings, which ONNX has no value for. */
  private outputValue(spec: OutputSpec): OnnxValue | null {
    const { builder } = this;
    const { arg } = spec;
    if (arg === null || typeof arg === "string") return null;
    if (typeof arg === "bigint") return builder.scalar(arg, "int64");
    if (typeof arg === "boolean") return builder.scalar(arg, "bool");
    if (typeof arg === "number") return builder.scalar(arg, "float32");
    if (arg instanceof FxValue) {
      if (arg.meta.kind === "tensor") return this.graph.valueOf(arg);
      if (arg.meta.kind === "constant") return this.outputValue({ ...spec, arg: arg.meta.value });
      if (arg.meta.kind === "sym") {
        // An int is exact as a bigint; a float is stored as such a constant is.
        const { expr, type } = arg.meta;
        return builder.scalar(type === "int" && typeof expr === "number" ? BigInt(expr) : expr, scalarDType(arg.meta));
      }
    }
    throw new LoweringError(`An output of kind ${arg instanceof DTypeArg ? "dtype" : typeof arg} has no ONNX value`);
  }

  /** The value under the output's name; a copy where the value already is an input, a weight or another output. */
  private outputAs(
    source: OnnxValue,
    name: string | undefined,
    used: ReadonlySet<OnnxValue>,
    original: string,
  ): OnnxValue {
    const { builder } = this;
    const isInput = source.producer === null && source.initializer === null;
    if (isInput && (name === undefined || name === source.name) && !used.has(source)) return source;
    if (name !== undefined) {
      const clash = builder.graph.inputs.find((input) => input.name === name);
      if (clash) {
        throw new OptionError(`Option outputNames has ${name}, which is the name of an input`, {
          hint: "Give the output another name",
        });
      }
      this.yieldName(name);
    }
    if (source.producer === null || used.has(source)) {
      const copy = builder.copy(source);
      this.graph.rename(copy, name ?? (original || source.name));
      return copy;
    }
    if (name !== undefined) this.graph.rename(source, name);
    return source;
  }
}

/** The values of the graph: of a complex one, its parts in one tensor, where there is such a value. */
function graphValues(values: ReadonlyMap<FxValue, OnnxValue>): Map<FxValue, OnnxValue> {
  const result = new Map<FxValue, OnnxValue>();
  for (const [fx, value] of values) {
    if (!(value instanceof ComplexValue)) result.set(fx, value);
    else if (value.form.kind === "packed") result.set(fx, value.form.value);
  }
  return result;
}

/** Mutations of what the program owns. */
const STATE_MUTATIONS: ReadonlySet<OutputSpec["kind"]> = new Set<OutputSpec["kind"]>([
  "BUFFER_MUTATION",
  "PARAMETER_MUTATION",
]);

function isMutation({ kind }: OutputSpec): boolean {
  return STATE_MUTATIONS.has(kind) || kind === "USER_INPUT_MUTATION";
}

function tensorMeta(value: FxValue): Meta {
  if (value.meta.kind !== "tensor") throw new TypeError(`${value.name} is not a tensor`);
  return { dtype: value.meta.dtype, shape: value.meta.shape };
}
