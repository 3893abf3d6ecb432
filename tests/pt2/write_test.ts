/** Archives that are written are read as the same program; PyTorch's own reading is checked by tests/tools/check_archives.py. */
import { assertEquals, assertRejects } from "@std/assert";
import { OpTable } from "../../src/aten/mod.ts";
import { type ExportedProgram, targetsOf } from "../../src/fx/mod.ts";
import { printProgram } from "../../src/fx/print_program.ts";
import { MemorySink } from "../../src/io/sink.ts";
import { bytesSource } from "../../src/io/source.ts";
import { LoweringError } from "../../src/ir/mod.ts";
import { readPt2 } from "../../src/pt2/mod.ts";
import { writePt2 } from "../../src/pt2/write.ts";
import type { Tensor } from "../../src/tensor/mod.ts";
import { LAYOUTS, weightArchive } from "../export/archives.ts";
import { fixture } from "../fixtures.ts";
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
