/** The metadata of the documentation's MLP, against the record of what PyTorch's exporter writes for it. */
import { assertEquals } from "@std/assert";
import { exportProgram } from "../../src/export/export.ts";
import type { ExportOptions } from "../../src/export/options.ts";
import { readModel } from "../../src/onnx/deserialize.ts";
import type { OnnxValue } from "../../src/onnx/model.ts";
import { fixture } from "../fixtures.ts";

const names: ExportOptions = {
  inputNames: ["tensor_input", "tensor_x", "list_input_index_0"],
  outputNames: ["output"],
};

interface ValueRecord {
  readonly name: string;
  readonly shape: readonly (string | number)[];
  readonly metadata_props: Record<string, string>;
}

function record(value: OnnxValue): ValueRecord {
  return {
    name: value.name,
    shape: value.meta!.shape.map((d) => typeof d === "number" ? d : String(d)),
    metadata_props: Object.fromEntries(value.metadata),
  };
}

const byName = (a: ValueRecord, b: ValueRecord): number => a.name < b.name ? -1 : 1;

/** The written model, read back, in the form of the record. */
async function written(options: ExportOptions): Promise<Record<string, unknown>> {
  const program = await exportProgram(fixture("mlp.pt2"), [], null, options);
  const model = await readModel(await program.toBytes());
  program.release();
  const { graph } = model;
  const inner = [...graph.nodes()].flatMap((n) => [...n.outputs]).filter((v) => !graph.outputs.includes(v));
  return {
    graph: Object.fromEntries(graph.metadata),
    nodes: [...graph.nodes()].map((n) => ({
      name: n.name,
      op_type: n.opType,
      inputs: n.inputs.map((v) => v?.name ?? ""),
      outputs: n.outputs.map((v) => v.name),
      metadata_props: Object.fromEntries(n.metadata),
    })),
    inputs: graph.inputs.map(record),
    outputs: graph.outputs.map(record),
    value_info: [...graph.initializers, ...inner].map(record).sort(byName),
    ir_version: model.irVersion,
    graph_name: graph.name,
  };
}

async function expected(): Promise<Record<string, unknown> & { value_info: ValueRecord[] }> {
  const json = JSON.parse(await Deno.readTextFile(fixture("mlp_metadata.json")));
  json.value_info.sort(byName);
  return json;
}

Deno.test("metadata of the MLP equals the record", async () => {
  assertEquals(await written(names), await expected());
});

Deno.test("a named dim takes the symbol's place in shapes and nowhere else", async () => {
  const text = JSON.stringify(await expected()).replaceAll('"s18"', '"batch_size"');
  assertEquals(await written({ ...names, dims: { s18: "batch_size" } }), JSON.parse(text));
});

Deno.test("sourceMap none leaves stack traces out", async () => {
  const model = await written({ ...names, sourceMap: "none" });
  const nodes = model.nodes as { metadata_props: Record<string, string> }[];
  for (const { metadata_props } of nodes) assertEquals("pkg.torch.onnx.stack_trace" in metadata_props, false);
});
