/** What is verified: a model with what connects it to its program, and how tensors pass between the two. */
import type { OpTable } from "../aten/mod.ts";
import type { ExportedProgram, FxValue, InputSpec, OutputSpec } from "../fx/mod.ts";
import { VerificationError } from "../ir/mod.ts";
import type { Model, OnnxValue } from "../onnx/model.ts";
import type { Sym } from "../sym/mod.ts";
import { isComplex, type Meta, Tensor, toReal } from "../tensor/mod.ts";
import { passage } from "./observe.ts";
import type { ReferenceValue } from "./reference.ts";

/** A graph input and the program's input that it is. */
export interface BoundInput {
  readonly spec: InputSpec;
  readonly value: OnnxValue;
}

/** A graph output and the program's output that it is. */
export interface BoundOutput {
  readonly spec: OutputSpec;
  readonly value: OnnxValue;
}

/** A model and its program. */
export interface Subject {
  readonly model: Model;
  /** Without mutations. */
  readonly program: ExportedProgram;
  /** Records of the program's operators. */
  readonly table: OpTable;
  /** Inputs that have to be fed. */
  readonly inputs: readonly BoundInput[];
  readonly outputs: readonly BoundOutput[];
  /** ONNX values of the program's values. */
  readonly values: ReadonlyMap<FxValue, OnnxValue>;
  /** Reads the model as it was written, if a runtime can be given that. */
  readonly bytes: (() => Promise<Uint8Array>) | null;
  /** The text of a symbol, for reports. */
  readonly dimName: (dim: Sym) => string;
}

/** Whether an output is one that callers of the program get, and not a buffer's new value. */
export function isUserOutput({ kind }: OutputSpec): boolean {
  return kind === "USER_OUTPUT" || kind === "LOSS_OUTPUT";
}

/**
 * A program's value as a tensor of an ONNX value's type: numbers become 0-d tensors, complex tensors pairs of reals.
 *
 * @throws {VerificationError} for a value that is no tensor in ONNX
 */
export function asTensor(value: ReferenceValue, meta: Meta | null, name: string): Tensor {
  if (value instanceof Tensor) {
    const isPair = meta && isComplex(value.dtype) && meta.dtype === toReal(value.dtype) &&
      meta.shape.length === value.shape.length + 1;
    return isPair ? new Tensor(meta.dtype, [...value.shape, 2], value.contiguous().storage) : value;
  }
  if (typeof value === "bigint") return Tensor.scalar(meta?.dtype ?? "int64", value);
  if (typeof value === "boolean") return Tensor.scalar("bool", value);
  if (typeof value === "number") return Tensor.scalar(meta?.dtype ?? "float32", value);
  throw new VerificationError(`${name} is ${value === null ? "None" : "a string"}, which ONNX has no value for`);
}

/** A tensor as the runtime takes it. */
export function toRuntime(tensor: Tensor): Tensor {
  if (passage(tensor.dtype) !== "float32") return tensor;
  return Tensor.of("float32", tensor.shape, tensor.data());
}

/** A tensor of the runtime as the model states it. */
export function fromRuntime(tensor: Tensor, meta: Meta | null): Tensor {
  if (!meta || passage(meta.dtype) !== "float32" || tensor.dtype !== "float32") return tensor;
  return Tensor.of(meta.dtype, tensor.shape, tensor.data());
}
