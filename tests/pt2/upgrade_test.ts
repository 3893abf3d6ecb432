/** Programs in the forms of torch 2.1 to 2.5 are read as what they say, whatever the form. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { type ExportedProgram, formatNode, FxGraph, type FxMeta, type FxNode } from "../../src/fx/mod.ts";
import { bytesSource } from "../../src/io/source.ts";
import { readPt2 } from "../../src/pt2/mod.ts";
import { evaluate, isSym } from "../../src/sym/mod.ts";
import { Tensor } from "../../src/tensor/mod.ts";
import * as p from "../io/assemble.ts";
import { type Data, floats, type Parts, pickledTensor, torchSave, tupleSpec, writeParts } from "./build.ts";
import { OLD_PROGRAM, OLD_VERSIONS, OldForms, oldParts, type OldVersion, withText } from "./build_old.ts";

async function readParts(parts: Parts): Promise<ExportedProgram> {
  return await readPt2(bytesSource(await writeParts(withText(parts), ""), "old.pt2"));
}

/** The good program of a version, after `change`. */
async function readOld(version: OldVersion, change: (program: Data) => void = () => {}): Promise<ExportedProgram> {
  const parts = await oldParts(version);
  change(parts[OLD_PROGRAM]);
  return await readParts(parts);
}

/** All that a program says of its values and nodes. */
function describe(graph: FxGraph): string[] {
  const lines = graph.inputs.map((value) => `${value.name}: ${describeMeta(value.meta)}`);
  for (const node of graph.nodes()) {
    lines.push(formatNode(node));
    for (const value of node.outputs) lines.push(`  ${value.name}: ${describeMeta(value.meta)}`);
    for (const arg of node.args) if (arg instanceof FxGraph) lines.push(...describe(arg).map((line) => `    ${line}`));
  }
  return lines;
}

function describeMeta(meta: FxMeta | null): string {
  if (meta?.kind === "tensor") {
    return [meta.dtype, `[${meta.shape}]`, `[${meta.strides}]`, meta.storageOffset, meta.device].join(" ");
  }
  if (meta?.kind === "sym") return `${meta.type} ${meta.expr}`;
  return meta?.kind === "constant" ? `constant ${meta.value}` : meta?.kind ?? "nothing";
}

function inputsOf({ signature }: ExportedProgram): unknown[] {
  return signature.inputSpecs.map(({ kind, value, target, persistent }) => [kind, value.name, target, persistent]);
}

function outputsOf({ signature }: ExportedProgram): unknown[] {
  return signature.outputSpecs.map(({ kind, arg, target }) => [kind, String((arg as { name?: string }).name), target]);
}

function nodeOf(program: ExportedProgram, name: string): FxNode {
  const found = [...program.graph.nodes()].find((node) => node.outputs.some((value) => value.name === name));
  assert(found !== undefined);
  return found;
}

Deno.test("the forms of all releases say the same", async () => {
  const current = await readOld("8.2");
  assertEquals(current.warnings, []);
  for (const version of OLD_VERSIONS) {
    const program = await readOld(version);
    const isFirst = version === "1";
    // Torch 2.1 returns a branch's only result bare, and torch 2.4 began to name literal inputs.
    const expected = describe(current.graph).map((line) => {
      const named = ["2", "5.1"].includes(version) ? line.replace("count: constant", "arg4: constant") : line;
      return isFirst ? named.replace("%picked : [num_users=0] = ", "%picked : [num_users=1] = ") : named;
    });
    const actual = describe(program.graph);
    assertEquals(actual.length, expected.length, version);
    for (const [i, line] of actual.entries()) {
      if (isFirst && line.includes("higher_order.cond")) continue;
      assertEquals(line, expected[i], version);
    }
    assertEquals(program.warnings, [], version);
    assertEquals(program.schemaVersion, version);
    assertEquals(program.verifiers, ["ATEN"], version);
    assertEquals(program.moduleCallGraph, current.moduleCallGraph, version);
    assertEquals(outputsOf(program), outputsOf(current).map(isFirst ? mangled : (spec) => spec), version);
    assertEquals(program.rangeConstraints.get("s0"), { min: 2, max: Infinity }, version);
    assertEquals(program.symbolHints, new Map([["s0", 4]]), version);
    const { origin } = nodeOf(program, "scaled");
    assertEquals(origin!.modules, [{ path: "blocks.0.fc", className: "torch.nn.modules.linear.Linear" }], version);
    assertEquals(origin!.stackTrace, "", version);
    assertEquals(nodeOf(program, "scaled").metadata.get("source_fn_stack"), "mul,_operator.mul", version);
    assertEquals(nodeOf(program, "scaled").kwargs.get("other"), Infinity, version);
    assertEquals(nodeOf(program, "sum").args.length + nodeOf(program, "sum").kwargs.size, 2, version);
  }
});

/** A specification as torch 2.1 named what it is of. */
function mangled(spec: unknown): unknown {
  const [kind, name, target] = spec as [string, string, string | null];
  return [kind, name, target === null ? null : `L__self___${target}`];
}

Deno.test("each release says what inputs are, and keeps weights, constants and samples in its own files", async () => {
  for (const version of OLD_VERSIONS) {
    const program = await readOld(version);
    const prefix = version === "1" ? "L__self___" : "";
    const literal = version === "2" || version === "5.1" ? "arg4" : "count";
    assertEquals(inputsOf(program), [
      ["PARAMETER", "w", `${prefix}w`, null],
      ["BUFFER", "b", `${prefix}b`, true],
      version === "1" ? ["BUFFER", "k", "L__self___k", true] : ["CONSTANT_TENSOR", "k", "k", null],
      ["USER_INPUT", "x", null, null],
      ["USER_INPUT", literal, null, null],
    ], version);
    assertEquals((await program.stateDict.get(`${prefix}w`)!.load()).toArray(), [1, 2, 3]);
    assertEquals((await program.stateDict.get(`${prefix}b`)!.load()).toArray(), [4, 5, 6]);
    const constants = version === "1" ? program.stateDict : program.constants;
    assertEquals((await constants.get(`${prefix}k`)!.load()).toArray(), [2n, 0n]);
    const samples = await program.sampleInputs();
    if (version === "1" || version === "2" || version === "5.1") assertEquals(samples, null);
    else {
      assert(samples![0] instanceof Tensor);
      assertEquals([samples![0].shape, samples![1]], [[4, 3], 3n]);
    }
  }
  const releases = await Promise.all(OLD_VERSIONS.map(async (version) => (await readOld(version)).torchVersion));
  assertEquals(releases, ["2.1", "2.2", "2.3", "2.4", "2.5.1+cu124"]);
});

Deno.test("infix expressions are read as what they say", async () => {
  const table: [string, (s0: number) => number][] = [
    ["s0 - 1", (s) => s - 1],
    ["((s0 + 3)//4) + 1", (s) => Math.floor((s + 3) / 4) + 1],
    ["s0**2 + 2*s0 - 3", (s) => s * s + 2 * s - 3],
    ["Mod(s0, 5)", (s) => s % 5],
    ["Max(3, s0)", (s) => Math.max(3, s)],
    ["PowByNatural(2, s0)", (s) => 2 ** s],
    ["floor(s0/2)", (s) => Math.floor(s / 2)],
    ["Round(s0/4)", (s) => ({ 2: 0, 5: 1, 13: 3 }[s]!)],
    ["ceiling(s0/3) - 2*(s0//5)", (s) => Math.ceil(s / 3) - 2 * Math.floor(s / 5)],
  ];
  for (const version of OLD_VERSIONS) {
    for (const [text, expected] of table) {
      const program = await readOld(version, (data) => {
        data.graph_module.graph.sym_int_values.n.as_expr.expr_str = text;
      });
      const meta = nodeOf(program, "n").outputs[0].meta;
      assert(meta?.kind === "sym" && isSym(meta.expr));
      for (const s0 of [2, 5, 13]) {
        assertEquals(Number(evaluate(meta.expr, new Map([["s0", s0]]))), expected(s0), `${version} ${text} ${s0}`);
      }
    }
  }
});

Deno.test("symbols may be negative where the ranges or their names say so", async () => {
  const signOf = async (text: string, range: Data): Promise<boolean> => {
    const program = await readOld("7.3", (data) => {
      data.graph_module.graph.sym_int_values.n.as_expr.expr_str = text;
      Object.assign(data.range_constraints, range);
    });
    const meta = nodeOf(program, "n").outputs[0].meta;
    assert(meta?.kind === "sym" && isSym(meta.expr) && meta.expr.node.op === "symbol");
    return meta.expr.node.nonnegative;
  };
  assertEquals(await signOf("s1", {}), true);
  assertEquals(await signOf("s1", { s1: { min_val: -4, max_val: 4 } }), false);
  assertEquals(await signOf("u0", {}), false);
  assertEquals(await signOf("i0", {}), false);
  assertEquals(await signOf("i0", { i0: { min_val: 0, max_val: 9 } }), true);
});

Deno.test("ranges without an end have none, whatever stands for it", async () => {
  const texts = ["9223372036854775806", "9223372036854775807", "Infinity"];
  for (const text of texts) {
    const parts = await oldParts("5.3");
    parts[OLD_PROGRAM].range_constraints = { s0: { min_val: -1, max_val: 1 } };
    const json = JSON.stringify(parts[OLD_PROGRAM]).replace(
      '"min_val":-1,"max_val":1',
      `"min_val":-${text},"max_val":${text}`,
    )
      .replace('"BARE"', "-Infinity");
    const program = await readParts({ ...parts, [OLD_PROGRAM]: json });
    assertEquals(program.constraints, [{ expr: "s0", min: null, max: null }]);
    assertEquals(nodeOf(program, "scaled").kwargs.get("other"), -Infinity);
  }
});

Deno.test("torch 2.1: keyword arguments, gradients, module paths", async () => {
  const leaf = { type: null, context: null, children_spec: [] };
  const kwargs = { type: "builtins.dict", context: '["count"]', children_spec: [leaf] };
  const program = await readOld("1", (data) => {
    const module = data.graph_module;
    module.call_spec.in_spec = JSON.stringify([1, tupleSpec(tupleSpec(leaf), kwargs)]);
    module.signature.user_outputs = ["index", "picked"];
    module.call_spec.out_spec = JSON.stringify([1, tupleSpec(leaf, leaf, leaf)]);
    module.signature.backward_signature = {
      loss_output: "scaled",
      gradients_to_parameters: { view: "L__self___w" },
      gradients_to_user_inputs: {},
    };
    module.graph.nodes[0].metadata.nn_module_stack = [
      "a:(L['self'],m.M)",
      "b:(L['self'].x,m.X)",
      "c:(getattr(getattr(L['self'].x, '0').y, '1')[2].z,m.Z)",
      "d:(G['model'].x,m.X)",
    ].join(";");
  });
  const { inSpec } = program.moduleCallGraph[0].signature!;
  assertEquals(inSpec.children.map((child) => [child.type, child.context]), [
    ["builtins.tuple", "null"],
    ["builtins.dict", '["count"]'],
  ]);
  assertEquals(outputsOf(program), [
    ["BUFFER_MUTATION", "updated", "L__self___b"],
    ["LOSS_OUTPUT", "scaled", null],
    ["USER_OUTPUT", "index", null],
    ["USER_OUTPUT", "picked", null],
    ["GRADIENT_TO_PARAMETER", "view", "L__self___w"],
  ]);
  assertEquals(nodeOf(program, "updated").origin!.modules.map((m) => m.path), [
    "",
    "x",
    "x.0.y.1.2.z",
    "G['model'].x",
  ]);
  const ambiguous = await readOld("1", (data) => {
    data.graph_module.graph.nodes[0].metadata.nn_module_stack = "nothing like a stack";
  });
  assertEquals(ambiguous.warnings, ["Some nodes have a module stack that can't be told apart; it is left out"]);
});

Deno.test("two inputs may name one parameter, and tied parameters share a storage", async () => {
  const forms = new OldForms("7.3");
  const parts = await oldParts("7.3");
  const { graph, signature } = parts[OLD_PROGRAM].graph_module;
  graph.inputs.splice(1, 0, forms.tensor("w2"));
  graph.tensor_values.w2 = forms.meta(7, 3);
  signature.input_specs.splice(1, 0, { parameter: { arg: { name: "w2" }, parameter_name: "w" } });
  const tied: p.Code = [pickledTensor(0, 3, [3])];
  parts["serialized_state_dict.pt"] = await torchSave(
    p.dict(p.text("w"), tied, p.text("same"), tied, p.text("b"), pickledTensor(1, 3, [3])),
    [floats(1, 2, 3), floats(4, 5, 6)],
  );
  const program = await readParts(parts);
  assertEquals(inputsOf(program).slice(0, 2), [["PARAMETER", "w", "w", null], ["PARAMETER", "w2", "w", null]]);
  assertStrictEquals(program.stateDict.get("w")!.storage, program.stateDict.get("same")!.storage);
});
