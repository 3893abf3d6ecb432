/** `torch.onnx.ONNXProgram`: the model with the program it was made of. */
import type { Op } from "../aten/mod.ts";
import type { ExportedProgram } from "../fx/mod.ts";
import type { AtomicFile } from "../io/file.ts";
import { ArchiveError, OptionError } from "../ir/mod.ts";
import type { ModelProto } from "../onnx/deserialize.ts";
import type { ModelRunner } from "../verify/run.ts";
import type { SessionInitializer } from "../verify/session.ts";
import type { AppliedWeights } from "./apply_weights.ts";
import type { Kwargs } from "./call.ts";
import type { StateDict } from "../pt2/state_dict.ts";
import type { Source } from "../io/source.ts";
import type { Tensor } from "../tensor/mod.ts";
import type { WriteReport } from "../onnx/write_model.ts";
import { type Dim, substitute, type Sym, symbol } from "../sym/mod.ts";
import type { Model, OnnxValue } from "../onnx/model.ts";
import type { VerificationReport } from "../verify/report.ts";
import type { Lowered } from "./lower.ts";
import { checkOptionNames, type ExternalData, externalDataOf, type Settings } from "./options.ts";

/** How a model is saved. */
export interface SaveOptions {
  /** False leaves the program's weights out; operands that shapes depend on stay. Default true. */
  readonly includeInitializers?: boolean;
  /** True makes each weight an input of the graph too. Default false. */
  readonly keepInitializersAsInputs?: boolean;
  /** Where weights go; null inlines up to 2 GB. */
  readonly externalData?: ExternalData | boolean | null;
  /** Told of bytes written. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Every option of `save`. */
const SAVE_NAMES: { readonly [K in keyof Required<SaveOptions>]: true } = {
  includeInitializers: true,
  keepInitializersAsInputs: true,
  externalData: true,
  onProgress: true,
};

/** The result of an export. */
export class ONNXProgram {
  /** The model. */
  readonly model: Model;
  /** The program as it was loaded; `applyWeights` gives it other weights. */
  exportedProgram: ExportedProgram;
  /** The program without mutations, which the model was made of. */
  functionalProgram: ExportedProgram;
  /** What connects the model to the program: values, inputs, outputs, tied weights. */
  lowered: Lowered;
  /** The user's own operators, which verification needs too. */
  readonly customOps: readonly Op[];
  /** The result of verification, if it was asked for. */
  verification: VerificationReport | null = null;
  /** What `save` wrote last. */
  written: WriteReport | null = null;
  private readonly settings: Settings;
  /** What weights are read from, beside the archive. */
  private readonly sources: Source[] = [];
  private initializer: SessionInitializer | undefined;
  private session: Promise<ModelRunner> | null = null;

  /** @internal made by `export` */
  constructor(
    program: ExportedProgram,
    functional: ExportedProgram,
    lowered: Lowered,
    settings: Settings,
    customOps: readonly Op[] = [],
  ) {
    this.model = lowered.model;
    this.exportedProgram = program;
    this.functionalProgram = functional;
    this.lowered = lowered;
    this.settings = settings;
    this.customOps = customOps;
    const { graph } = this.model;
    graph.sizeName = this.dimName;
    for (const value of graph.inputs) value.sizeName = this.dimName;
  }

  /** Paths of the reports, traces and dumped programs that the export wrote. */
  get artifacts(): readonly string[] {
    return this.settings.artifacts.paths;
  }

  /**
   * The text of a symbolic size in the model: the user's name for a symbol where there is one.
   *
   * @param value whose size it is: an output may have names of its own for its dims
   */
  readonly dimName = (dim: Sym, value?: OnnxValue, axis?: number): string => {
    const own = value && this.model.graph.outputs.includes(value)
      ? this.settings.outputDims.get(value.name)?.get(axis!)
      : undefined;
    if (own !== undefined) return own;
    const names = new Map([...this.settings.dims].map(([from, to]): [string, Dim] => [from, symbol(to)]));
    return String(substitute(dim, names));
  };

  /**
   * Writes the model, and its weights beside it where they don't fit in: all files appear complete, or none does.
   *
   * @param destination path or `file:` URL of the model, or a stream, which is closed at the end
   * @throws {ArchiveError} when the bytes of a weight can't be read or do not match their checksum
   * @throws {OptionError} when weights can't stay in place, or the model would replace its archive
   * @throws {RangeError} when the model would exceed 2 GiB
   * @throws {TypeError} when weights are to lie beside a stream
   */
  async save(
    destination: string | URL | WritableStream<Uint8Array>,
    options: SaveOptions = {},
  ): Promise<WriteReport> {
    await checkOptionNames(options, SAVE_NAMES, " of save");
    // Naming WritableStream makes Deno load its streams, which costs as much as 15 modules.
    if (
      typeof destination !== "string" && typeof (destination as { getWriter?: unknown })?.getWriter !== "function" &&
      !(destination instanceof URL)
    ) {
      throw new TypeError(`Cannot save to ${String(destination)}: expected a path, a URL or a WritableStream`);
    }
    return typeof destination === "string" || destination instanceof URL
      ? await this.saveAs(destination, options)
      : await this.saveTo(destination, options);
  }

  /** Writes one file to a stream. */
  private async saveTo(stream: WritableStream<Uint8Array>, options: SaveOptions): Promise<WriteReport> {
    const placement = externalDataOf(options.externalData);
    if (placement === "always" || placement === "in-place") {
      throw new TypeError(`Cannot write weights beside a stream: external data "${placement}" needs a path`);
    }
    const { encodeModel } = await import("../onnx/serialize.ts");
    const writer = stream.getWriter();
    try {
      const { byteLength } = await this.reading(async () => {
        const encoded = encodeModel(this.model, { dimName: this.dimName, ...this.interface(options) });
        let position = 0;
        await encoded.writeTo({
          get position() {
            return position;
          },
          // The bytes are the writer's own again once the promise is settled: a stream may keep them.
          write: async (bytes) => {
            await writer.write(bytes.slice());
            position += bytes.byteLength;
            options.onProgress?.(position, encoded.byteLength);
          },
        });
        return encoded;
      });
      await writer.close();
      return this.written = { files: [], bytes: byteLength, dataBytes: 0, copied: 0, inPlace: 0 };
    } catch (error) {
      await writer.abort(error).catch(() => {});
      throw error;
    }
  }

  /** Inputs and initializers of the graph as the options want them. */
  private interface({ includeInitializers = true, keepInitializersAsInputs = false }: SaveOptions): {
    readonly inputs: readonly OnnxValue[];
    readonly initializers: ReadonlySet<OnnxValue>;
  } {
    const { inputs, initializers } = this.model.graph;
    const isWeight = ({ name }: OnnxValue): boolean => this.lowered.ties.has(name);
    const weights = [...initializers].filter((value) => isWeight(value) && !inputs.includes(value));
    return {
      inputs: keepInitializersAsInputs ? [...inputs, ...weights] : inputs,
      initializers: includeInitializers ? initializers : new Set([...initializers].filter((value) => !isWeight(value))),
    };
  }

  /** Writes a model file, and its weights beside it or left in place. */
  private async saveAs(destination: string | URL, options: SaveOptions): Promise<WriteReport> {
    const [{ commitAll, createAtomic, realPath }, { writeModel }] = await Promise.all([
      import("../io/file.ts"),
      import("../onnx/write_model.ts"),
    ]);
    const placement = externalDataOf(options.externalData);
    const archive = this.exportedProgram.archive?.path;
    const create = async (path: string | URL): Promise<AtomicFile> => {
      // A link is written through, so that its target counts. What is not there yet has no path to compare.
      const target = archive === undefined ? undefined : await realPath(path).catch(() => undefined);
      if (archive !== undefined && target === archive) {
        throw new OptionError(`Cannot write ${path}: it is the archive that the program is read from`);
      }
      return await createAtomic(path);
    };
    this.written = await this.reading(() =>
      writeModel(this.model, destination, {
        files: { create, commit: commitAll, realPath },
        externalData: placement,
        ...this.interface(options),
        ...(options.externalData === null || options.externalData === undefined ? { inlineLimit: 2 ** 31 - 1 } : {}),
        ...(archive === undefined ? {} : { archive }),
        dimName: this.dimName,
        ...(options.onProgress ? { onProgress: options.onProgress } : {}),
      })
    );
    return this.written;
  }

  /**
   * The model's bytes, weights included.
   *
   * @throws {ArchiveError} when the bytes of a weight can't be read or do not match their checksum
   * @throws {RangeError} when they would exceed 2 GiB
   */
  async toBytes(): Promise<Uint8Array<ArrayBuffer>> {
    const { serializeModel } = await import("../onnx/serialize.ts");
    return await this.reading(() => serializeModel(this.model, { dimName: this.dimName }));
  }

  /** Runs what reads weights; what is wrong with them is an error of the archive. */
  private async reading<T>(body: () => Promise<T>): Promise<T> {
    try {
      return await body();
    } catch (error) {
      const { WeightError } = await import("../onnx/serialize.ts");
      if (!(error instanceof WeightError)) throw error;
      const file = this.exportedProgram.source;
      throw new ArchiveError(error.message.replace(` of ${file}:`, ":"), { file }, { cause: error });
    }
  }

  /** The model as protobuf-es's generated type. @throws {RangeError} when it would exceed 2 GiB */
  async modelProto(): Promise<ModelProto> {
    const [{ parseModelProto }, bytes] = await Promise.all([import("../onnx/deserialize.ts"), this.toBytes()]);
    return await parseModelProto(bytes);
  }

  /**
   * Runs the model with onnxruntime-web.
   *
   * @param args positional arguments: tensors in the tree that the program takes (arrays for tuples and lists, objects for
   *   dicts), numbers where it takes numbers
   * @returns the results in the program's own tree; ints are bigints
   * @throws {TypeError} naming an argument that does not fit the tree
   * @throws {VerificationError} when a tensor does not fit, or the runtime fails
   */
  async call(args: readonly unknown[] = [], kwargs: Kwargs = {}): Promise<unknown> {
    const { feedsOf, leavesOf, resultOf } = await import("./call.ts");
    const feeds = await feedsOf(this, leavesOf(this, args, kwargs));
    this.session ??= this.startSession([]);
    return resultOf(this, await (await this.session).run(feeds));
  }

  /**
   * Values inside the model, by their names.
   *
   * @param args as of {@linkcode call}; [] means the archive's samples
   * @throws {RangeError} naming values that the model does not have
   */
  async computeValues(
    names: readonly string[],
    args: readonly unknown[] = [],
    kwargs: Kwargs | null = null,
  ): Promise<Record<string, Tensor>> {
    const { feedsOf, leavesOf, sampleLeaves } = await import("./call.ts");
    const known = new Map<string, OnnxValue>();
    for (const node of this.model.graph.nodes()) for (const value of node.outputs) known.set(value.name, value);
    for (const value of [...this.model.graph.inputs, ...this.model.graph.initializers]) known.set(value.name, value);
    const unknown = names.filter((name) => !known.has(name));
    if (unknown.length > 0) throw new RangeError(`The model has no value ${unknown.join(", ")}`);
    const given = args.length === 0 && Object.keys(kwargs ?? {}).length === 0;
    const leaves = given ? await sampleLeaves(this) : leavesOf(this, args, kwargs ?? {});
    const values = names.map((name) => known.get(name)!);
    const runner = await this.startSession(values);
    try {
      const results = await runner.run(await feedsOf(this, leaves));
      return Object.fromEntries(values.map((value) => [value.name, results.get(value)!]));
    } finally {
      await runner.release();
    }
  }

  /**
   * Loads the model into a runtime, in place of any session there was.
   *
   * @param initializer makes the session; by default onnxruntime-web, on WebGPU where there is an adapter
   */
  async initializeInferenceSession(initializer?: SessionInitializer): Promise<void> {
    await this.endSession();
    this.initializer = initializer;
    this.session = this.startSession([]);
    await this.session;
  }

  /** A session of the model that also gives `values`. */
  private async startSession(values: readonly OnnxValue[]): Promise<ModelRunner> {
    const { ModelRunner } = await import("../verify/run.ts");
    return await this.reading(() =>
      ModelRunner.create(this.model, values, { ep: this.settings.ep, initializer: this.initializer })
    );
  }

  /** Releases the session, if there is one. */
  private async endSession(): Promise<void> {
    const session = this.session;
    this.session = null;
    await (await session)?.release();
  }

  /**
   * Gives the model other weights, by their state_dict names: a map, a `.safetensors` file, the index of a sharded one, or
   * what `torch.save(module.state_dict())` wrote. Files are read when the model is saved or run: they stay open until then.
   *
   * @throws {OptionError} with every name that is unexpected, or whose dtype or shape is another
   * @throws {ArchiveError} when a file is damaged
   */
  async applyWeights(stateDict: StateDict): Promise<AppliedWeights> {
    const [{ openStateDict }, { applyTensors }] = await Promise.all([
      import("../pt2/state_dict.ts"),
      import("./apply_weights.ts"),
    ]);
    const { tensors, sources } = await openStateDict(stateDict);
    this.sources.push(...sources);
    const applied = applyTensors(this, tensors);
    await this.endSession();
    return applied;
  }

  /**
   * Runs the optimization passes, in place. Returns whether anything changed.
   *
   * @throws {OptionError} in fake mode, or while weights have no values
   */
  async optimize(): Promise<boolean> {
    const [{ optimize }, { afterOptimization }, { refuseFake }] = await Promise.all([
      import("../optimize/mod.ts"),
      import("./lower.ts"),
      import("./fake.ts"),
    ]);
    refuseFake(this.exportedProgram);
    const changed = optimize(this.model);
    if (!changed) return false;
    this.lowered = afterOptimization(this.lowered);
    await this.endSession();
    return true;
  }

  /** Ends the session, and closes the files that weights are read from. */
  async release(): Promise<void> {
    this.exportedProgram.archive?.close?.();
    for (const source of this.sources) source.close?.();
    await this.endSession();
  }

  /** As {@linkcode release}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }
}
