/**
 * One model with its example arguments, and what is planned of their sizes. A session records the model as often as that
 * takes: a condition on sizes that comes up changes the plan, and the model is run anew.
 */
import { RECORDS } from "../aten/records.ts";
import { type ExportedProgram, type FxMeta, type SampleInput } from "../fx/mod.ts";
import { fullMeta } from "../aten/calls.ts";
import { CaptureError, Fx2OnnxError, sourceText } from "../ir/mod.ts";
import { type Dim as Size, isSym } from "../sym/mod.ts";
import { Tensor as CoreTensor } from "../tensor/mod.ts";
import { recordedBy } from "../trace/context.ts";
import { Dim } from "../trace/dim.ts";
import { readLines } from "../trace/frames.ts";
import { GuardError } from "../trace/guards.ts";
import { programOf } from "../trace/program.ts";
import { Tracer } from "../trace/tracer.ts";
import { TensorBase } from "./base.ts";
import { DimPlan, type PlannedInput } from "./dim_plan.ts";
import { parameterNames } from "./parameters.ts";
import { flatten, type Leaf, mapLeaves } from "./pytree.ts";
import type { Snapshot, Subject } from "./subject.ts";
import { fromDim, SymbolicNumber, toExpression } from "./symbolic.ts";
import { Tensor } from "./tensor.ts";

/** The program of a model, and what the user calls its symbols. */
export interface Recorded {
  readonly program: ExportedProgram;
  /** The user's names of the program's symbols. */
  readonly dimNames: ReadonlyMap<string, string>;
}

/** Arguments of a model. */
export interface ModelArguments {
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  /** A tree like the arguments', by position or by name; one dim for every axis; null for none. */
  readonly dynamicShapes: unknown;
  /** Dynamic axes by the names of inputs, instead of `dynamicShapes`. */
  readonly axes?: NamedAxes | null;
}

/** `dynamicAxes`, and the names that it speaks of. */
export interface NamedAxes {
  readonly dynamicAxes: Readonly<Record<string, unknown>>;
  readonly inputNames: readonly string[];
}

/** Captures one model. */
export class Session {
  readonly subject: Subject;
  /** What a reader of the program should know. */
  readonly warnings: string[] = [];
  /** The arguments as `forward` is called, those by name in their place. */
  readonly args: readonly unknown[];
  private readonly leaves: readonly Leaf[];
  private readonly names: readonly string[];
  private readonly positional: number;
  private readonly kwargNames: readonly string[];
  private readonly plan: DimPlan;

  private constructor(subject: Subject, names: readonly string[], given: ModelArguments) {
    this.subject = subject;
    this.names = names;
    this.positional = given.args.length;
    this.kwargNames = names.filter((name) => Object.hasOwn(given.kwargs, name));
    this.args = placed(names, given, subject.name);
    this.leaves = this.args.flatMap((arg, i) => {
      if (i >= this.positional && !this.kwargNames.includes(names[i])) return [];
      return flatten(arg, isLeaf, "builtins.list", [i]).leaves;
    });
    this.plan = new DimPlan(this.planned(this.specs(given)));
  }

  /**
   * Opens a session.
   *
   * @throws {TypeError} for arguments that can't be passed
   * @throws {OptionError} when `dynamicShapes` does not fit them
   */
  static async open(subject: Subject, given: ModelArguments): Promise<Session> {
    const names = await parameterNames(subject.forward);
    // A parameter that gathers the rest stands for any number of arguments.
    for (let i = names.length; i < given.args.length; i++) names.push(`arg_${i}`);
    return new Session(subject, names, given);
  }

  /**
   * Records what `invoke` does with the arguments that it is given.
   *
   * @param invoke runs the model; it may be called several times
   * @throws {CaptureError} with all dims that can't vary as the user says
   */
  async record(invoke: (args: readonly unknown[]) => unknown, dynamic = true): Promise<Recorded> {
    while (true) {
      const tracer = new Tracer(RECORDS, this.subject.scopes());
      const snapshot = this.subject.snapshot();
      try {
        this.subject.declare(tracer);
        const args = this.declareInputs(tracer, dynamic);
        const result = recordedBy(tracer, () => invoke(args));
        if (result instanceof Promise) {
          throw new CaptureError("The model's forward is async: it must return its results");
        }
        const recorded = await this.finish(tracer, snapshot, result);
        this.plan.check();
        return recorded;
      } catch (error) {
        if (!(error instanceof GuardError)) throw await withCode(error);
        const located = await withCode(
          new CaptureError(this.named(error.message), error.location ?? {}, { cause: error }),
        );
        const { fact, location: { source } } = located;
        const told = source ? `${fact}\n  ${sourceText(source)}` : fact;
        if (error.guard === null || !this.plan.learn(error.guard, told)) throw located;
      } finally {
        snapshot.restore();
      }
    }
  }

  /** Whether any size is to vary. */
  get isDynamic(): boolean {
    return this.plan.isDynamic;
  }

  /** The example's leaves as they are verified with. */
  samples(): SampleInput[] {
    return this.leaves.map(({ value }) => {
      if (value instanceof TensorBase) return value.value as CoreTensor;
      if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
      return value as SampleInput;
    });
  }

  /** What is said of the sizes of each leaf. */
  private specs({ axes, dynamicShapes }: ModelArguments): unknown[] {
    if (axes) return namedSpecs(this.leaves, axes);
    if (!(dynamicShapes instanceof Dim)) return specTrees(this.args, this.positional, this.names, dynamicShapes);
    return this.leaves.map(({ value }) => isTensor(value) ? value.shape.map(() => dynamicShapes) : null);
  }

  private planned(specs: readonly unknown[]): PlannedInput[] {
    return this.leaves.map(({ value, path }, i) => {
      const where = this.where(path);
      if (value instanceof TensorBase) return { where, shape: concrete(value, where).shape, spec: specs[i] };
      if (value instanceof CoreTensor) return { where, shape: value.shape, spec: specs[i] };
      const isInt = typeof value === "number" && Number.isSafeInteger(value);
      return isInt && specs[i] != null
        ? { where, shape: null, value, spec: specs[i] }
        : { where, shape: [], spec: isInt ? null : specs[i] };
    });
  }

  /** Graph inputs for the leaves, and the arguments made of them. */
  private declareInputs(tracer: Tracer, dynamic: boolean): unknown[] {
    const sizes = dynamic ? this.plan.apply(tracer.symbols) : null;
    const made = new Map<Leaf, unknown>();
    for (const [i, leaf] of this.leaves.entries()) made.set(leaf, this.declare(tracer, leaf, sizes?.[i] ?? null));
    let next = 0;
    return this.args.map((arg, i) => {
      if (i >= this.positional && !this.kwargNames.includes(this.names[i])) return undefined;
      return mapLeaves(arg, isLeaf, () => made.get(this.leaves[next++]));
    });
  }

  private declare(tracer: Tracer, { value, path }: Leaf, sizes: readonly Size[] | null): unknown {
    const name = this.inputName(path);
    if (isTensor(value)) {
      const core = value instanceof TensorBase ? concrete(value, name) : value;
      const meta = fullMeta({ dtype: core.dtype, shape: sizes ?? core.shape });
      return new Tensor(tracer.addInput(name, meta));
    }
    const [size] = sizes ?? [];
    if (isSym(size)) {
      tracer.addInput(name, { kind: "sym", type: "int", expr: size });
      return fromDim(size);
    }
    tracer.addInput(name, constantMeta(value));
    return value;
  }

  private async finish(tracer: Tracer, snapshot: Snapshot, result: unknown): Promise<Recorded> {
    const outputs = flatten(result, isLeaf, "builtins.tuple");
    const mutations = new Map<string, unknown>();
    for (const { path, tensor, isBuffer } of snapshot.assigned()) {
      if (isBuffer) mutations.set(path, tensor.value);
      else {
        this.warn(
          `Attribute ${path} is assigned a tensor while the model runs: it is no buffer, so the program leaves it out`,
        );
      }
    }
    const inSpec = flatten([this.args.slice(0, this.positional), this.kwargs()], isLeaf, "builtins.list").spec;
    const [args, kwargs] = inSpec.children;
    const tuple = (children: typeof inSpec.children): typeof inSpec => ({
      ...inSpec,
      type: "builtins.tuple",
      children,
    });
    const program = await programOf(tracer, {
      source: this.subject.name,
      outputs: outputs.leaves.map(({ value }) => outputOf(value)),
      mutations,
      inSpec: tuple([tuple(args.children), kwargs]),
      outSpec: outputs.spec,
      argNames: [...this.names.slice(0, this.positional), ...this.kwargNames],
      modules: [...this.subject.modules.keys()].filter((path) => path !== ""),
      samples: this.samples(),
      warnings: this.warnings,
    });
    return { program, dimNames: this.plan.names() };
  }

  private kwargs(): Record<string, unknown> {
    return Object.fromEntries(this.kwargNames.map((name) => [name, this.args[this.names.indexOf(name)]]));
  }

  /** A text with the user's names of the symbols. */
  private named(text: string): string {
    const names = this.plan.names();
    return text.replace(/\bs\d+\b/g, (symbol) => names.get(symbol) ?? symbol);
  }

  private warn(text: string): void {
    if (!this.warnings.includes(text)) this.warnings.push(text);
  }

  private where([first, ...rest]: Leaf["path"]): string {
    return [this.names[Number(first)] ?? `argument ${first}`, ...rest].join(".");
  }

  /** `inputDict_tensor_x`, as PyTorch names inputs. */
  private inputName([first, ...rest]: Leaf["path"]): string {
    const text = [this.names[Number(first)] ?? `arg_${first}`, ...rest].join("_").replace(/\W/g, "_");
    return /^\d/.test(text) ? `_${text}` : text;
  }
}

/** Whether a value is passed as one. */
export function isLeaf(x: unknown): boolean {
  return isTensor(x) || x instanceof SymbolicNumber;
}

function isTensor(x: unknown): x is TensorBase | CoreTensor {
  return x instanceof TensorBase || x instanceof CoreTensor;
}

function concrete(tensor: TensorBase, where: string): CoreTensor {
  if (tensor.value instanceof CoreTensor) return tensor.value;
  throw new CaptureError(`Example input ${where} is a tensor of another capture`);
}

/** What the program gives for a leaf of its results. */
function outputOf(value: unknown): unknown {
  return value instanceof TensorBase ? value.value : toExpression(value);
}

function constantMeta(value: unknown): FxMeta {
  const isInt = typeof value === "number" && Number.isSafeInteger(value);
  if (isInt) return { kind: "constant", value: BigInt(value) };
  if (value === null || ["number", "bigint", "boolean", "string"].includes(typeof value)) {
    return { kind: "constant", value: value as string };
  }
  throw new TypeError(`An argument of type ${typeof value} can't be passed`);
}

/** The arguments in the places of `forward`'s parameters. */
function placed(names: readonly string[], { args, kwargs }: ModelArguments, model: string): unknown[] {
  const all = [...args];
  for (const [name, value] of Object.entries(kwargs)) {
    const at = names.indexOf(name);
    if (at < 0) throw new TypeError(`${model} has no argument ${name}: it takes ${names.join(", ") || "none"}`);
    if (at < args.length) throw new TypeError(`${model} is given ${name} twice: by position and by name`);
    all[at] = value;
  }
  return Array.from(all);
}

/** What `dynamicShapes` says, leaf by leaf. */
function specTrees(
  args: readonly unknown[],
  positional: number,
  names: readonly string[],
  given: unknown,
): unknown[] {
  const specs: unknown[] = [];
  const visit = (arg: unknown, spec: unknown, where: string): void => {
    if (isLeaf(arg) || typeof arg !== "object" || arg === null) {
      specs.push(spec ?? null);
      return;
    }
    const entries: (readonly [string | number, unknown])[] = Array.isArray(arg)
      ? arg.map((item, i) => [i, item] as const)
      : arg instanceof Map
      ? [...arg]
      : Object.entries(arg);
    const at = (key: string | number): unknown => {
      if (spec === null || spec === undefined) return null;
      if (spec instanceof Map) return spec.get(key) ?? spec.get(String(key));
      return (spec as Record<string | number, unknown>)[key];
    };
    const isTree = spec === null || spec === undefined || typeof spec === "object" && !(spec instanceof Dim);
    const size = spec instanceof Map ? spec.size : isTree ? Object.keys(spec ?? {}).length : 0;
    if (!isTree || spec != null && (size !== entries.length || Array.isArray(spec) !== Array.isArray(arg))) {
      throw new TypeError(
        `dynamicShapes of ${where} must be ${
          Array.isArray(arg) ? `an array of ${entries.length}` : "an object with its keys"
        }, as the argument is`,
      );
    }
    for (const [key, item] of entries) visit(item, at(key), `${where}.${key}`);
  };
  const isByName = given !== null && given !== undefined && !Array.isArray(given);
  if (Array.isArray(given) && given.length !== args.length && given.length !== positional) {
    throw new TypeError(
      `dynamicShapes has ${given.length} elements, but there are ${positional} arguments by position`,
    );
  }
  if (isByName) {
    const known = names.slice(0, args.length);
    const keys = given instanceof Map ? [...given.keys()] : Object.keys(given as object);
    const unknown = keys.find((key) => !known.includes(String(key)));
    if (unknown !== undefined) {
      throw new TypeError(`dynamicShapes names ${unknown}, but the arguments are ${known.join(", ")}`);
    }
  }
  args.forEach((arg, i) => {
    const spec = isByName
      ? given instanceof Map ? given.get(names[i]) : (given as Record<string, unknown>)[names[i]]
      : (given as readonly unknown[] | null)?.[i];
    if (arg !== undefined) visit(arg, spec, names[i] ?? `argument ${i}`);
  });
  return specs;
}

/** What `dynamicAxes` says, leaf by leaf; whether the model lets the dims vary is found out. */
function namedSpecs(leaves: readonly Leaf[], { dynamicAxes, inputNames }: NamedAxes): unknown[] {
  let next = 0;
  return leaves.map(({ value }) => {
    const axes = isTensor(value) ? dynamicAxes[inputNames[next++]] : undefined;
    if (axes === undefined || axes === null) return null;
    const keys = Array.isArray(axes) ? axes : axes instanceof Map ? [...axes.keys()] : Object.keys(axes);
    return new Map(keys.map((axis) => [axis, Dim.AUTO]));
  });
}

/** Gives an error the text of the line that it names. */
async function withCode<E>(error: E): Promise<E> {
  const source = error instanceof Fx2OnnxError ? error.location.source : undefined;
  if (!source || source.code !== "") return error;
  const line = { ...source };
  await readLines([line]);
  (error as Fx2OnnxError).locate({ source: line });
  return error;
}
