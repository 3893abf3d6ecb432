/** Reads a written model and finds, by position and by name, what in it belongs to which part of the program. */
import type { CustomTranslationTable } from "../aten/custom.ts";
import { type ExportedProgram, FxValue, type OutputSpec } from "../fx/mod.ts";
import type { SourceInput } from "../io/open.ts";
import { VerificationError } from "../ir/mod.ts";
import { Model, OnnxNode, type OnnxValue, SERIALIZATION_ID } from "../onnx/model.ts";
import { completeTypes } from "../onnx/infer_functions.ts";
import { openModelFile } from "../onnx/model_file.ts";
import { prepare } from "../passes/mod.ts";
import { type Dim, isSym, substitute } from "../sym/mod.ts";
import { formatMeta, isComplex, type Meta, toReal } from "../tensor/mod.ts";
import { isFed, userInputs } from "./inputs.ts";
import { type BoundInput, type BoundOutput, isUserOutput, type Subject } from "./subject.ts";

/** A model that was opened, and what to close afterwards. */
export interface OpenedModel {
  readonly model: Model;
  /** Reads the file when all weights are in it: a runtime can be given that. Null for others. */
  readonly bytes: (() => Promise<Uint8Array>) | null;
  readonly name: string;
  close(): void;
}

/**
 * Opens a model. External data is looked for in the folder of the model's file.
 *
 * @throws {ArchiveError} when it is not a model that can be read
 */
export async function openModel(input: SourceInput | Model): Promise<OpenedModel> {
  if (input instanceof Model) return { model: input, bytes: null, name: "the model", close() {} };
  const { model, source, isWhole, close } = await openModelFile(input);
  completeTypes(model);
  const bytes = isWhole ? () => source.read(0, source.size) : null;
  return { model, bytes, name: source.name, close };
}

/**
 * Connects a model with the program it was made of.
 *
 * @throws {VerificationError} when inputs or outputs do not fit
 */
export async function connect(
  opened: OpenedModel,
  program: ExportedProgram,
  translations?: CustomTranslationTable,
): Promise<Subject> {
  const { model, bytes } = opened;
  const id = model.metadata.get(SERIALIZATION_ID);
  if (id !== undefined && program.serializationId !== null && id !== program.serializationId) {
    throw new VerificationError(`${opened.name} was made of another archive than ${program.source}`, {
      hint: "Export the model again, or name the archive it was made of",
    });
  }
  const { program: functional, table } = await prepare(program, translations);
  const [inputs, outputs] = [bindInputs(model, functional), bindOutputs(model, functional)];
  return {
    model,
    program: functional,
    table,
    inputs,
    outputs,
    values: findValues(model, functional, outputs),
    bytes,
    dimName: dimNamesOf(inputs),
  };
}

/** The names that the model has for the program's symbols. */
function dimNamesOf(inputs: readonly BoundInput[]): Subject["dimName"] {
  const names = new Map<string, Dim>();
  for (const { spec: { value: { meta } }, value } of inputs) {
    if (meta.kind !== "tensor" || value.meta?.shape.length !== meta.shape.length) continue;
    for (const [axis, dim] of meta.shape.entries()) {
      if (isSym(dim) && dim.node.op === "symbol" && isSym(value.meta.shape[axis])) {
        names.set(dim.key, value.meta.shape[axis]);
      }
    }
  }
  return (dim) => String(substitute(dim, names));
}

/** User inputs by position; what follows is state by its name. */
function bindInputs(model: Model, program: ExportedProgram): BoundInput[] {
  const fed = userInputs(program).filter(isFed);
  const required = model.graph.inputs.filter((value) => !value.initializer);
  if (required.length < fed.length) {
    throw new VerificationError(`The model takes ${required.length} inputs, but the program ${fed.length}`);
  }
  return required.map((value, i) => {
    const spec = i < fed.length ? fed[i] : program.signature.inputSpecs.find((s) => s.target === value.name);
    if (!spec) throw new VerificationError(`The program has no input or buffer for the model's input ${value.name}`);
    const { meta } = spec.value;
    if (meta.kind === "tensor" && value.meta && !sameKind(value.meta, meta)) {
      throw new VerificationError(
        `The model's input ${value.name} is ${formatMeta(value.meta)}, but the program takes ${formatMeta(meta)}`,
      );
    }
    return { spec, value };
  });
}

/** User outputs by position; the new values of state follow, or were dropped. */
function bindOutputs(model: Model, program: ExportedProgram): BoundOutput[] {
  const { outputSpecs } = program.signature;
  const users = outputSpecs.filter((spec) => isUserOutput(spec) && hasValue(spec));
  const state = outputSpecs.filter((spec) => spec.kind === "BUFFER_MUTATION" || spec.kind === "USER_INPUT_MUTATION");
  const { outputs } = model.graph;
  const specs = outputs.length === users.length ? users : [...users, ...state];
  if (outputs.length !== specs.length) {
    throw new VerificationError(
      `The model has ${outputs.length} outputs, but the program ${users.length}` +
        (state.length > 0 ? ` and ${state.length} for its state` : ""),
    );
  }
  return specs.map((spec, i) => ({ spec, value: outputs[i] }));
}

/** None and strings are no outputs in ONNX. */
function hasValue({ arg }: OutputSpec): boolean {
  const value = arg instanceof FxValue && arg.meta.kind === "constant" ? arg.meta.value : arg;
  return value !== null && typeof value !== "string";
}

/**
 * Outputs by position; other values by the program's name for them, where the node that gives them has that name too, or dtype
 * and rank are the program's.
 */
function findValues(
  model: Model,
  program: ExportedProgram,
  outputs: readonly BoundOutput[],
): Map<FxValue, OnnxValue> {
  const named = new Map<string, OnnxValue>();
  for (const value of [...model.graph.inputs, ...model.graph.initializers]) named.set(value.name, value);
  for (const node of model.graph.nodes()) for (const value of node.outputs) named.set(value.name, value);
  const values = new Map<FxValue, OnnxValue>();
  const add = (fx: FxValue, value: OnnxValue | undefined): void => {
    if (fx.meta.kind !== "tensor" || !value?.meta) return;
    const isIts = value.producer instanceof OnnxNode && value.producer.name === `node_${fx.name}`;
    if (isIts || sameKind(value.meta, fx.meta)) values.set(fx, value);
  };
  for (const node of program.graph.nodes()) for (const fx of node.outputs) add(fx, named.get(fx.name));
  for (const { spec, value } of outputs) {
    if (spec.arg instanceof FxValue && spec.arg.meta.kind === "tensor" && value.meta) values.set(spec.arg, value);
  }
  return values;
}

/** Equal dtype and rank; a complex tensor may be a pair of reals. */
function sameKind(onnx: Meta, fx: Meta): boolean {
  if (isComplex(fx.dtype) && onnx.dtype === toReal(fx.dtype)) return onnx.shape.length === fx.shape.length + 1;
  return onnx.dtype === fx.dtype && onnx.shape.length === fx.shape.length;
}
