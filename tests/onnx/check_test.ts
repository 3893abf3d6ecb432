import { assert, assertEquals, assertThrows } from "@std/assert";
import { assertModel, checkModel, irVersionFor } from "../../src/onnx/check.ts";
import { inferGraph } from "../../src/onnx/infer.ts";
import {
  type AttributeInput,
  float,
  Model,
  OnnxGraph,
  OnnxNode,
  OnnxValue,
  toAttributes,
} from "../../src/onnx/model.ts";
import * as table from "../../src/onnx/op_schema.ts";
import { CheckError, type Origin } from "../../src/ir/mod.ts";
import { Storage, Tensor } from "../../src/tensor/mod.ts";

interface NodeInit {
  inputs: readonly (OnnxValue | null)[];
  attributes?: Readonly<Record<string, AttributeInput>>;
  outputs?: readonly string[];
  name?: string;
  domain?: string;
  origin?: Origin;
}

function node(opType: string, { inputs, attributes = {}, outputs = ["y"], name, domain, origin }: NodeInit): OnnxNode {
  return new OnnxNode({
    name: name ?? `node_${outputs[0]}`,
    opType,
    domain,
    inputs,
    outputs: outputs.map((each) => new OnnxValue(each)),
    attributes: toAttributes(attributes),
    origin,
  });
}

/** A model around one input `x`, one initializer `w` and the nodes that `build` makes; the last node's results are its outputs. */
function model(
  build: (x: OnnxValue, w: OnnxValue) => OnnxNode[] = (x, w) => [node("MatMul", { inputs: [x, w] })],
  opset = 21,
): Model {
  const x = new OnnxValue("x", { dtype: "float32", shape: [2, 3] });
  const w = new OnnxValue("w", { dtype: "float32", shape: [3, 4] });
  w.initializer = Tensor.of("float32", [3, 4], new Float32Array(12));
  const graph = new OnnxGraph("main_graph");
  graph.inputs.push(x);
  graph.initializers.add(w);
  const nodes = build(x, w);
  for (const each of nodes) graph.insert(each);
  graph.outputs = [...nodes.at(-1)?.outputs ?? []];
  const made = new Model(graph, opset, irVersionFor(opset));
  inferGraph(graph, opset);
  return made;
}

function bool(name: string): OnnxValue {
  const value = new OnnxValue(name, { dtype: "bool", shape: [] });
  value.initializer = Tensor.scalar("bool", true);
  return value;
}

/** A graph that yields the value through an Identity. */
function branch(name: string, value: OnnxValue): OnnxGraph {
  const graph = new OnnxGraph(name);
  const copy = node("Identity", { inputs: [value], outputs: [`${name}_copy`] });
  graph.insert(copy);
  graph.outputs = [...copy.outputs];
  return graph;
}

Deno.test("checkModel: a model that is fine", () => {
  assertEquals(checkModel(model(), table), []);
  const nested = model((x) => [
    node("If", { inputs: [bool("c")], attributes: { then_branch: branch("a", x), else_branch: branch("b", x) } }),
  ]);
  nested.graph.initializers.add([...nested.graph.nodes()][0].inputs[0]!);
  assertEquals(checkModel(nested, table), []);
  assertModel(nested, table);
});

// One fault each, and what is said of it.
const faults: Array<[message: string, build: () => Model]> = [
  ["Operator set 17 is not known: 18 to 26 are", () => {
    const m = model();
    m.opsetImports.set("", 17);
    return m;
  }],
  ["does not say which operator set", () => {
    const m = model();
    m.opsetImports.delete("");
    return m;
  }],
  ["IR version 9 is too old for operator set 21, which needs 10", () => {
    const m = model();
    m.irVersion = 9;
    return m;
  }],
  ["Graph : it has no name", () => {
    const m = model();
    m.graph.name = "";
    return m;
  }],
  ["Graph main_graph: input has no name", () => {
    const m = model();
    m.graph.inputs[0].name = "";
    return m;
  }],
  ["initializer w has a name that is taken", () => {
    const m = model();
    m.graph.inputs.push(new OnnxValue("w", { dtype: "float32", shape: [] }));
    return m;
  }],
  ["input x is listed twice", () => {
    const m = model();
    m.graph.inputs.push(m.graph.inputs[0]);
    return m;
  }],
  ["Graph main_graph: input x has no dtype and shape", () => {
    const m = model();
    m.graph.inputs[0].meta = null;
    return m;
  }],
  ["Graph main_graph: output y has no dtype and shape", () => {
    const m = model();
    m.graph.outputs[0].meta = null;
    return m;
  }],
  ["output y is complex32, which ONNX has not", () => {
    const m = model((x) => [node("Mine", { inputs: [x], domain: "my" })]);
    m.opsetImports.set("my", 1);
    m.graph.outputs[0].meta = { dtype: "complex32", shape: [] };
    return m;
  }],
  ["output other is not defined", () => {
    const m = model();
    m.graph.outputs.push(new OnnxValue("other", { dtype: "float32", shape: [] }));
    return m;
  }],
  ["an output is listed twice", () => {
    const m = model();
    m.graph.outputs.push(m.graph.outputs[0]);
    return m;
  }],
  ["initializer w has no tensor", () => {
    const m = model();
    for (const w of m.graph.initializers) w.initializer = null;
    return m;
  }],
  ["initializer w is float32[3, 4], but its tensor is float32[4, 3]", () => {
    const m = model();
    for (const w of m.graph.initializers) w.initializer = Tensor.of("float32", [4, 3], new Float32Array(12));
    return m;
  }],
  ["initializer w has no values", () => {
    const m = model();
    for (const w of m.graph.initializers) w.initializer = new Tensor("float32", [3, 4], Storage.missing(48));
    return m;
  }],
  ["Relu node_y: its name is that of another node", () => {
    return model((x) => {
      const first = node("Relu", { inputs: [x], outputs: ["a"], name: "node_y" });
      return [first, node("Relu", { inputs: [first.outputs[0]] })];
    });
  }],
  ["Relu node_y: input 0 (later) is not defined before it", () => {
    return model((x) => {
      const later = node("Relu", { inputs: [x], outputs: ["later"] });
      return [node("Relu", { inputs: [later.outputs[0]] }), later];
    });
  }],
  ["Relu node_2: output 0 has the name y, which is taken", () => {
    return model((x) => {
      const first = node("Relu", { inputs: [x], name: "node_1" });
      return [first, node("Relu", { inputs: [first.outputs[0]], name: "node_2" })];
    });
  }],
  ["Identity node_x: output 0 has the name x, which is taken", () => {
    // A name of an outer graph must not be used again inside.
    const m = model((x) => {
      const inner = branch("x", x);
      for (const each of inner.nodes()) [each.name, each.outputs[0].name] = ["node_x", "x"];
      return [node("If", { inputs: [bool("c")], attributes: { then_branch: inner, else_branch: branch("b", x) } })];
    });
    m.graph.initializers.add([...m.graph.nodes()][0].inputs[0]!);
    return m;
  }],
  ["Graph then of If node_y: output x comes from outside; runtimes need an Identity in between", () => {
    const m = model((x) => {
      const then = new OnnxGraph("then");
      then.outputs = [x];
      return [node("If", { inputs: [bool("c")], attributes: { then_branch: then, else_branch: branch("b", x) } })];
    });
    m.graph.initializers.add([...m.graph.nodes()][0].inputs[0]!);
    return m;
  }],
  ["If node_y: else_branch has 0 outputs instead of 1", () => {
    const m = model((x) => [
      node("If", {
        inputs: [bool("c")],
        attributes: { then_branch: branch("a", x), else_branch: new OnnxGraph("none") },
      }),
    ]);
    m.graph.initializers.add([...m.graph.nodes()][0].inputs[0]!);
    m.graph.outputs[0].meta = { dtype: "float32", shape: [2, 3] };
    return m;
  }],
  ["Nope node_y: operator set 21 has no operator Nope", () => {
    const m = model((x) => [node("Nope", { inputs: [x] })]);
    m.graph.outputs[0].meta = { dtype: "float32", shape: [] };
    return m;
  }],
  ["RMSNormalization node_y: operator set 21 has no operator RMSNormalization", () => {
    return model((x) => [node("RMSNormalization", { inputs: [x, x] })]);
  }],
  ["GroupNormalization node_y: GroupNormalization is deprecated in operator set 20", () => {
    return model((x) => [node("GroupNormalization", { inputs: [x, x, x], attributes: { num_groups: 1 } })], 20);
  }],
  ["the model does not import the domain com.microsoft", () => {
    return model((x) => [node("Gelu", { inputs: [x], domain: "com.microsoft" })]);
  }],
  ["Relu node_y: has 2 inputs, but at most 1 are possible", () => model((x) => [node("Relu", { inputs: [x, x] })])],
  ["Add node_y: has 1 inputs, but at least 2 are needed", () => model((x) => [node("Add", { inputs: [x] })])],
  ["Gemm node_y: input 0 (A) is left out, but it is not optional", () => {
    const m = model((x) => [node("Gemm", { inputs: [null, x] })]);
    m.graph.outputs[0].meta = { dtype: "float32", shape: [2, 3] };
    return m;
  }],
  ["Relu node_y: has 2 outputs, but at most 1 are possible", () => {
    const m = model((x) => [node("Relu", { inputs: [x], outputs: ["y", "z"] })]);
    m.graph.outputs.pop();
    return m;
  }],
  ["LeakyRelu node_y: attribute beta is not one of LeakyRelu", () => {
    return model((x) => [node("LeakyRelu", { inputs: [x], attributes: { beta: 1 } })]);
  }],
  ["LeakyRelu node_y: attribute alpha is INT, but must be FLOAT", () => {
    return model((x) => [node("LeakyRelu", { inputs: [x], attributes: { alpha: 1 } })]);
  }],
  ["Concat node_y: attribute axis is missing", () => model((x) => [node("Concat", { inputs: [x, x] })])],
  ["Not node_y: input 0 (X) x is float32[2, 3], a type that Not does not take", () => {
    const m = model((x) => [node("Not", { inputs: [x] })]);
    m.graph.outputs[0].meta = { dtype: "bool", shape: [2, 3] };
    return m;
  }],
  ["Sin node_y: input 0 (input) x is bfloat16[2, 3], a type that Sin does not take", () => {
    // Sin takes bfloat16 from operator set 22 on.
    const m = model((x) => [node("Sin", { inputs: [x] })]);
    m.graph.inputs[0].meta = { dtype: "bfloat16", shape: [2, 3] };
    return m;
  }],
  ["Add node_y: input 1 (B) is int64, but input 0 (A) of the same type is float32", () => {
    return model((x) => {
      const cast = node("Cast", { inputs: [x], attributes: { to: 7 }, outputs: ["long"] });
      return [cast, node("Add", { inputs: [x, cast.outputs[0]] })];
    });
  }],
  ["Relu node_y: output 0 (Y) is float64, but input 0 (X) of the same type is float32", () => {
    const m = model((x) => [node("Relu", { inputs: [x] })]);
    m.graph.outputs[0].meta = { dtype: "float64", shape: [2, 3] };
    return m;
  }],
  ["Value x: MatMul node_y uses it 1 times, but 0 are listed", () => {
    const m = model();
    m.graph.inputs[0].uses.clear();
    return m;
  }],
  ["Value y: MatMul node_y is listed as a user, but does not use it", () => {
    const m = model();
    m.graph.outputs[0].uses.set([...m.graph.nodes()][0], 1);
    return m;
  }],
  ["MatMul node_y: output 0 (y) does not name it as its producer", () => {
    const m = model();
    m.graph.outputs[0].producer = null;
    return m;
  }],
  ["MatMul node_y: its links to graph and neighbours are broken", () => {
    const m = model();
    [...m.graph.nodes()][0].graph = null;
    return m;
  }],
];

Deno.test("checkModel: faults", async (t) => {
  for (const [message, build] of faults) {
    await t.step(message, () => {
      const problems = checkModel(build(), table);
      assert(
        problems.some((problem) => problem.includes(message)),
        `${message}\nis not said in\n${problems.join("\n")}`,
      );
    });
  }
});

Deno.test("checkModel: names the node of the user's program", () => {
  const origin: Origin = { node: "relu_1", target: "aten.relu.default", text: "", modules: [], stackTrace: "" };
  const m = model((x) => [node("LeakyRelu", { inputs: [x], attributes: { alpha: float(0.1), slope: 1 }, origin })]);
  const [problem, ...rest] = checkModel(m, table);
  assert(problem.startsWith("LeakyRelu node_y (from relu_1): attribute slope"), problem);
  assertEquals(rest, []);
});

Deno.test("assertModel: throws all problems", () => {
  const m = model((x) => [node("Concat", { inputs: [x], attributes: { axes: 1 } })]);
  m.irVersion = 1;
  const error = assertThrows(() => assertModel(m, table, "The pass cse broke the model"), CheckError);
  assertEquals(error.problems.length, 3);
  assert(error.message.startsWith("The pass cse broke the model: "));
});

Deno.test("irVersionFor", () => {
  assertEquals([18, 19, 20, 21, 22, 23, 24].map(irVersionFor), [8, 9, 9, 10, 10, 11, 12]);
  assertThrows(() => irVersionFor(17), RangeError, "operator set 17");
});
