/**
 * Writes archives as `torch.export.save` of torch 2.15 does: the inverse of `program.ts`. Weights stream from wherever they
 * lie, each storage once, so that tied weights stay tied.
 */
import type { OpTable } from "../aten/mod.ts";
import {
  type ExportedProgram,
  FxValue,
  type InputSpec,
  type OutputSpec,
  type RangeConstraint,
  type TreeSpec,
} from "../fx/mod.ts";
import type { Json } from "../io/json.ts";
import { formatJson, type JsonValue } from "../io/json_writer.ts";
import type { Sink } from "../io/sink.ts";
import type { ByteRange } from "../io/source.ts";
import { ZipWriter } from "../io/zip_writer.ts";
import { LoweringError } from "../ir/mod.ts";
import type { Storage, Tensor } from "../tensor/mod.ts";
import { GraphWriter } from "./write_graph.ts";
import { writeSamples } from "./write_samples.ts";

const SCHEMA = { major: 8, minor: 20 } as const;

/**
 * Writes a program that PyTorch (2.9 and later) and this library load. Sample inputs are left out where their tree has
 * classes other than tuples, lists and dicts.
 *
 * @param root name of the folder in the archive that everything lies in; torch takes the file's
 * @throws {LoweringError} when the program holds objects that are no tensors
 */
export async function writePt2(program: ExportedProgram, table: OpTable, sink: Sink, root: string): Promise<void> {
  const writer = new ArchiveWriter(program, new GraphWriter(table, program.symbolHints), sink, root);
  await writer.run();
}

class ArchiveWriter {
  private readonly zip: ZipWriter;

  constructor(
    private readonly program: ExportedProgram,
    private readonly graphs: GraphWriter,
    sink: Sink,
    private readonly root: string,
  ) {
    this.zip = new ZipWriter(sink);
  }

  async run(): Promise<void> {
    const { program } = this;
    const specs = program.signature.inputSpecs;
    const object = specs.find((spec) => spec.kind === "CUSTOM_OBJ");
    if (object) throw new LoweringError(`The custom object ${object.target} can't be written to an archive`);
    const text = formatJson(this.document());
    await this.weights("data/weights", "weight", "model_weights_config.json", program.stateDict);
    await this.weights("data/constants", "tensor", "model_constants_config.json", program.constants);
    await this.text("models/model.json", text);
    await this.zip.add(`${this.root}/data/sample_inputs/model.pt`, await this.samples());
    await this.text("archive_format", "pt2");
    await this.text("archive_version", "0");
    await this.text(".data/version", "6\n");
    await this.text("byteorder", "little");
    if (program.serializationId !== null) await this.text(".data/serialization_id", program.serializationId);
    await this.zip.finish();
  }

  /** The example inputs; nothing where there are none that can be written. */
  private async samples(): Promise<Uint8Array> {
    const samples = await this.program.sampleInputs();
    const spec = this.program.moduleCallGraph.at(0)?.signature?.inSpec;
    return samples && spec && await writeSamples(samples, spec) || new Uint8Array();
  }

  private async text(name: string, text: string): Promise<void> {
    await this.zip.add(`${this.root}/${name}`, new TextEncoder().encode(text));
  }

  /** Storages as they are, and a text that says which tensors lie in them. */
  private async weights(
    folder: string,
    prefix: string,
    index: string,
    tensors: ReadonlyMap<string, Tensor>,
  ): Promise<void> {
    const parameters = new Map(
      this.program.signature.inputSpecs.filter((spec) => spec.kind === "PARAMETER").map((spec) => [spec.target, spec]),
    );
    const files = new Map<Storage | Tensor, string>();
    const config = new Map<string, JsonValue>();
    for (const [name, tensor] of tensors) {
      const key = inPlace(tensor) ? tensor.storage : tensor;
      let file = files.get(key);
      if (file === undefined) {
        file = `${prefix}_${files.size}`;
        files.set(key, file);
        await this.zip.add(`${this.root}/${folder}/${file}`, await contentOf(tensor));
      }
      const spec = parameters.get(name);
      const requiresGrad = spec?.value.meta.kind === "tensor" && spec.value.meta.requiresGrad;
      const { dtype, shape, strides, offset } = inPlace(tensor) ? tensor : await tensor.load();
      config.set(name, {
        path_name: file,
        is_param: spec !== undefined,
        use_pickle: false,
        tensor_meta: this.graphs.tensorMeta({
          kind: "tensor",
          dtype,
          shape,
          strides,
          storageOffset: offset,
          requiresGrad,
          device: "cpu",
        }),
      });
    }
    await this.text(`${folder}/${index}`, formatJson({ config }));
  }

  private document(): JsonValue {
    const { program, graphs } = this;
    const { inputSpecs, outputSpecs } = program.signature;
    return {
      graph_module: {
        graph: graphs.graph(program.graph),
        signature: {
          input_specs: inputSpecs.map((spec) => this.inputSpec(spec)),
          output_specs: outputSpecs.map((spec) => this.outputSpec(spec)),
        },
        module_call_graph: program.moduleCallGraph.map(({ fqn, signature }) => ({
          fqn,
          signature: signature && {
            inputs: [],
            outputs: [],
            in_spec: treeText(signature.inSpec),
            out_spec: treeText(signature.outSpec),
            forward_arg_names: signature.forwardArgNames,
          },
        })),
        metadata: {},
        treespec_namedtuple_fields: new Map(
          [...program.namedTuples].map(([name, fields]) => [name, { field_names: fields }]),
        ),
      },
      opset_version: { aten: 10 },
      range_constraints: rangesOf(program.constraints),
      schema_version: SCHEMA,
      verifiers: program.verifiers,
      torch_version: program.torchVersion,
      guards_code: program.guardsCode,
    };
  }

  private inputSpec({ kind, value, target, persistent }: InputSpec): JsonValue {
    const arg = { name: value.name };
    switch (kind) {
      case "USER_INPUT":
        return value.meta.kind === "constant"
          ? { constant_input: { name: value.name, value: this.graphs.argument(value.meta.value) } }
          : { user_input: { arg: this.graphs.argument(value) } };
      case "PARAMETER":
        return { parameter: { arg, parameter_name: target } };
      case "BUFFER":
        return { buffer: { arg, buffer_name: target, persistent } };
      case "CONSTANT_TENSOR":
        return { tensor_constant: { arg, tensor_constant_name: target } };
      case "TOKEN":
        return { token: { arg } };
      case "CUSTOM_OBJ":
        throw new LoweringError(`The custom object ${target} can't be written to an archive`);
    }
  }

  private outputSpec({ kind, arg, target }: OutputSpec): JsonValue {
    if (kind === "USER_OUTPUT") return { user_output: { arg: this.graphs.argument(arg) } };
    if (!(arg instanceof FxValue)) throw new TypeError(`An output of kind ${kind} must be a value`);
    const name = { name: arg.name };
    switch (kind) {
      case "LOSS_OUTPUT":
        return { loss_output: { arg: name } };
      case "BUFFER_MUTATION":
        return { buffer_mutation: { arg: name, buffer_name: target } };
      case "PARAMETER_MUTATION":
        return { parameter_mutation: { arg: name, parameter_name: target } };
      case "USER_INPUT_MUTATION":
        return { user_input_mutation: { arg: name, user_input_name: target } };
      case "GRADIENT_TO_PARAMETER":
        return { gradient_to_parameter: { arg: name, parameter_name: target } };
      case "GRADIENT_TO_USER_INPUT":
        return { gradient_to_user_input: { arg: name, user_input_name: target } };
      case "TOKEN":
        return { token: { arg: name } };
    }
  }
}

/** Whether the elements can be told by strides over the storage as it is written. */
function inPlace({ storage }: Tensor): boolean {
  return storage.littleEndian;
}

/** What is written for the storage of a tensor: all of it, as little-endian bytes; nothing for weights without values. */
async function contentOf(tensor: Tensor): Promise<Uint8Array | ByteRange> {
  const { storage } = tensor;
  if (!inPlace(tensor)) return (await tensor.load()).bytes();
  return storage.range ?? storage.bytes ?? new Uint8Array();
}

function rangesOf(constraints: readonly RangeConstraint[]): JsonValue {
  return new Map(constraints.map(({ expr, min, max }) => [expr, { min_val: min, max_val: max }]));
}

/** Protocol 1 of `torch.utils._pytree.treespec_dumps`. */
function treeText(spec: TreeSpec): string {
  const write = ({ type, context, children }: TreeSpec): JsonValue => ({
    type,
    context: context as Json,
    children_spec: children.map(write),
  });
  return formatJson([1, write(spec)]);
}
