/** Printed graphs, programs and signatures against what PyTorch itself prints, and Python's forms of values. */
import { assertEquals } from "@std/assert";
import { bytesSource } from "../../src/io/source.ts";
import { Complex, formatConstraints, FxGraph, FxNode, FxValue } from "../../src/fx/mod.ts";
import type { FxMeta } from "../../src/fx/mod.ts";
import { FxNamespace } from "../../src/fx/namespace.ts";
import {
  formatGraph,
  formatNode,
  formatSignature,
  isCondition,
  operatorText,
  subgraphsOf,
} from "../../src/fx/print.ts";
import { printProgram } from "../../src/fx/print_program.ts";
import { complexRepr, floatRepr, stringRepr } from "../../src/fx/python.ts";
import { readPt2 } from "../../src/pt2/mod.ts";

const fixtures = new URL("../fixtures/", import.meta.url);
const printed: Record<string, { text: string; signature: string; ranges: string; nodes: string[] }> = JSON.parse(
  await Deno.readTextFile(new URL("printed.json", fixtures)),
);

const FLOAT: FxMeta = { kind: "sym", type: "float", expr: 1.5 };

/** The lines of a graph, then those of its subgraphs. */
function linesOf(graph: FxGraph, returnsOne = false): string[] {
  const lines = formatGraph(graph, returnsOne);
  const seen = new Set<string>();
  for (const node of graph.nodes()) {
    for (const sub of subgraphsOf(node)) {
      if (!seen.has(sub.name)) lines.push(...linesOf(sub, isCondition(sub, node)));
      seen.add(sub.name);
    }
  }
  return lines;
}

for (const [name, expected] of Object.entries(printed)) {
  Deno.test(`${name} prints as in PyTorch`, async () => {
    const bytes = await Deno.readFile(new URL(`${name}.pt2`, fixtures));
    const program = await readPt2(bytesSource(bytes, `${name}.pt2`));
    assertEquals(linesOf(program.graph), expected.nodes);
    assertEquals(formatSignature(program), expected.signature);
    assertEquals(formatConstraints(program.constraints), expected.ranges);
    assertEquals(printProgram(program), expected.text);
    for (const node of program.graph.nodes()) assertEquals(node.origin!.text, formatNode(node));
  });
}

Deno.test("the text of an origin outlives changes of the graph", async () => {
  const bytes = await Deno.readFile(new URL("mlp.pt2", fixtures));
  const { graph } = await readPt2(bytesSource(bytes, "mlp.pt2"));
  const node = [...graph.nodes()].find((n) => n.name === "linear")!;
  const before = node.origin!.text;
  const [input] = graph.inputs.slice(-1);
  node.replaceOperand(node.args[0] as FxValue, input);
  assertEquals(node.origin!.text, before);
  assertEquals(formatNode(node) === before, false);
});

Deno.test("users are counted with the getitems that torch restores", () => {
  const graph = new FxGraph("g");
  const x = new FxValue("x", FLOAT);
  graph.inputs.push(x);
  const node = new FxNode({
    name: "split",
    target: "torch.ops.lib.pair.default",
    args: [x],
    result: [new FxValue("a", FLOAT), [new FxValue("b", FLOAT), null]],
  });
  graph.insert(node);
  graph.insert(
    new FxNode({ name: "relu", target: "torch.ops.aten.relu.default", args: [x], result: new FxValue("relu", FLOAT) }),
  );
  graph.outputs.push(node.outputs[0], node.outputs[0], null);
  assertEquals(formatGraph(graph), [
    "%x : [num_users=2] = placeholder[target=x]",
    "%split : [num_users=2] = call_function[target=torch.ops.lib.pair.default](args = (%x,), kwargs = {})",
    "%a : [num_users=1] = call_function[target=operator.getitem](args = (%split, 0), kwargs = {})",
    "%getitem : [num_users=2] = call_function[target=operator.getitem](args = (%split, 1), kwargs = {})",
    "%b : [num_users=0] = call_function[target=operator.getitem](args = (%getitem, 0), kwargs = {})",
    "%as_none : [num_users=0] = call_function[target=operator.getitem](args = (%getitem, 1), kwargs = {})",
    "%relu : [num_users=0] = call_function[target=torch.ops.aten.relu.default](args = (%x,), kwargs = {})",
    "return (a, a, None)",
  ]);
});

Deno.test("targets as str prints them", () => {
  const table = [
    ["torch.ops.aten.linear.default", "aten.linear.default"],
    ["torch.ops.higher_order.cond", "cond"],
    ["_operator.mul", "<built-in function mul>"],
    ["math.trunc", "<built-in function trunc>"],
    ["torch.sym_max", "<function sym_max>"],
  ];
  for (const [target, expected] of table) assertEquals(operatorText(target), expected);
});

Deno.test("floats, complex numbers and strings as Python writes them", () => {
  const floats: [number, string][] = [
    [0, "0.0"],
    [-0, "-0.0"],
    [1, "1.0"],
    [0.1, "0.1"],
    [1e-4, "0.0001"],
    [1.5e-4, "0.00015"],
    [9.99e-5, "9.99e-05"],
    [-1e-7, "-1e-07"],
    [1e15, "1000000000000000.0"],
    [1e16, "1e+16"],
    [1.25e100, "1.25e+100"],
    [123456789012345680, "1.2345678901234568e+17"],
    [5e-324, "5e-324"],
    [3.4028234663852886e38, "3.4028234663852886e+38"],
    [NaN, "nan"],
    [-Infinity, "-inf"],
  ];
  for (const [value, expected] of floats) assertEquals(floatRepr(value), expected);
  const complex: [number, number, string][] = [
    [0, 1, "1j"],
    [1, 2, "(1+2j)"],
    [1.5, -0, "(1.5-0j)"],
    [-0, 1, "(-0+1j)"],
    [NaN, Infinity, "(nan+infj)"],
  ];
  for (const [re, im, expected] of complex) assertEquals(complexRepr(new Complex(re, im)), expected);
  const strings = [
    ["a", "'a'"],
    ["it's", `"it's"`],
    [`it's "so"`, `'it\\'s "so"'`],
    ["a\n\t\\", "'a\\n\\t\\\\'"],
    ["é\u00a0\u2028\u0001", "'é\\xa0\\u2028\\x01'"],
  ];
  for (const [value, expected] of strings) assertEquals(stringRepr(value), expected);
});

Deno.test("names are made as torch.fx makes them", () => {
  const names = new FxNamespace();
  const made = ["x", "x", "x_1", "getitem", "getitem_5", "getitem", "a.b-c", "1st", ""].map((name) =>
    names.create(name)
  );
  assertEquals(made, ["x", "x_1", "x_2", "getitem", "getitem_5", "getitem_6", "a_b_c", "_1st", "_unnamed"]);
});
