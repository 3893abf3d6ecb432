/**
 * What the passes make of small graphs. After every pass the checker finds nothing wrong, a second run changes nothing, and
 * the table says what is left.
 */
import { assertEquals } from "@std/assert";
import { checkModel } from "../../src/onnx/check.ts";
import * as schemas from "../../src/onnx/op_schema.ts";
import { optimize } from "../../src/optimize/mod.ts";
import { modelOf, nodesOf } from "./graphs.ts";

interface Case {
  readonly name: string;
  readonly graph: readonly string[];
  /** The nodes that are left; the same as before where nothing may be done. */
  readonly left: readonly string[] | "all";
}

const CASES: readonly Case[] = [
  {
    name: "what nothing uses goes, chains of it too",
    graph: ["x f[N]", "w! f{1,2}", "a = Exp(x)", "b = Mul(a, a)", "y = Relu(x)", "-> y"],
    left: ["float32[N] y = Relu (x)"],
  },
  {
    name: "an Identity goes",
    graph: ["x f[N]", "a = Identity(x)", "y = Relu(a)", "-> y"],
    left: ["float32[N] y = Relu (x)"],
  },
  {
    name: "an Identity between an input and an output stays: both have their names",
    graph: ["x f[N]", "y = Identity(x)", "-> y"],
    left: "all",
  },
  {
    name: "an output's name moves to the value that is left",
    graph: ["x f[N]", "a = Relu(x)", "y = Identity(a)", "-> y"],
    left: ["float32[N] y = Relu (x)"],
  },
  {
    name: "one value as two outputs stays two values",
    graph: ["x f[N]", "a = Relu(x)", "y = Identity(a)", "-> a, y"],
    left: "all",
  },
  {
    name: "two Transposes that undo each other go",
    graph: [
      "x f[N,3]",
      'a = Transpose(x) {"perm": [1, 0]}',
      'b = Transpose(a) {"perm": [1, 0]}',
      "y = Relu(b)",
      "-> y",
    ],
    left: ["float32[N, 3] y = Relu (x)"],
  },
  {
    name: "two Transposes become one",
    graph: [
      "x f[N,3,5]",
      'a = Transpose(x) {"perm": [1, 2, 0]}',
      'y = Transpose(a) {"perm": [1, 0, 2]}',
      "-> y",
    ],
    left: ["float32[5, 3, N] y = Transpose <perm = [2, 1, 0]> (x)"],
  },
  {
    name: "two Reshapes become one",
    graph: ["x f[2,6]", "s l{3,4}", "t l{4,3}", "a = Reshape(x, s)", "y = Reshape(a, t)", "-> y"],
    left: ["float32[4, 3] y = Reshape (x, t)"],
  },
  {
    name: "a Reshape whose 0 takes a dim of its own input stays",
    graph: ["x f[2,6]", "s l{3,4}", "t l{0,2,2}", "a = Reshape(x, s)", "y = Reshape(a, t)", "-> y"],
    left: "all",
  },
  {
    name: "Unsqueeze and Squeeze that undo each other go",
    graph: ["x f[N,3]", "at l{1}", "a = Unsqueeze(x, at)", "b = Squeeze(a, at)", "y = Relu(b)", "-> y"],
    left: ["float32[N, 3] y = Relu (x)"],
  },
  {
    name: "a Cast there and back goes where the way there keeps every value",
    graph: ["x h[N]", 'a = Cast(x) {"to": 1}', 'b = Cast(a) {"to": 10}', "y = Relu(b)", "-> y"],
    left: ["float16[N] y = Relu (x)"],
  },
  {
    name: "singles are compared as singles, though they were widened",
    graph: [
      "x f[N]",
      "z f[N]",
      'a = Cast(x) {"to": 11}',
      'b = Cast(z) {"to": 11}',
      "y = Less(a, b)",
      "-> y",
    ],
    left: ["bool[N] y = Less (x, z)"],
  },
  ...(["Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal"] as const).map((op): Case => ({
    name: `singles are compared with a number that is one: ${op}`,
    graph: ["x f[N]", "c d(0.5)", 'a = Cast(x) {"to": 11}', `y = ${op}(a, c)`, "-> y"],
    left: [`bool[N] y = ${op} (x, y_in_float32)`],
  })),
  {
    name: "a number that is no single equals none",
    graph: ["x f[N]", "c d(0.1)", 'a = Cast(x) {"to": 11}', "y = Equal(a, c)", "-> y"],
    left: "all",
  },
  {
    name: "a Cast that rounds stays",
    graph: ["x f[N]", 'a = Cast(x) {"to": 10}', 'b = Cast(a) {"to": 1}', "y = Relu(b)", "-> y"],
    left: "all",
  },
  {
    name: "a Cast of int64 to float32 and back stays: large numbers are rounded",
    graph: ["x l[N]", 'a = Cast(x) {"to": 1}', 'b = Cast(a) {"to": 7}', "y = Neg(b)", "-> y"],
    left: "all",
  },
  {
    name: "a Cast through uint8 stays: it wraps",
    graph: ["x i[N]", 'a = Cast(x) {"to": 2}', 'b = Cast(a) {"to": 6}', "y = Neg(b)", "-> y"],
    left: "all",
  },
  {
    name: "multiplying by one and subtracting zero go",
    graph: ["x f[N,3]", "one f(1)", "zero f(0)", "a = Mul(x, one)", "b = Sub(a, zero)", "y = Relu(b)", "-> y"],
    left: ["float32[N, 3] y = Relu (x)"],
  },
  {
    name: "adding zero stays: it makes -0 a 0",
    graph: ["x f[N]", "zero f(0)", "a = Add(x, zero)", "y = Reciprocal(a)", "-> y"],
    left: "all",
  },
  {
    name: "adding an integer zero goes",
    graph: ["x l[N]", "zero l(0)", "a = Add(x, zero)", "y = Neg(a)", "-> y"],
    left: ["int64[N] y = Neg (x)"],
  },
  {
    name: "a neutral operand that broadcasts the other stays",
    graph: ["x f[N]", "one f[2,1]{1,1}", "a = Mul(x, one)", "y = Relu(a)", "-> y"],
    left: "all",
  },
  {
    name: "a weight of ones may be changed later: it stays",
    graph: ["x f[N,1]", "w! f{1}", "y = Mul(x, w)", "-> y"],
    left: "all",
  },
  {
    name: "Dropout without a training flag goes",
    graph: ["x f[N]", "p f(0.5)", "a = Dropout(x, p)", "y = Relu(a)", "-> y"],
    left: ["float32[N] y = Relu (x)"],
  },
  {
    name: "Dropout with a flag that an input decides stays",
    graph: ["x f[N]", "t b[]", "p f(0.5)", "a = Dropout(x, p, t)", "y = Relu(a)", "-> y"],
    left: "all",
  },
  {
    name: "a Slice of everything goes, a reversed one stays",
    graph: [
      "x f[4]",
      "s l{0}",
      "e l{4}",
      "ax l{0}",
      "a = Slice(x, s, e, ax)",
      "rs l{-1}",
      "re l{-9}",
      "st l{-1}",
      "y = Slice(a, rs, re, ax, st)",
      "-> y",
    ],
    left: ["float32[4] y = Slice (x, rs, re, ax, st)"],
  },
  {
    name: "an Expand goes where the user broadcasts alike",
    graph: ["x f[1,3]", "z f[N,3]", "s = Shape(z)", "a = Expand(x, s)", "y = Add(a, z)", "-> y"],
    left: ["float32[N, 3] y = Add (x, z)"],
  },
  {
    name: "an Expand stays where the result would be smaller",
    graph: ["x f[1,3]", "z f[1,3]", "s l{4,3}", "a = Expand(x, s)", "y = Add(a, z)", "-> y"],
    left: "all",
  },
  {
    name: "an Expand stays where the user does not broadcast",
    graph: ["x f[1,3]", "s l{4,3}", "a = Expand(x, s)", 'y = Concat(a, a) {"axis": 0}', "-> y"],
    left: "all",
  },
  {
    name: "constants are folded",
    graph: ["x f[2]", "p l{1}", "q l{1}", 's = Concat(p, q) {"axis": 0}', "n = Neg(s)", "y = Expand(x, s)", "-> y"],
    left: ["float32[1, 2] y = Expand (x, s)"],
  },
  {
    name: "equal nodes are one, their users too",
    graph: ["x f[N]", "a = Exp(x)", "b = Exp(x)", "c = Neg(a)", "d = Neg(b)", "y = Add(c, d)", "-> y"],
    left: ["float32[N] a = Exp (x)", "float32[N] c = Neg (a)", "float32[N] y = Add (c, c)"],
  },
  {
    name: "random nodes are never one",
    graph: ["x f[3]", "a = RandomUniformLike(x)", "b = RandomUniformLike(x)", "y = Add(a, b)", "-> y"],
    left: "all",
  },
  {
    name: "nodes with other attributes are not equal, -0 and 0 are not the same",
    graph: [
      "x f[N]",
      'a = LeakyRelu(x) {"alpha": {"f": 0}}',
      'b = LeakyRelu(x) {"alpha": {"f": -0}}',
      "y = Add(a, b)",
      "-> y",
    ],
    left: "all",
  },
  {
    name: "graphs inside are tidied, values from around are known in them",
    graph: [
      "c b[]",
      "x f[N]",
      'y = If(c) {"then_branch": {"graph": ["a = Identity(x)", "t = Relu(a)", "-> t"]}, ' +
      '"else_branch": {"graph": ["u = Exp(x)", "v = Exp(x)", "e = Add(u, u)", "-> e"]}}',
      "-> y",
    ],
    left: [
      "float32[N] y = If (c)",
      "  then_branch = graph then_branch () => (float32[N] t)",
      "  {",
      "    [node_t] float32[N] t = Relu (x)",
      "  }",
      "  else_branch = graph else_branch () => (float32[N] e)",
      "  {",
      "    [node_u] float32[N] u = Exp (x)",
      "    [node_e] float32[N] e = Add (u, u)",
      "  }",
    ],
  },
  {
    name: "a value that only a graph inside uses stays",
    graph: [
      "c b[]",
      "x f[N]",
      "a = Exp(x)",
      'y = If(c) {"then_branch": {"graph": ["t = Relu(a)", "-> t"]}, "else_branch": {"graph": ["e = Neg(a)", "-> e"]}}',
      "-> y",
    ],
    left: "all",
  },
  {
    name: "with a node that nothing uses goes what only its graphs use",
    graph: [
      "c b[]",
      "x f[N]",
      "a = Exp(x)",
      'd = If(c) {"then_branch": {"graph": ["t = Relu(a)", "-> t"]}, "else_branch": {"graph": ["e = Neg(a)", "-> e"]}}',
      "y = Relu(x)",
      "-> y",
    ],
    left: ["float32[N] y = Relu (x)"],
  },
];

for (const { name, graph, left } of CASES) {
  Deno.test(`optimize: ${name}`, () => {
    const model = modelOf(graph);
    const before = nodesOf(model.graph);
    const signature = [model.graph.inputs.map((v) => v.name), model.graph.outputs.map((v) => v.name)];
    const changed = optimize(model, {
      afterPass: (pass) => assertEquals(checkModel(model, schemas), [], `after the pass ${pass.name}`),
    });
    assertEquals(nodesOf(model.graph), left === "all" ? before : left);
    assertEquals([model.graph.inputs.map((v) => v.name), model.graph.outputs.map((v) => v.name)], signature);
    if (left !== "all") assertEquals(changed, true);
    assertEquals(optimize(model), false, "A second run changes something");
  });
}

Deno.test("numbers between singles are rounded so that no single changes sides", () => {
  const around = [0.1, -0.1, 1e300, -1e300, 2 ** -160, -(2 ** -160), 1 / 3];
  const is = {
    Greater: (x: number, c: number) => x > c,
    GreaterOrEqual: (x: number, c: number) => x >= c,
    Less: (x: number, c: number) => x < c,
    LessOrEqual: (x: number, c: number) => x <= c,
  };
  for (const number of around) {
    for (const [op, compare] of Object.entries(is)) {
      for (const swapped of [false, true]) {
        const operands = swapped ? "c, a" : "a, c";
        const lines = ["x f[N]", `c d(${number})`, 'a = Cast(x) {"to": 11}', `y = ${op}(${operands})`, "-> y"];
        const model = modelOf(lines);
        optimize(model);
        const [node] = model.graph.nodes();
        const rounded = Number(node.inputs[swapped ? 0 : 1]!.initializer!.item());
        const near = Math.fround(number);
        for (
          const x of [
            near,
            rounded,
            Math.fround(near * 1.0000002),
            Math.fround(near * 0.9999998),
            0,
            -0,
            Infinity,
            -Infinity,
          ]
        ) {
          const [wanted, found] = swapped
            ? [compare(number, x), compare(rounded, x)]
            : [compare(x, number), compare(x, rounded)];
          assertEquals(found, wanted, `${op} ${number} ${x} ${swapped}`);
        }
      }
    }
  }
});
