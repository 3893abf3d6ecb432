/** Small programs made by hand, already functional, for what no archive among the fixtures has. */
import {
  type ExportedProgram,
  type FxArg,
  FxGraph,
  FxNode,
  type FxResult,
  FxValue,
  type InputSpec,
  type OutputSpec,
  type SampleInput,
  type TensorMeta,
} from "../../src/fx/mod.ts";
import { lower, type LowerOptions } from "../../src/export/lower.ts";
import { OpTable } from "../../src/aten/mod.ts";
import type { Op } from "../../src/aten/op.ts";
import { Ranges } from "../../src/sym/mod.ts";
import { contiguousStrides, type DType, type Meta, type Tensor } from "../../src/tensor/mod.ts";
import type { VerifiableProgram } from "../../src/verify/mod.ts";

/** What FX knows of a tensor. */
export function tensorMeta(dtype: DType, shape: Meta["shape"]): TensorMeta {
  const strides = contiguousStrides(shape);
  return { kind: "tensor", dtype, shape, strides, storageOffset: 0, requiresGrad: false, device: "cpu" };
}

/** A tensor value. */
export function tensor(name: string, dtype: DType, shape: Meta["shape"]): FxValue {
  return new FxValue(name, tensorMeta(dtype, shape));
}

/** Builds one program. */
export class ProgramBuilder {
  readonly graph: FxGraph = new FxGraph("main_graph");
  readonly inputSpecs: InputSpec[] = [];
  readonly outputSpecs: OutputSpec[] = [];
  readonly stateDict: Map<string, Tensor> = new Map();
  samples: readonly SampleInput[] | null = null;
  ranges: Ranges = Ranges.none;

  input(value: FxValue): FxValue {
    this.graph.inputs.push(value);
    this.inputSpecs.push({ kind: "USER_INPUT", value, target: null, persistent: null });
    return value;
  }

  weight(target: string, weight: Tensor, kind: "PARAMETER" | "BUFFER" = "PARAMETER"): FxValue {
    const value = tensor(`p_${target}`, weight.dtype, weight.shape);
    this.graph.inputs.push(value);
    this.inputSpecs.push({ kind, value, target, persistent: kind === "BUFFER" ? true : null });
    this.stateDict.set(target, weight);
    return value;
  }

  node<R extends FxResult>(target: string, args: readonly FxArg[], result: R, line = ""): R {
    const name = result instanceof FxValue ? result.name : target;
    const origin = {
      node: name,
      target: target.replace("torch.ops.", ""),
      text: name,
      modules: [],
      stackTrace: line && `  File "model.py", line 7, in forward\n    ${line}`,
    };
    this.graph.insert(new FxNode({ name, target, args, result, origin }));
    return result;
  }

  output(arg: FxArg, kind: OutputSpec["kind"] = "USER_OUTPUT", target: string | null = null): void {
    this.outputSpecs.push({ kind, arg, target });
  }

  build(): ExportedProgram {
    this.graph.outputs = this.outputSpecs.map((spec) => spec.arg);
    const { samples } = this;
    return {
      source: "a test",
      graph: this.graph,
      signature: { inputSpecs: this.inputSpecs, outputSpecs: this.outputSpecs },
      rangeConstraints: this.ranges,
      constraints: [],
      symbolHints: new Map(),
      moduleCallGraph: [],
      namedTuples: new Map(),
      stateDict: this.stateDict,
      constants: new Map(),
      sampleInputs: () => Promise.resolve(samples),
      verifiers: [],
      torchVersion: "",
      schemaVersion: "",
      guardsCode: [],
      serializationId: null,
      warnings: [],
    };
  }
}

/** The records of a program's operators. */
export async function tableOf(program: ExportedProgram, custom: readonly Op[] = []): Promise<OpTable> {
  return await OpTable.for(program.graph, custom);
}

/** A program lowered to ONNX, as export does it. */
export async function lowered(
  program: ExportedProgram,
  options: Partial<LowerOptions> = {},
  custom: readonly Op[] = [],
): Promise<VerifiableProgram> {
  const table = await tableOf(program, custom);
  const result = lower(program, table, { opset: 21, irVersion: 10, state: "outputs", ...options });
  return { model: result.model, functionalProgram: program, lowered: result };
}
