/** Archives that are written are read as the same program; PyTorch's own reading is checked by tests/tools/check_archives.py. */
import { assertEquals, assertRejects } from "@std/assert";
import { OpTable } from "../../src/aten/mod.ts";
import { type ExportedProgram, FxValue, targetsOf, type TreeSpec } from "../../src/fx/mod.ts";
import { printProgram } from "../../src/fx/print_program.ts";
import { MemorySink } from "../../src/io/sink.ts";
import { bytesSource } from "../../src/io/source.ts";
import { LoweringError } from "../../src/ir/mod.ts";
import { readPt2 } from "../../src/pt2/mod.ts";
import { writePt2 } from "../../src/pt2/write.ts";
import { type DType, newData, Tensor } from "../../src/tensor/mod.ts";
import { LAYOUTS, weightArchive } from "../export/archives.ts";
import { fixture } from "../fixtures.ts";
import { ProgramBuilder, tensor as value } from "../verify/programs.ts";
import { goodParts, MODEL, node, tensor, tensorMeta, writeParts } from "./build.ts";

async function written(program: ExportedProgram): Promise<Uint8Array<ArrayBuffer>> {
  const sink = new MemorySink();
  await writePt2(program, await OpTable.load(targetsOf(program.graph)), sink, "m");
  return sink.bytes();
}

async function values(tensors: ReadonlyMap<string, Tensor>): Promise<unknown[]> {
  const all: unknown[] = [];
  for (const [name, tensor] of tensors) {
    const { dtype, shape } = tensor;
    all.push([name, dtype, shape, (await tensor.load()).toArray()]);
  }
  return all;
}

/** The example inputs as plain values. */
async function sampleValues(program: ExportedProgram): Promise<unknown[] | null> {
  const samples = await program.sampleInputs();
  return samples && Promise.all(samples.map(async (sample) => {
    return sample instanceof Tensor ? [sample.dtype, sample.shape, (await sample.load()).toArray()] : sample;
  }));
}

/** Writes a program, reads it again, and compares all that there is. */
async function assertSame(program: ExportedProgram): Promise<ExportedProgram> {
  const bytes = await written(program);
  const again = await readPt2(bytesSource(bytes, "again"));
  assertEquals(printProgram(again), printProgram(program));
  const rest = (p: ExportedProgram): unknown => [
    p.constraints,
    p.symbolHints,
    p.moduleCallGraph,
    p.namedTuples,
    p.verifiers,
    p.guardsCode,
    [...p.graph.nodes()].map((n) => [n.metadata, n.argNames]),
  ];
  assertEquals(rest(again), rest(program));
  assertEquals(await values(again.stateDict), await values(program.stateDict));
  assertEquals(await values(again.constants), await values(program.constants));
  assertEquals(await sampleValues(again), await sampleValues(program));
  const second = await written(again);
  const third = await written(await readPt2(bytesSource(second, "again")));
  assertEquals(third, second, "Written again, the bytes differ");
  return again;
}

for (const name of ["mlp", "convnet", "transformer", "inplace", "lstm", "cond", "multi"]) {
  Deno.test(`written archives: ${name}`, async () => {
    await assertSame(await readPt2(bytesSource(await Deno.readFile(fixture(`${name}.pt2`)), name)));
  });
}

for (const layout of LAYOUTS) {
  Deno.test(`written archives: weights of a ${layout} archive`, async () => {
    const program = await readPt2(bytesSource(await weightArchive(layout), layout));
    const again = await assertSame(program);
    const tied = (p: ExportedProgram): boolean =>
      p.stateDict.get("plain")!.storage === p.stateDict.get("tied")!.storage;
    // What has to be converted is written tensor by tensor.
    assertEquals(tied(again), tied(program) && layout !== "big-endian");
  });
}

Deno.test("written archives: every kind of argument and result", async () => {
  const parts = goodParts();
  const { graph } = parts[MODEL].graph_module;
  const none = { as_none: true };
  const calls: [string, [string, unknown][], unknown[]][] = [
    ["torch.ops.aten.split.Tensor", [["self", tensor("x")], ["split_size", { as_int: 1 }]], [{
      as_tensors: [{ name: "part_0" }, { name: "part_1" }],
    }]],
    ["torch.ops.aten.topk.default", [["self", tensor("x")], ["k", { as_int: 1 }]], [tensor("top"), tensor("at")]],
    ["torch.ops.my.all", [
      ["a", none],
      ["b", { as_float: 1 }],
      ["c", { as_float: "-Infinity" }],
      ["d", { as_bool: false }],
      ["e", { as_string: "é" }],
      ["f", { as_complex: { real: 1, imag: -2.5 } }],
      ["g", { as_scalar_type: 7 }],
      ["h", { as_device: { type: "cuda", index: 1 } }],
      ["i", { as_layout: 7 }],
      ["j", { as_memory_format: 2 }],
      ["k", { as_ints: [1, -2] }],
      ["l", { as_floats: [0.5] }],
      ["m", { as_bools: [true] }],
      ["n", { as_strings: ["a"] }],
      ["o", { as_optional_tensors: [{ as_tensor: { name: "x" } }, none] }],
      ["p", { as_tensors: [{ name: "x" }] }],
      ["q", { as_int_lists: [[1], [2, 3]] }],
      ["r", { as_string_to_argument: { key: { as_int: 3 } } }],
      ["s", { as_nested_tensors: [[{ name: "x" }], [{ name: "x" }, { name: "x" }]] }],
    ], [tensor("all_0"), none]],
  ];
  for (const [i, [target, inputs, outputs]] of calls.entries()) {
    graph.nodes.push(node(`extra_${i}`, target, inputs as [string, never][], outputs as never[]));
  }
  for (const name of ["part_0", "part_1", "top", "at", "all_0"]) graph.tensor_values[name] = tensorMeta(2);
  await assertSame(await readPt2(bytesSource(await writeParts(parts), "arguments")));
});

Deno.test("written archives: example inputs of every kind in plain containers", async () => {
  const dtypes: DType[] = ["float32", "int64", "bool", "bfloat16", "complex64", "uint16", "float8_e4m3fn"];
  const plain = [0n, 127n, -128n, 128n, -129n, 2n ** 63n - 1n, 1.5, -Infinity, true, false, null, "Grüße"];
  const tensors = dtypes.map((dtype, i) => Tensor.of(dtype, [i, 1], newData(dtype, dtype === "complex64" ? 2 * i : i)));
  const builder = new ProgramBuilder();
  for (const [i, { dtype, shape }] of tensors.entries()) builder.input(value(`t${i}`, dtype, shape));
  for (const [i, value] of plain.entries()) builder.input(new FxValue(`c${i}`, { kind: "constant", value }));
  builder.output(builder.graph.inputs[0]);
  builder.samples = [...tensors, ...plain];
  const leaf: TreeSpec = { type: null, context: null, children: [] };
  const of = (type: string, children: TreeSpec[], context: unknown = "null"): TreeSpec => ({ type, context, children });
  const leaves = builder.samples.map(() => leaf);
  const spec = (inner: string): TreeSpec =>
    of("builtins.tuple", [
      of("builtins.tuple", [of(inner, leaves.slice(0, 7)), of("builtins.tuple", [])]),
      of("builtins.dict", [
        of("builtins.dict", leaves.slice(7, 9), '["a", 3]'),
        of("collections.OrderedDict", leaves.slice(9, 10), '["b"]'),
        ...leaves.slice(10),
      ], JSON.stringify(["d", "o", ...plain.slice(3).map((_, i) => `k${i}`)])),
    ]);
  const program = (inner: string): ExportedProgram => ({
    ...builder.build(),
    moduleCallGraph: [{ fqn: "", signature: { inSpec: spec(inner), outSpec: leaf, forwardArgNames: null } }],
  });
  const again = async (inner: string): Promise<unknown[] | null> =>
    sampleValues(await readPt2(bytesSource(await written(program(inner)), "again")));
  assertEquals(await again("builtins.list"), await sampleValues(program("builtins.list")));
  // A class of one's own would have to be imported to be made again.
  assertEquals(await again("collections.namedtuple"), null);
});

Deno.test("written archives: tree specifications of namedtuples keep their fields", async () => {
  const parts = goodParts();
  parts[MODEL].graph_module.treespec_namedtuple_fields = { "my.Point": { field_names: ["x", "y"] } };
  const again = await assertSame(await readPt2(bytesSource(await writeParts(parts), "tuples")));
  assertEquals([...again.namedTuples], [["my.Point", ["x", "y"]]]);
});

Deno.test("written archives: objects that are no tensors are refused", async () => {
  const program = await readPt2(bytesSource(await writeParts(goodParts()), "good"));
  const [first, ...rest] = program.signature.inputSpecs;
  const signature = { ...program.signature, inputSpecs: [{ ...first, kind: "CUSTOM_OBJ" as const }, ...rest] };
  await assertRejects(() => written({ ...program, signature }), LoweringError, "can't be written");
});
