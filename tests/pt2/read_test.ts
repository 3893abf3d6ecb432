/** What the reader makes of good archives: of PyTorch's own, and of small ones made here. */
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { ArchiveError } from "../../src/ir/mod.ts";
import { readSafetensors } from "../../src/io/safetensors.ts";
import { bytesSource, readRange, type Source } from "../../src/io/source.ts";
import { listModels, readPt2 } from "../../src/pt2/mod.ts";
import { formatConstraints, FxGraph, type FxNode, FxValue } from "../../src/fx/mod.ts";
import type { ExportedProgram } from "../../src/fx/mod.ts";
import { isSym } from "../../src/sym/mod.ts";
import { Tensor } from "../../src/tensor/mod.ts";
import * as p from "../io/assemble.ts";
import {
  CONSTANTS,
  type Data,
  floats,
  goodParts,
  goodProgram,
  MODEL,
  node,
  type Parts,
  payload,
  pickledTensor,
  SAMPLES,
  tensor,
  tensorMeta,
  torchSave,
  treeSpec,
  tupleSpec,
  WEIGHTS,
  writeDeflated,
  writeParts,
} from "./build.ts";

const fixtures = new URL("../fixtures/", import.meta.url);

async function fixture(name: string): Promise<Source> {
  return bytesSource(await Deno.readFile(new URL(name, fixtures)), name);
}

async function read(parts: Parts): Promise<ExportedProgram> {
  return await readPt2(bytesSource(await writeParts(parts), "good.pt2"));
}

function nodesOf(graph: FxGraph): Map<string, FxNode> {
  return new Map([...graph.nodes()].map((n) => [n.name, n]));
}

Deno.test("reads a program with everything in its place", async () => {
  const program = await read(goodParts());
  assertEquals(program.source, "good.pt2");
  assertEquals([program.schemaVersion, program.torchVersion, program.verifiers], ["8.20", "2.15.0", ["TRAINING"]]);
  assertEquals(program.serializationId, "1234");
  assertEquals(program.warnings, []);
  assertEquals(formatConstraints(program.constraints), "{s77: VR[2, 64]}");
  assertEquals(program.rangeConstraints.get("s77"), { min: 2, max: 64 });

  const { inputSpecs, outputSpecs } = program.signature;
  assertEquals(inputSpecs.map((s) => [s.kind, s.value.name, s.target, s.persistent]), [
    ["PARAMETER", "p_w", "w", null],
    ["BUFFER", "b_b", "b", false],
    ["USER_INPUT", "x", null, null],
    ["USER_INPUT", "n", null, null],
  ]);
  assertEquals(inputSpecs[3].value.meta, { kind: "constant", value: 3n });
  assertEquals(outputSpecs.map((s) => s.arg instanceof FxValue ? s.arg.name : s.arg), ["mul", "values", 5n]);

  const nodes = nodesOf(program.graph);
  const add = nodes.get("add")!;
  assertEquals([...add.kwargs], [["alpha", 2n]]);
  assertStrictEquals(add.args[0], program.graph.inputs[2]);
  assertEquals(add.origin!.target, "aten.add.Tensor");
  assertEquals(add.origin!.modules, [
    { path: "", className: "__main__.M" },
    { path: "fc", className: "torch.nn.modules.linear.Linear" },
  ]);
  assertEquals(
    add.origin!.text,
    "%add : [num_users=2] = call_function[target=torch.ops.aten.add.Tensor](args = (%x, %p_w), kwargs = {alpha: 2})",
  );
  const x = program.graph.inputs[2].meta;
  assert(x?.kind === "tensor" && isSym(x.shape[0]) && x.shape[1] === 3 && x.device === "cpu");

  const max = nodes.get("max_1")!;
  assert(Array.isArray(max.result) && max.outputs.length === 2);
  const cond = nodes.get("cond")!;
  assert(Array.isArray(cond.result), "a tuple of one");
  const branch = cond.args[1];
  assert(branch instanceof FxGraph && branch.name === "true_graph_0" && branch.size === 1);
  assertEquals((nodes.get("expand")!.args[1] as readonly unknown[])[0], nodes.get("sym_size")!.result);

  const w = await program.stateDict.get("w")!.load();
  assertEquals(w.toArray(), [1, 2, 3]);
  assertEquals((await program.constants.get("b")!.load()).toArray(), [4, 5, 6]);
  assertEquals(await program.sampleInputs(), null);
  const [entry] = program.moduleCallGraph;
  assertEquals(entry.signature!.forwardArgNames, ["x", "n"]);
});

Deno.test("reading a program reads no weight", async () => {
  const parts = goodParts();
  const bytes = await writeParts(parts);
  const program = await readPt2(bytesSource(bytes, "good.pt2"));
  const ranges = [...program.stateDict.values(), ...program.constants.values()].map((t) => t.byteRange!);
  assertEquals(ranges.length, 2);
  assert(ranges.every(({ offset, length }) => offset + length < bytes.length - 4096));
  const reads: [number, number][] = [];
  const source: Source = {
    name: "watched.pt2",
    size: bytes.length,
    read(offset, length) {
      reads.push([offset, offset + length]);
      return Promise.resolve(bytes.slice(offset, offset + length));
    },
  };
  const watched = await readPt2(source);
  // The end of the archive is searched for in its last 4 KiB, which in a file this small holds all kinds of things.
  const targeted = reads.filter(([start]) => start < bytes.length - 4096);
  for (const { offset, length } of ranges) {
    assert(!targeted.some(([start, end]) => start < offset + length && end > offset));
  }
  const before = reads.length;
  assertEquals((await watched.stateDict.get("w")!.load()).toArray(), [1, 2, 3]);
  assertEquals(reads.slice(before), [[ranges[0].offset, ranges[0].offset + 12]]);
});

Deno.test("every kind of argument becomes its FX form", async () => {
  const table: [Data, string][] = [
    [{ as_none: true }, "None"],
    [tensor("x"), "%x"],
    [{ as_tensors: [{ name: "x" }, { name: "p_w" }] }, "[%x, %p_w]"],
    [{ as_tensors: [] }, "[]"],
    [{ as_optional_tensors: [tensor("x"), { as_none: true }] }, "[%x, None]"],
    [{ as_optional_tensor: tensor("x") }, "%x"],
    [{ as_nested_tensors: [[{ name: "x" }], [{ name: "p_w" }, { name: "x" }]] }, "[[%x], [%p_w, %x]]"],
    [{ as_int: -1 }, "-1"],
    [{ as_ints: [1, 2] }, "[1, 2]"],
    [{ as_int_lists: [[1, 2], [3]] }, "[(1, 2), (3,)]"],
    [{ as_float: 2 }, "2.0"],
    [{ as_float: "-Infinity" }, "-inf"],
    [{ as_floats: [1e-5, "NaN", 1e16, 123456.75] }, "[1e-05, nan, 1e+16, 123456.75]"],
    [{ as_float_lists: [[0.5], []] }, "[[0.5], []]"],
    [{ as_bool: false }, "False"],
    [{ as_bools: [true, false] }, "[True, False]"],
    [{ as_string: "bilinear" }, "bilinear"],
    [{ as_strings: ["a", "b"] }, "[a, b]"],
    [{ as_complex: { real: 0, imag: 1 } }, "1j"],
    [{ as_complex: { real: 1.5, imag: -2 } }, "(1.5-2j)"],
    [{ as_sym_int: { as_name: "sym_size" } }, "%sym_size"],
    [{ as_sym_ints: [{ as_name: "sym_size" }, { as_int: 1 }] }, "[%sym_size, 1]"],
    [{ as_sym_float: { as_float: 1 } }, "1.0"],
    [{ as_sym_bools: [{ as_bool: true }] }, "[True]"],
    [{ as_scalar_type: 13 }, "torch.bfloat16"],
    [{ as_memory_format: 2 }, "torch.channels_last"],
    [{ as_layout: 7 }, "torch.strided"],
    [{ as_device: { type: "cuda", index: 1 } }, "cuda:1"],
    [{ as_device: { type: "cpu", index: null } }, "cpu"],
    [{ as_operator: "torch.ops.aten.mm.default" }, "aten.mm.default"],
    [{ as_string_to_argument: { k: { as_bool: true }, __proto__x: { as_int: 1 } } }, "{k: True, __proto__x: 1}"],
  ];
  const parts = goodParts();
  const { nodes, tensor_values } = parts[MODEL].graph_module.graph;
  for (const [i, [arg]] of table.entries()) {
    nodes.push(node(`n${i}`, "torch.ops.test.op.default", [["a", arg], ["*b", arg]], [tensor(`n${i}`)]));
    tensor_values[`n${i}`] = tensorMeta(1);
  }
  const program = await read(parts);
  const made = nodesOf(program.graph);
  for (const [i, [, text]] of table.entries()) {
    const { text: line } = made.get(`n${i}`)!.origin!;
    assertEquals(line.slice(line.indexOf("(args")), `(args = (${text},), kwargs = {b: ${text}})`);
  }
});

Deno.test("integers beyond 2^53 are exact", async () => {
  const parts = goodParts();
  const text = JSON.stringify(parts[MODEL]).replace(
    '"alpha","arg":{"as_int":2}',
    '"alpha","arg":{"as_int":9223372036854775807}',
  );
  const program = await read({ ...parts, [MODEL]: text });
  assertEquals(nodesOf(program.graph).get("add")!.kwargs.get("alpha"), 9223372036854775807n);
});

Deno.test("names such as __proto__ are names", async () => {
  const parts = goodParts();
  const rename = (data: Data): Data => JSON.parse(JSON.stringify(data).replaceAll('"x"', '"__proto__"'));
  // Object literals and JSON.stringify keep such a key only if it was defined by JSON.parse.
  parts[MODEL] = JSON.stringify(rename(goodProgram()));
  const program = await read(parts);
  assertEquals(program.graph.inputs[2].name, "__proto__");
  assertEquals(({} as Record<string, unknown>).as_int, undefined);
});

Deno.test("tied weights share a storage, and views of one storage keep their places", async () => {
  const parts = goodParts();
  parts["data/weights/weight_0"] = floats(1, 2, 3, 4, 5, 6);
  const view = { ...tensorMeta(3), storage_offset: { as_int: 1 }, strides: [{ as_int: 2 }] };
  parts[WEIGHTS] = {
    config: {
      w: payload("weight_0", view),
      tied: payload("weight_0", view),
      empty: payload("weight_0", tensorMeta(0, 3)),
      ints: payload("weight_0", { ...tensorMeta(2), dtype: 4 }),
    },
  };
  const { stateDict } = await read(parts);
  assertStrictEquals(stateDict.get("w")!.storage, stateDict.get("tied")!.storage);
  assertEquals((await stateDict.get("w")!.load()).toArray(), [2, 4, 6]);
  assertEquals(stateDict.get("empty")!.numel, 0);
  assertEquals(stateDict.get("ints")!.dtype, "int32");
});

Deno.test("big-endian weights are swapped, absent ones are reported", async () => {
  const big = goodParts();
  const bytes = floats(1, 2, 3);
  for (let i = 0; i < bytes.length; i += 4) bytes.subarray(i, i + 4).reverse();
  Object.assign(big, { byteorder: "big", "data/weights/weight_0": bytes });
  const program = await read(big);
  assertEquals((await program.stateDict.get("w")!.load()).toArray(), [1, 2, 3]);
  assertEquals(program.stateDict.get("w")!.byteRange, null);

  const fake = await read({ ...goodParts(), "data/weights/weight_0": new Uint8Array() });
  assertEquals(fake.warnings, ['The archive does not include the values of weights: "w"']);
  const w = fake.stateDict.get("w")!;
  assertEquals([w.shape, w.storage.range, w.storage.bytes, w.isLoaded], [[3], null, null, false]);
});

Deno.test("compressed archives are read, each weight inflated when it is loaded", async () => {
  const program = await readPt2(bytesSource(await writeDeflated(goodParts()), "good.pt2"));
  assertEquals((await program.stateDict.get("w")!.load()).toArray(), [1, 2, 3]);
  assertEquals((await program.constants.get("b")!.load()).toArray(), [4, 5, 6]);
});

Deno.test("older layouts keep weights in torch.save files", async () => {
  const good = goodParts();
  const state = await torchSave(
    p.dict(p.text("w"), pickledTensor(0, 4, [3]), p.text("tied"), pickledTensor(0, 4, [3])),
    [floats(1, 2, 3, 4)],
  );
  const constants = await torchSave(p.dict(p.text("b"), pickledTensor(0, 3, [3])), [floats(4, 5, 6)]);
  const samples = await torchSave(
    p.tuple(p.tuple(pickledTensor(0, 6, [2, 3]), p.int(3)), p.dict()),
    [floats(1, 2, 3, 4, 5, 6)],
  );
  const nested = { ...good, "data/weights/model.pt": state, "data/constants/model.pt": constants, [SAMPLES]: samples };
  delete (nested as Parts)[WEIGHTS];
  delete (nested as Parts)[CONSTANTS];
  const program28 = await read(nested);
  const files: Parts = {
    "serialized_exported_program.json": { ...good[MODEL], schema_version: { major: 8, minor: 2 } },
    "serialized_state_dict.pt": state,
    "serialized_constants.pt": constants,
    "serialized_example_inputs.pt": samples,
    version: "8.2",
  };
  const program26 = await readPt2(bytesSource(await writeParts(files, ""), "old.pt2"));
  for (const program of [program28, program26]) {
    assertStrictEquals(program.stateDict.get("w")!.storage, program.stateDict.get("tied")!.storage);
    assertEquals((await program.stateDict.get("w")!.load()).toArray(), [1, 2, 3]);
    assertEquals((await program.constants.get("b")!.load()).toArray(), [4, 5, 6]);
    const [x, n] = (await program.sampleInputs())!;
    assert(x instanceof Tensor);
    assertEquals([x.shape, (await x.load()).toArray(), n], [[2, 3], [1, 2, 3, 4, 5, 6], 3n]);
    assertEquals(program.warnings, []);
  }
});

Deno.test("nodes without kinds bind by name, nodes without names get torch's", async () => {
  const parts = goodParts();
  for (const n of parts[MODEL].graph_module.graph.nodes) {
    delete n.name;
    for (const input of n.inputs) delete input.kind;
  }
  const program = await read(parts);
  assertEquals([...program.graph.nodes()].map((n) => n.name), ["sym_size", "add", "max_dim", "cond", "expand", "mul"]);
  const add = nodesOf(program.graph).get("add")!;
  assertEquals([add.args.length, [...add.kwargs.keys()]], [1, ["other", "alpha"]]);
});

Deno.test("sample inputs are flattened by the specification", async () => {
  const leaf = { type: null, context: null, children_spec: [] };
  const parts = goodParts();
  const call = parts[MODEL].graph_module.module_call_graph[0].signature;
  const dict = { type: "builtins.dict", context: '["n", 2]', children_spec: [leaf, leaf] };
  call.in_spec = treeSpec(tupleSpec(tupleSpec(), { type: "builtins.dict", context: '["d"]', children_spec: [dict] }));
  const { input_specs } = parts[MODEL].graph_module.signature;
  input_specs.reverse();
  parts[MODEL].graph_module.graph.inputs.reverse();
  parts[SAMPLES] = await torchSave(
    p.tuple(p.tuple(), p.dict(p.text("d"), p.dict(p.int(2), pickledTensor(0, 6, [2, 3]), p.text("n"), p.int(3)))),
    [floats(1, 2, 3, 4, 5, 6)],
  );
  const samples = (await (await read(parts)).sampleInputs())!;
  assertEquals(samples[0], 3n);
  assert(samples[1] instanceof Tensor && samples[1].shape[0] === 2);
});

Deno.test("sample inputs that can't be used are a warning", async () => {
  const table: [string, p.Code, RegExp][] = [
    ["a call", p.call("my", "thing", p.text("x")), /not a pair/],
    ["an object", p.tuple(p.tuple(p.call("mymod", "Thing"), p.int(3)), p.dict()), /class that is not known/],
    ["too few", p.tuple(p.tuple(p.int(3)), p.dict()), /1 parts instead of 2/],
    ["a number for a tensor", p.tuple(p.tuple(p.int(1), p.int(3)), p.dict()), /input x is no tensor/],
    ["another rank", p.tuple(p.tuple(pickledTensor(0, 6, [6]), p.int(3)), p.dict()), /another dtype or shape/],
  ];
  for (const [name, code, expected] of table) {
    const program = await read({ ...goodParts(), [SAMPLES]: await torchSave(code, [floats(1, 2, 3, 4, 5, 6)]) });
    assertEquals(program.warnings, [], name);
    assertEquals(await program.sampleInputs(), null, name);
    assertEquals(program.warnings.length, 1, name);
    assert(expected.test(program.warnings[0]), `${name}: ${program.warnings[0]}`);
  }
});

Deno.test("sample inputs that are damaged or hostile are an error", async () => {
  const folder = await Deno.makeTempDir();
  const call = p.call("os", "system", p.text(`touch ${folder}/executed`));
  const table: [Uint8Array | string, RegExp][] = [
    ["no zip", /zip/],
    [await torchSave([0xff, 0xff]), /no opcode/],
    [await torchSave(call), /names os\.system/],
    [await torchSave(p.tuple(p.tuple(call, p.int(3)), p.dict())), /names os\.system/],
    [
      await torchSave(p.tuple(p.tuple(pickledTensor(0, 6, [6]), p.int(3)), p.dict()), [floats(1)]),
      /storage 0 has 4 bytes/,
    ],
  ];
  for (const [samples, expected] of table) {
    const program = await read({ ...goodParts(), [SAMPLES]: samples });
    const error = await assertRejects(() => program.sampleInputs(), ArchiveError);
    assert(expected.test(error.message), error.message);
  }
  assertEquals([...Deno.readDirSync(folder)], []);
  await Deno.remove(folder);
});

Deno.test("versions that torch accepts are read", async () => {
  for (const [major, minor, warnings] of [[8, 20, 0], [8, 0, 0], [0, 0, 0], [8, 99, 1]]) {
    const parts = goodParts();
    parts[MODEL].schema_version = { major, minor };
    assertEquals((await read(parts)).warnings.length, warnings);
  }
});

Deno.test("what torch leaves out may be missing", async () => {
  const parts = goodParts();
  delete parts[SAMPLES];
  delete parts.byteorder;
  delete parts[".data/serialization_id"];
  const program = parts[MODEL];
  for (const key of ["verifiers", "torch_version", "guards_code"]) delete program[key];
  for (const key of ["custom_obj_values", "sym_float_values"]) delete program.graph_module.graph[key];
  program.graph_module.module_call_graph = [];
  program.range_constraints = {};
  program.unknown = { anything: [1] };
  const { moduleCallGraph, constraints, serializationId } = await read(parts);
  assertEquals(moduleCallGraph[0].signature!.inSpec.children[0].children.length, 2);
  assertEquals([constraints, serializationId], [[], null]);
});

Deno.test("an effect token is an object", async () => {
  const parts = goodParts();
  const { graph, signature } = parts[MODEL].graph_module;
  graph.inputs.unshift(tensor("token"));
  signature.input_specs.unshift({ token: { arg: { name: "token" } } });
  graph.outputs.unshift(tensor("getitem_9"));
  signature.output_specs.unshift({ token: { arg: { name: "getitem_9" } } });
  graph.nodes.push(
    node(
      "with_effects",
      "torch.ops.higher_order.with_effects",
      [["", tensor("token")], ["", { as_operator: "torch.ops.lib.effect.default" }], ["", tensor("x")]],
      [tensor("getitem_9"), { as_none: true }],
      { is_hop_single_tensor_return: false },
    ),
  );
  graph.tensor_values.token = graph.tensor_values.getitem_9 = tensorMeta(0);
  const program = await read(parts);
  assertEquals(program.signature.inputSpecs[0].kind, "TOKEN");
  assertEquals(program.graph.inputs[0].meta, { kind: "object", className: "token" });
  const effect = nodesOf(program.graph).get("with_effects")!;
  assertEquals(effect.outputs[0].meta, { kind: "object", className: "token" });
  assertEquals((effect.result as readonly unknown[])[1], null);
});

Deno.test("custom objects are constants by name, or inputs", async () => {
  const parts = goodParts();
  const { graph, signature } = parts[MODEL].graph_module;
  const object = { name: "obj_q", class_fqn: "__torch__.torch.classes.ns.Queue" };
  graph.inputs.unshift({ as_custom_obj: object });
  graph.custom_obj_values = { obj_q: object };
  signature.input_specs.unshift({ custom_obj: { arg: object, custom_obj_name: "q" } });
  parts["data/constants/custom_obj_0"] = "opaque";
  parts[CONSTANTS].config.q = { path_name: "custom_obj_0", is_param: false, use_pickle: true, tensor_meta: null };
  const call = (name: string, self: Data): Data =>
    node(name, "torch.ops.higher_order.call_torchbind", [["", { as_custom_obj: self }], ["", { as_string: "pop" }]], [
      tensor(name),
    ], { is_hop_single_tensor_return: true });
  graph.nodes.push(call("a", object), call("b", { name: "q", class_fqn: "C" }));
  graph.tensor_values.a = graph.tensor_values.b = tensorMeta(1);
  const program = await read(parts);
  const made = nodesOf(program.graph);
  assertStrictEquals(made.get("a")!.args[0], program.graph.inputs[0]);
  assertEquals({ ...(made.get("b")!.args[0] as Data) }, { name: "q", className: "C" });
  assert(made.get("a")!.result instanceof FxValue);
});

Deno.test("reads PyTorch's own archives, samples included", async () => {
  for (const name of ["mlp", "convnet", "transformer", "lstm", "inplace", "multi", "cond"]) {
    const program = await readPt2(await fixture(`${name}.pt2`));
    assertEquals(program.warnings, [], name);
    const recorded = await readSafetensors(await fixture(`${name}.safetensors`));
    const samples = (await program.sampleInputs())!.filter((sample) => sample instanceof Tensor);
    for (const [i, sample] of samples.entries()) {
      const expected = recorded.tensors.get(`input_${i}`)!;
      assertEquals(sample.shape, expected.shape, name);
      assertEquals((await sample.load()).bytes(), (await readRange(expected.range)).slice(), name);
    }
    assert(!recorded.tensors.has(`input_${samples.length}`), name);
  }
});

Deno.test("the multi fixture: tied weights, buffers, constants, several results", async () => {
  const program = await readPt2(await fixture("multi.pt2"));
  const { stateDict, constants, signature, graph } = program;
  assertStrictEquals(stateDict.get("embed.weight")!.storage, stateDict.get("head.weight")!.storage);
  assertEquals([...stateDict.keys()].sort(), ["embed.weight", "head.weight", "mean"]);
  assertEquals([...constants.keys()].sort(), ["constant", "offset"]);
  assertEquals((await constants.get("offset")!.load()).toArray(), [-3n, -2n, -1n, 0n, 1n, 2n]);
  const literals = signature.inputSpecs.flatMap((s) => s.value.meta?.kind === "constant" ? [s.value.meta.value] : []);
  assertEquals(literals, [3n, null, true, "a"]);
  assertEquals(graph.outputs.at(-1), 3n);
  const samples = (await program.sampleInputs())!;
  assertEquals(samples.slice(1), [3n, null, true, "a"]);
});

Deno.test("several models: listed, and chosen by name", async () => {
  const source = await fixture("two_models.pt2");
  assertEquals((await listModels(source)).sort(), ["dec/sub model", "enc"]);
  const enc = await readPt2(source, { model: "enc" });
  const dec = await readPt2(source, { model: "dec/sub model" });
  assertEquals(enc.stateDict.get("fc.weight")!.shape, [3, 4]);
  assertEquals(dec.stateDict.get("fc.weight")!.shape, [3, 6]);
});
