/**
 * Writes a model and its weights to files, or to memory for a runtime. Files come through an interface, so that this runs
 * wherever bytes can be put.
 */
import type { Sink } from "../io/sink.ts";
import { OptionError } from "../ir/mod.ts";
import {
  type ExternalDataMode,
  locationFrom,
  type PlanOptions,
  planWeights,
  type WeightPlan,
} from "./external_data.ts";
import type { Model, OnnxValue } from "./model.ts";
import {
  ArraySink,
  type EncodedModel,
  encodeModel,
  type ExternalLocation,
  nameTensor,
  type SerializeOptions,
} from "./serialize.ts";
import { Scratch, writeTensor } from "./tensor_bytes.ts";

/** A file that appears only when it is committed. */
export interface OutputFile extends Sink {
  /** Removes what was written, unless it was committed. */
  abort(): Promise<void>;
}

/** The parts of a file system that writing needs: `createAtomic`, `commitAll` and `realPath` of `io/file.ts` are such. */
export interface ModelFiles<F extends OutputFile = OutputFile> {
  create(path: string | URL): Promise<F>;
  /** Puts all files in their places, or none. */
  commit(files: readonly F[]): Promise<void>;
  /** The absolute path of a folder without links. Only asked for in-place weights. */
  realPath?(folder: string | URL): Promise<string>;
}

/** How a model is written to files. */
export interface WriteOptions<F extends OutputFile = OutputFile> extends Omit<SerializeOptions, "external"> {
  readonly files: ModelFiles<F>;
  /** By default `auto`. */
  readonly externalData?: ExternalDataMode;
  /** For `in-place`: the path of the archive that weights lie in, as its source has it. */
  readonly archive?: string;
  /** What `auto` inlines, in bytes; by default `INLINE_LIMIT`. */
  readonly inlineLimit?: number;
  /** Told how many of how many bytes are written, at least once per weight and 16 MiB. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** What was written. */
export interface WriteReport {
  /** The files, the model first. */
  readonly files: readonly (string | URL)[];
  /** Size of the model file. */
  readonly bytes: number;
  /** Size of the data file; 0 without one. */
  readonly dataBytes: number;
  /** How many tensors the data file holds. */
  readonly copied: number;
  /** How many initializers stay in the archive. */
  readonly inPlace: number;
}

/**
 * Writes a model, with a data file `NAME.data` beside it where the placement of weights asks for one. Nothing appears
 * unless all of it was written. On Windows, paths with backslashes must be absolute.
 *
 * @example
 * ```ts
 * import * as onnx from "@fx2onnx/fx2onnx";
 * import { commitAll, createAtomic } from "../io/file.ts";
 *
 * await using program = await onnx.export("tests/fixtures/mlp.pt2");
 * await writeModel(program.model, "mlp.onnx", { files: { create: createAtomic, commit: commitAll } });
 * ```
 * @throws {RangeError} when the model would exceed 2 GiB, or a weight can't be read
 * @throws {OptionError} when weights can't stay in place
 */
export async function writeModel<F extends OutputFile>(
  model: Model,
  path: string | URL,
  options: WriteOptions<F>,
): Promise<WriteReport> {
  const { externalData = "auto", files, onProgress } = options;
  const dataName = dataNameOf(path);
  const archive = externalData === "in-place" && options.archive !== undefined
    ? { path: options.archive, location: await archiveLocation(path, options.archive, files) }
    : undefined;
  if (archive?.location === nameOf(path)) {
    throw new OptionError(`Cannot write ${path}: weights stay in this file, which the model would replace`);
  }
  const { plan, encoded } = planAndEncode(model, externalData, options, {
    dataName,
    archive,
    inlineLimit: options.inlineLimit,
    initializers: options.initializers,
  });
  return await writeFiles(encoded, plan, path, files, onProgress);
}

/**
 * Writes an encoded model, and the data file of its plan beside it. Nothing appears unless all of it was written.
 *
 * @param onProgress told how many of how many bytes are written
 */
export async function writeFiles<F extends OutputFile>(
  encoded: EncodedModel,
  plan: WeightPlan,
  path: string | URL,
  files: ModelFiles<F>,
  onProgress: ((done: number, total: number) => void) | undefined,
): Promise<WriteReport> {
  const total = encoded.byteLength + plan.dataBytes;
  let done = 0;
  const onBytes = (count: number): void => onProgress?.(done += count, total);
  const open: F[] = [];
  try {
    const file = await files.create(path);
    open.push(file);
    await encoded.writeTo(file, onBytes);
    const paths = [path];
    if (plan.copies.length > 0) {
      const dataPath = sibling(path, dataNameOf(path));
      const data = await files.create(dataPath);
      open.unshift(data);
      paths.push(dataPath);
      await writeData(data, plan, onBytes);
    }
    // Data first: the name that users look for appears last.
    await files.commit(open);
    return {
      files: paths,
      bytes: encoded.byteLength,
      dataBytes: plan.dataBytes,
      copied: plan.copies.length,
      inPlace: plan.inPlace,
    };
  } catch (error) {
    for (const file of open) await file.abort();
    throw error;
  }
}

interface Prepared {
  readonly plan: WeightPlan;
  readonly encoded: EncodedModel;
}

function planAndEncode(
  model: Model,
  mode: ExternalDataMode,
  options: SerializeOptions,
  planOptions: PlanOptions,
): Prepared {
  const plan = planWeights(model.graph, mode, planOptions);
  try {
    return { plan, encoded: encodeModel(model, { ...options, external: plan.external }) };
  } catch (error) {
    // A high limit of what is inlined can make a model too large with its graph.
    if (mode !== "auto" || plan.external.size > 0 || !(error instanceof RangeError)) throw error;
    return planAndEncode(model, "always", options, planOptions);
  }
}

/** Writes the data file of a plan. */
async function writeData(sink: Sink, plan: WeightPlan, onBytes: (count: number) => void): Promise<void> {
  const start = sink.position;
  const scratch = new Scratch();
  for (const { tensor, name, offset } of plan.copies) {
    const padding = start + offset - sink.position;
    if (padding > 0) {
      await sink.write(new Uint8Array(padding));
      onBytes(padding);
    }
    try {
      await writeTensor(sink, tensor, onBytes, scratch);
    } catch (error) {
      throw nameTensor(error, name);
    }
  }
}

/** A model in memory, with its weights apart. */
export interface InMemoryModel {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** As `externalData` of onnxruntime-web takes it. */
  readonly externalData: readonly { readonly path: string; readonly data: Uint8Array }[];
}

/**
 * Writes a model to memory for a runtime. Weights are kept apart when they exceed `inlineLimit` (`INLINE_LIMIT`) bytes, each
 * as external data of its own: no array grows beyond the largest weight, and weights in memory are not copied.
 */
export async function serializeForRuntime(
  model: Model,
  options: Omit<SerializeOptions, "external"> & { readonly inlineLimit?: number } = {},
): Promise<InMemoryModel> {
  const plan = planWeights(model.graph, "auto", { dataName: "weights", inlineLimit: options.inlineLimit });
  // One path per distinct weight instead of one file of all.
  const paths = new Map(plan.copies.map(({ offset }, i) => [offset, `weights/${i}`]));
  const external = new Map<OnnxValue, ExternalLocation>();
  for (const [value, { offset, length }] of plan.external) {
    external.set(value, { location: paths.get(offset)!, offset: 0, length });
  }
  const encoded: EncodedModel = encodeModel(model, { ...options, external });
  const bytes = new Uint8Array(encoded.byteLength);
  await encoded.writeTo(new ArraySink(bytes));
  const externalData: { path: string; data: Uint8Array }[] = [];
  for (const { tensor, offset, name } of plan.copies) {
    try {
      externalData.push({ path: paths.get(offset)!, data: (await tensor.load()).bytes() });
    } catch (error) {
      throw nameTensor(error, name);
    }
  }
  return { bytes, externalData };
}

/** Name of the data file beside a model. */
export function dataNameOf(path: string | URL): string {
  return `${nameOf(path)}.data`;
}

/** Last part of a path. */
function nameOf(path: string | URL): string {
  if (path instanceof URL) return decodeURIComponent(path.pathname.split("/").at(-1)!);
  return path.split(separators(path)).at(-1)!;
}

/** Backslashes separate only where drive letters or shares are: elsewhere they may be part of a name. */
function separators(path: string): RegExp {
  return /^([A-Za-z]:|\\\\)/.test(path) ? /[\\/]/ : /\//;
}

/** A file in the same folder. */
function sibling(path: string | URL, name: string): string | URL {
  if (path instanceof URL) return new URL(encodeURIComponent(name), path);
  return path.slice(0, path.length - nameOf(path).length) + name;
}

async function archiveLocation(path: string | URL, archive: string, files: ModelFiles): Promise<string> {
  if (!files.realPath) throw new TypeError("Cannot leave weights in place: files.realPath is needed");
  const folder = path instanceof URL ? new URL(".", path) : path.slice(0, path.length - nameOf(path).length) || ".";
  return locationFrom(await files.realPath(folder), archive);
}
