/**
 * Damaged and hostile archives: each is refused with an error that says where, or read as what it still is. Nothing else
 * happens: no other kind of error, nothing executed, and no work out of proportion to the file.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ArchiveError } from "../../src/ir/errors.ts";
import { bytesSource } from "../../src/io/source.ts";
import { readPt2 } from "../../src/pt2/mod.ts";
import type { ExportedProgram } from "../../src/fx/mod.ts";
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
  subgraph,
  SYMBOL,
  tensor,
  tensorMeta,
  torchSave,
  treeSpec,
  WEIGHTS,
  writeDeflated,
  writeParts,
} from "./build.ts";

async function open(bytes: Uint8Array): Promise<ExportedProgram> {
  return await readPt2(bytesSource(bytes, "bad.pt2"));
}

/** The error of an archive that must be refused; the message names the file and matches. */
async function refusal(bytes: Uint8Array, expected: RegExp, what = ""): Promise<ArchiveError> {
  const error = await assertRejects(() => open(bytes), ArchiveError, "bad.pt2: ", what);
  assert(expected.test(error.message), `${what}: ${error.message}`);
  assert(error.message.length < 2000, `${what}: the message is too long`);
  return error;
}

/** Refuses an archive whose parts `damage` changed. */
async function refusedParts(damage: (parts: Parts) => void, expected: RegExp, what = ""): Promise<ArchiveError> {
  const parts = goodParts();
  damage(parts);
  return await refusal(await writeParts(parts), expected, what);
}

/** Whether an archive is read; whatever else is wrong with it must be an ArchiveError. */
async function isRead(bytes: Uint8Array): Promise<boolean> {
  try {
    const program = await open(bytes);
    await program.sampleInputs();
    return true;
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    return false;
  }
}

const graphOf = (parts: Parts): Data => parts[MODEL].graph_module.graph;
const nodeOf = (parts: Parts, name: string): Data => graphOf(parts).nodes.find((n: Data) => n.name === name);
const INT64_MAX = "9223372036854775807";

Deno.test("truncated anywhere", async () => {
  const bytes = await writeParts(goodParts());
  for (let length = 0; length < bytes.length; length += 97) {
    await refusal(bytes.subarray(0, length), /Cannot open the archive/, `${length} bytes`);
  }
  await refusal(bytes.subarray(0, bytes.length - 1), /Cannot open the archive/);
});

Deno.test("a byte flipped anywhere", async () => {
  const bytes = await writeParts(goodParts());
  let refused = 0;
  for (let at = 0; at < bytes.length; at += 13) {
    const copy = bytes.slice();
    copy[at] ^= 0x41;
    if (!await isRead(copy)) refused++;
  }
  // What may change unnoticed is padding, dates and the weights, which are not read.
  assert(refused > bytes.length / 13 * 0.8, `${refused} of ${bytes.length / 13}`);
  const text = new TextDecoder("latin1").decode(bytes);
  const copy = bytes.slice();
  copy[text.indexOf("torch.ops.aten.add")] ^= 1;
  await refusal(copy, /models\/model\.json.*checksum/s);
});

Deno.test("entries that are missing", async () => {
  for (
    const name of [MODEL, WEIGHTS, CONSTANTS, "archive_version", "data/weights/weight_0", "data/constants/tensor_0"]
  ) {
    await refusedParts((parts) => delete parts[name], /missing|no model/, name);
  }
});

Deno.test("every value of the program replaced by one of another type", async () => {
  // Paths to all values below a value, itself excluded.
  const paths = (data: Data, prefix: string[] = []): string[][] =>
    data === null || typeof data !== "object" ? [] : Object.keys(data).flatMap((key) => {
      const path = [...prefix, key];
      return [path, ...paths(data[key], path)];
    });
  const program = goodProgram();
  program.graph_module.graph.nodes.length = 4;
  program.graph_module.graph.outputs[0] = tensor("getitem");
  program.graph_module.signature.output_specs[0] = { user_output: { arg: tensor("getitem") } };
  const all = paths(program);
  let refused = 0, total = 0;
  for (const [i, path] of all.entries()) {
    const replacements = [3, "x", [], {}, null, [[{}]], -1.5, true];
    const copy = structuredClone(program);
    let at = copy;
    for (const key of path.slice(0, -1)) at = at[key];
    at[path.at(-1)!] = replacements[i % replacements.length];
    total++;
    if (!await isRead(await writeParts({ ...goodParts(), [MODEL]: copy }))) refused++;
  }
  assert(total > 400 && refused > total / 2, `${refused} of ${total}`);
});

Deno.test("what the graph may not be", async () => {
  const table: [string, (parts: Parts) => void, RegExp][] = [
    [
      "an undefined name",
      (parts) => nodeOf(parts, "add").inputs[0].arg = tensor("nowhere"),
      /"nowhere" is not defined/,
    ],
    ["a use before the definition", (parts) => graphOf(parts).nodes.reverse(), /not defined before its use/],
    ["a node that uses itself", (parts) => nodeOf(parts, "add").inputs[1].arg = tensor("add"), /"add" is not defined/],
    ["two nodes that use each other", (parts) => nodeOf(parts, "add").inputs[1].arg = tensor("mul"), /"mul" is not/],
    ["a name defined twice", (parts) => nodeOf(parts, "mul").outputs = [tensor("add")], /"add" is defined twice/],
    ["a value without an entry", (parts) => delete graphOf(parts).tensor_values.add, /"add" has no entry/],
    ["a graph that sees outside", (parts) => {
      nodeOf(parts, "cond").inputs[1].arg.as_graph.graph.nodes[0].inputs[0].arg = tensor("p_w");
    }, /"p_w" is not defined/],
    ["a graph for a plain operator", (parts) => {
      nodeOf(parts, "add").inputs[1].arg = { as_graph: { name: "g", graph: subgraph("x") } };
    }, /only higher-order operators take graphs/],
    ["a graph with too many inputs", (parts) => {
      nodeOf(parts, "cond").inputs[1].arg.as_graph.graph = subgraph("x", "z");
    }, /has 2 inputs, but is given 1/],
    ["a graph with too few results", (parts) => {
      nodeOf(parts, "cond").inputs[2].arg.as_graph.graph.outputs = [];
    }, /returns 0 values, but the node has 1/],
    ["an argument given twice", (parts) => nodeOf(parts, "add").inputs[1].name = "self", /"self" is given twice/],
    ["an unknown kind of argument", (parts) => nodeOf(parts, "add").inputs[1].arg = { as_magic: 1 }, /"as_magic"/],
    [
      "two kinds at once",
      (parts) => nodeOf(parts, "add").inputs[1].arg = { as_int: 1, as_none: true },
      /one key, met 2/,
    ],
    ["no kind", (parts) => nodeOf(parts, "add").inputs[1].arg = {}, /one key, met 0/],
    [
      "a number where a tensor belongs",
      (parts) => nodeOf(parts, "mul").inputs[0].arg = tensor("sym_size"),
      /is a number/,
    ],
    ["a tensor where a number belongs", (parts) => {
      nodeOf(parts, "expand").inputs[1].arg.as_sym_ints[0].as_name = "add";
    }, /"add" is not a number/],
    ["code for an operator", (parts) => nodeOf(parts, "add").target = "os.system('x')", /not the name of an operator/],
    ["an unknown dtype", (parts) => graphOf(parts).tensor_values.add.dtype = 99, /99 is not the number of a dtype/],
    ["dtype 0", (parts) => graphOf(parts).tensor_values.add.dtype = 0, /0 is not the number of a dtype/],
    ["a rank mismatch", (parts) => graphOf(parts).tensor_values.add.strides.pop(), /2 sizes do not match 1 strides/],
    ["a negative size", (parts) => graphOf(parts).tensor_values.add.sizes[1].as_int = -3, /non-negative/],
    ["an unknown object", (parts) => {
      nodeOf(parts, "add").inputs[1].arg = { as_custom_obj: { name: "q", class_fqn: "C" } };
    }, /neither a value nor a constant/],
    ["too few input specs", (parts) => parts[MODEL].graph_module.signature.input_specs.pop(), /3 inputs do not match/],
    ["another name in a spec", (parts) => {
      parts[MODEL].graph_module.signature.input_specs[2].user_input.arg = tensor("z");
    }, /"z" does not match the graph's input "x"/],
    ["another constant", (parts) => {
      parts[MODEL].graph_module.signature.input_specs[3].constant_input.value.as_int = 4;
    }, /constant 4 does not match/],
    ["too many output specs", (parts) => {
      parts[MODEL].graph_module.signature.output_specs.push({ user_output: { arg: tensor("add") } });
    }, /4 outputs do not match/],
    ["another output", (parts) => {
      parts[MODEL].graph_module.signature.output_specs[0].user_output.arg = tensor("add");
    }, /does not match the graph's output "%mul"/],
    ["a mutation of nothing", (parts) => {
      parts[MODEL].graph_module.signature.output_specs[0] = {
        buffer_mutation: { arg: { name: "mul" }, buffer_name: "z" },
      };
    }, /"z" is not an input of that kind/],
    ["a calling convention with too many leaves", (parts) => {
      const leaf = { type: null, context: null, children_spec: [] };
      parts[MODEL].graph_module.module_call_graph[0].signature.in_spec = treeSpec({
        type: "builtins.tuple",
        context: "null",
        children_spec: [leaf, leaf, leaf],
      });
    }, /takes 3 values, the graph 2/],
    ["another tree protocol", (parts) => {
      parts[MODEL].graph_module.module_call_graph[0].signature.in_spec = "[2, {}]";
    }, /protocol "2" are not supported/],
    ["an empty range", (parts) => parts[MODEL].range_constraints.s77 = { min_val: 9, max_val: 3 }, /holds no value/],
    ["a future version", (parts) => parts[MODEL].schema_version.major = 9, /schema version 9\.20/],
  ];
  for (const [what, damage, expected] of table) await refusedParts(damage, expected, what);
});

Deno.test("errors name the entry, the place and the node", async () => {
  const error = await refusedParts((parts) => nodeOf(parts, "add").inputs[1].arg = tensor("nowhere"), /nowhere/);
  assertEquals(
    error.message,
    "bad.pt2: Cannot read models/model.json at graph_module.graph.nodes[1].inputs[1].arg.as_tensor.name: " +
      'value "nowhere" is not defined before its use\n  operator: aten.add.Tensor\n  node: add',
  );
});

Deno.test("absurd numbers", async () => {
  const weight = (change: Data, more: Data = {}) => (parts: Parts): void => {
    parts[WEIGHTS].config.w = payload("weight_0", { ...tensorMeta(3), ...change }, more);
  };
  const table: [string, (parts: Parts) => void, RegExp][] = [
    ["too many elements", weight({ sizes: [{ as_int: 4 }] }), /reaches outside its storage of 12 bytes/],
    ["a stride that leaves", weight({ strides: [{ as_int: 2 }] }), /reaches outside/],
    ["an offset that leaves", weight({ storage_offset: { as_int: 1 } }), /reaches outside/],
    ["a negative offset", weight({ storage_offset: { as_int: -1 } }), /non-negative/],
    ["a negative stride", weight({ strides: [{ as_int: -1 }] }), /non-negative/],
    ["2^52 elements", weight({ sizes: [{ as_int: 2 ** 52 }] }), /too large|outside/],
    [
      "a product that overflows",
      weight({
        sizes: new Array(8).fill({ as_int: 2 ** 40 }),
        strides: new Array(8).fill({ as_int: 0 }),
      }),
      /too large/,
    ],
    ["a symbolic weight", weight({ sizes: [{ as_expr: { expr_str: SYMBOL, hint: null } }] }), /must be a number/],
    ["a rank mismatch", weight({ strides: [] }), /differ in rank/],
    [
      "another length than whole elements",
      (parts) => parts["data/weights/weight_0"] = new Uint8Array(13),
      /no multiple/,
    ],
    ["a sparse weight", weight({ layout: 1 }), /only strided tensors/],
    ["another shape than the graph's", (parts) => {
      parts["data/weights/weight_0"] = floats(1, 2, 3, 4);
      parts[WEIGHTS].config.w = payload("weight_0", tensorMeta(4));
    }, /"w" is float32\[4\], but the graph takes float32\[3\]/],
    ["a weight that the index lacks", (parts) => parts[WEIGHTS].config = {}, /"w" is not in the archive/],
    ["a name for two weights", (parts) => {
      parts[CONSTANTS].config.w = payload("tensor_0", tensorMeta(3));
    }, /both a weight and a constant/],
  ];
  for (const [what, damage, expected] of table) await refusedParts(damage, expected, what);
  for (const number of [`${INT64_MAX}0`, "-9223372036854775809", "1".repeat(5000)]) {
    const text = JSON.stringify(goodProgram()).replace('{"as_int":2}', `{"as_int":${number}}`);
    await refusal(await writeParts({ ...goodParts(), [MODEL]: text }), /64 bits|too large|digits/, number.slice(0, 30));
  }
});

Deno.test("compressed entries that claim absurd sizes", async () => {
  const bomb = await writeDeflated({ ...goodParts(), [MODEL]: " ".repeat(70 << 20) });
  assert(bomb.length < 1 << 20);
  await refusal(bomb, /models\/model\.json.*at most/);
  await refusal(await writeDeflated(goodParts(), { [MODEL]: 4e9 }), /models\/model\.json.*at most/);
  await refusal(await writeDeflated(goodParts(), { [MODEL]: 1e6 }), /models\/model\.json.*does not inflate/);
  const weight = "data/weights/weight_0";
  const program = await open(await writeDeflated(goodParts(), { [weight]: 4e9 }));
  await assertRejects(() => program.stateDict.get("w")!.load(), ArchiveError, "at most");
  const shorter = await open(await writeDeflated(goodParts(), { [weight]: 16 }));
  await assertRejects(() => shorter.stateDict.get("w")!.load(), ArchiveError, "does not inflate");
});

Deno.test("hostile paths", async () => {
  const paths = ["../../models/model.json", "/etc/passwd", "..", ".", "", "a/b", "a\\b", "a\u0000b", "x".repeat(500)];
  for (const path of paths) {
    await refusedParts((parts) => parts[WEIGHTS].config.w.path_name = path, /plain file name/, JSON.stringify(path));
  }
  const program = await open(await writeParts({ ...goodParts(), "extra/../../evil.txt": "x", "extra//abs": "y" }));
  assertEquals(program.warnings, []);
});

Deno.test("deep nesting", async () => {
  const good = JSON.stringify(goodProgram());
  const nested = (depth: number): Data => {
    let graph = subgraph("x");
    for (let i = 0; i < depth; i++) {
      const outer = subgraph("x");
      const inputs: [string, Data][] = [["", { as_graph: { name: "g", graph } }], ["", tensor("x")]];
      outer.nodes = [node("neg", "torch.ops.higher_order.wrap", inputs, [tensor("neg")], {
        is_hop_single_tensor_return: true,
      })];
      graph = outer;
    }
    return graph;
  };
  const withGraph = (depth: number) => (parts: Parts): void => {
    nodeOf(parts, "cond").inputs[1].arg.as_graph.graph = nested(depth);
  };
  const parts = goodParts();
  withGraph(10)(parts);
  assert(await isRead(await writeParts(parts)));
  await refusedParts(withGraph(200), /levels deep/);
  const table: [string, string, RegExp][] = [
    ["lists", "[".repeat(1_000_000), /levels deep/],
    ["objects", '{"a":'.repeat(100_000), /levels deep/],
    ["an argument", good.replace('{"as_int":2}', '{"as_string_to_argument":{"k":'.repeat(5000)), /levels deep/],
  ];
  for (const [what, text, expected] of table) {
    await refusal(await writeParts({ ...goodParts(), [MODEL]: text }), expected, what);
  }
  let spec: Data = { type: null, context: null, children_spec: [] };
  for (let i = 0; i < 2000; i++) spec = { type: "builtins.tuple", context: "null", children_spec: [spec] };
  await refusedParts((parts) => {
    parts[MODEL].graph_module.module_call_graph[0].signature.in_spec = treeSpec(spec);
  }, /in_spec: .*levels deep/);
});

Deno.test("code in expressions is refused, in guards it is only text", async () => {
  const expression = (text: string) => (parts: Parts): void => {
    graphOf(parts).tensor_values.x.sizes[0].as_expr.expr_str = text;
  };
  const table = [
    "__import__('os').system('true')",
    "().__class__.__bases__[0]",
    "exec('1')",
    "Symbol('s77').__class__",
    "Symbol('s77); import os')",
    "(lambda: 1)()",
    "Integer(1) if 1 else 2",
    "f'{1}'",
    "",
    "Add(",
    "Integer(10)**Integer(10)",
    "Float('1.5', precision=53)",
    "Pow(Integer(10), Integer(1000000000000))",
    "Add(".repeat(100_000),
    `Add(${new Array(50_000).fill("Integer(1)").join(", ")}`,
    `${"Mul(Add(Symbol('a'), Symbol('b')), ".repeat(200)}Integer(1)${")".repeat(200)}`,
  ];
  for (const text of table) {
    await refusedParts(
      expression(text),
      /models\/model\.json at graph_module\.graph\.tensor_values\.x/,
      text.slice(0, 60),
    );
  }
  await refusedParts((parts) => {
    parts[MODEL].range_constraints = { "__import__('os')": { min_val: 0, max_val: null } };
  }, /range_constraints/);
  const parts = goodParts();
  parts[MODEL].guards_code = ["__import__('os').system('true')"];
  assertEquals((await open(await writeParts(parts))).guardsCode, ["__import__('os').system('true')"]);
});

Deno.test("hostile pickles of weights", async () => {
  const folder = await Deno.makeTempDir();
  const command = p.text(`touch ${folder}/executed`);
  const calls: [what: string, code: p.Code, hostile: RegExp | null][] = [
    ["a call", p.call("os", "system", command), /weights?.* it names os\.system/],
    ["a subclass", p.call("mymod", "Sub", pickledTensor(0, 3, [3])), null],
    ["eval", p.call("builtins", "eval", command), /weights?.* it names builtins\.eval/],
  ];
  for (const [what, code, hostile] of calls) {
    const saved = await torchSave(code, [floats(1, 2, 3)]);
    await refusedParts(
      (parts) => {
        parts["data/weights/weight_0"] = saved;
        parts[WEIGHTS].config.w.use_pickle = true;
      },
      hostile ?? /weight "w" is stored as a pickled object/,
      what,
    );
    await refusedParts(
      (parts) => {
        delete parts[WEIGHTS];
        parts["data/weights/model.pt"] = saved;
      },
      hostile ?? /expected a dict of tensors/,
      what,
    );
  }
  const dict = await torchSave(p.dict(p.text("w"), p.call("os", "system", command)));
  await refusedParts((parts) => {
    delete parts[WEIGHTS];
    parts["data/weights/model.pt"] = dict;
  }, /data\/weights\/model\.pt .* names os\.system/);
  const short = await torchSave(p.dict(p.text("w"), pickledTensor(0, 3000, [3000])), [floats(1, 2, 3)]);
  await refusedParts((parts) => {
    delete parts[WEIGHTS];
    parts["data/weights/model.pt"] = short;
  }, /storage 0 has 12 bytes/);
  assertEquals([...Deno.readDirSync(folder)], []);
  await Deno.remove(folder);

  const plain = await torchSave(pickledTensor(0, 3, [3]), [floats(7, 8, 9)]);
  const parts = goodParts();
  parts["data/weights/weight_0"] = plain;
  parts[WEIGHTS].config.w.use_pickle = true;
  assertEquals((await (await open(await writeParts(parts))).stateDict.get("w")!.load()).toArray(), [7, 8, 9]);
});

Deno.test("files that are something else say what they are", async () => {
  const text = (value: string): Uint8Array => new TextEncoder().encode(value);
  const zip = async (parts: Parts): Promise<Uint8Array> => await writeParts(parts, "x/");
  const { [MODEL]: _, ...rest } = goodParts();
  const table: [Uint8Array, RegExp][] = [
    [new Uint8Array(), /an empty file/],
    [text("hello"), /not a zip archive/],
    [text("PK\x03\x04 and nothing more"), /its end is missing/],
    [Uint8Array.of(0x80, 2, 0x7d, 0x2e), /a bare pickle/],
    [text('\x08\0\0\0\0\0\0\0{"a":1}'), /a safetensors file/],
    [Uint8Array.of(8, 10, 0x12, 4), /an ONNX model already/],
    [await zip({ "data.pkl": "x", "code/__torch__.py": "y" }), /a TorchScript archive/],
    [await zip({ "data.pkl": "x", "data/0": "y" }), /a file of torch\.save/],
    [await zip({ ".data/ts_code/code/x.py": "x" }), /a torch\.package archive/],
    [await zip({ "readme.txt": "x" }), /a zip archive, but no program/],
    [await writeParts({ "readme.txt": "x" }, ""), /a zip archive, but no program/],
    [await zip({ ...rest, "data/aotinductor/model/a.so": "x" }), /a compiled package \(AOTInductor\).*no graph/],
    [await zip(rest), /holds no model/],
    [await zip({ ...goodParts(), archive_format: "pt3" }), /archive_format: expected pt2, met "pt3"/],
    [await zip({ ...goodParts(), archive_version: "1" }), /archive_version: expected 0/],
    [await zip({ ...goodParts(), byteorder: "middle" }), /"middle" is neither little nor big/],
    [await zip({ ...goodParts(), [MODEL]: Uint8Array.of(0x22, 0xff, 0x22) }), /models\/model\.json: it is not UTF-8/],
    [await zip({ ...goodParts(), "models/other.json": goodProgram() }), /among 2 models: "model", "other"/],
  ];
  for (const [bytes, expected] of table) await refusal(bytes, expected, String(expected));
  const good = bytesSource(await writeParts(goodParts()), "bad.pt2");
  await assertRejects(() => readPt2(good, { model: "nope" }), ArchiveError, 'the archive holds "model"');
});

Deno.test("versions that no release wrote name the torch next to them and what to do", async () => {
  const of = (schemaVersion: Data): Uint8Array | Promise<Uint8Array> =>
    writeParts({ "serialized_exported_program.json": { schema_version: schemaVersion } }, "");
  const table: [Data, RegExp][] = [
    [
      { major: 6, minor: 1 },
      /version 6\.1, which no release of torch writes, perhaps a build about torch 2\.4 and 2\.5/,
    ],
    [{ major: 5, minor: 2 }, /version 5\.2, which no release of torch writes, perhaps/],
    [{ major: 1, minor: 0 }, /version 1\.0, which no release of torch writes, perhaps/],
    [{ major: 0, minor: 1 }, /version 0\.1, which no release/],
    [3, /version 3, which no release of torch writes, perhaps a build about torch 2\.2 and 2\.3/],
    [0, /version 0, which no release of torch writes/],
    [8, /version 8, which no release of torch writes/],
  ];
  for (const [version, expected] of table) {
    const error = await refusal(await of(version), expected, JSON.stringify(version));
    assert(/write it anew with torch 2\.6 or newer/.test(error.message), error.message);
  }
  await refusal(await of(9), /schema version 9, at most 8 is supported/);
  await refusal(await of("x"), /schema_version: expected an integer/);
  await refusal(await of({ major: -1, minor: 0 }), /schema_version\.major/);
  await refusedParts((parts) => {
    parts[MODEL].schema_version = { major: 7, minor: 3 };
  }, /schema version 7\.3, that of torch 2\.5, but the layout of torch 2\.8 and newer/);
});

Deno.test("a graph of a hundred thousand nodes is read", async () => {
  const parts = goodParts();
  const { nodes, tensor_values } = graphOf(parts);
  for (let i = 0; i < 100_000; i++) {
    const self = tensor(i === 0 ? "mul" : `relu_${i - 1}`);
    nodes.push({
      target: "torch.ops.aten.relu.default",
      inputs: [{ name: "self", arg: self, kind: 1 }],
      outputs: [tensor(`relu_${i}`)],
      metadata: {},
    });
    tensor_values[`relu_${i}`] = tensorMeta(SYMBOL);
  }
  const program = await open(await writeParts(parts));
  assertEquals(program.graph.size, 100_006);
});
