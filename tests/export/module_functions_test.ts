/** `exportModulesAsFunctions`: what becomes a function, that models with functions are sound, and that they compute the same. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { toBinary } from "@bufbuild/protobuf";
import * as onnx from "../../mod.ts";
import { checkModel } from "../../src/onnx/check.ts";
import { readModel } from "../../src/onnx/deserialize.ts";
import { inferModel } from "../../src/onnx/infer_functions.ts";
import { Model, OnnxFunction, OnnxGraph, OnnxNode, OnnxValue } from "../../src/onnx/model.ts";
import * as schemas from "../../src/onnx/op_schema.ts";
import { printModel } from "../../src/onnx/print.ts";
import { ModelProtoSchema } from "../../src/proto/onnx_pb.ts";
import { formatReport, verifyProgram } from "../../src/verify/mod.ts";
import { readTensors } from "../../src/verify/inputs.ts";
import { difference } from "../aten/harness.ts";
import { fixture } from "../fixtures.ts";

async function exported(
  name: string,
  which: boolean | string[],
  body: (program: onnx.ONNXProgram, warnings: string[]) => Promise<void> | void,
  options: onnx.ExportOptions = {},
): Promise<void> {
  const warnings: string[] = [];
  const program = await onnx.export(fixture(`${name}.pt2`), [], null, {
    exportModulesAsFunctions: which,
    onWarning: (text) => warnings.push(text),
    ep: "wasm",
    ...options,
  });
  try {
    await body(program, warnings);
  } finally {
    await program.release();
  }
}

const opTypes = (model: onnx.Model): string[] => [...model.graph.nodes()].map((node) => node.opType);

Deno.test("instances of a class share a function, which gets their weights", async () => {
  await exported("mlp", true, ({ model }) => {
    assertEquals(opTypes(model).filter((op) => op === "Linear").length, 5);
    assertEquals([...model.functions.keys()], ["torch.nn.modules.linear::Linear"]);
    const [linear] = model.functions.values();
    assertEquals(linear.graph.inputs.map((value) => value.name).slice(1), ["weight", "bias"]);
    assertEquals([...linear.graph.nodes()].map((node) => node.opType), ["Gemm"]);
    assertEquals(model.opsetImports.get("torch.nn.modules.linear"), 1);
    assertEquals([...model.allNodes()].length, model.graph.size + 1);
  });
});

for (const name of ["mlp", "convnet", "transformer", "lstm", "inplace", "multi", "cond", "gates"]) {
  for (const optimize of [true, false]) {
    Deno.test(`${name}, ${optimize ? "" : "not "}optimized: sound, read back, and the same in the runtime`, async () => {
      await exported(name, true, async (program, warnings) => {
        const { model } = program;
        assertEquals(warnings.length, 1, warnings.join("\n"));
        assertEquals(checkModel(model, schemas), []);
        const again = await readModel(await program.toBytes());
        assertEquals(checkModel(again, schemas), []);
        assertEquals(printModel(again).length > 0, true);
        assertEquals([...again.functions.keys()].sort(), [...model.functions.keys()].sort());
        assertEquals(again.functions.size, model.functions.size);
        const report = await verifyProgram(program, { ep: "wasm" });
        assert(report.passed, formatReport(report).join("\n"));
        await program.optimize();
        assertEquals(checkModel(model, schemas), []);
      }, { optimize });
    });
  }
}

Deno.test("a module that is called twice is a function that is called twice", async () => {
  await exported("convnet", ["ReLU"], ({ model }) => {
    assertEquals([...model.functions.values()].map((one) => one.graph.size), [1]);
    assertEquals(opTypes(model).filter((op) => op === "ReLU").length, 3);
  });
});

Deno.test("call runs functions, and weights can be changed", async () => {
  await exported("mlp", true, async (program) => {
    const recorded = await readTensors(fixture("mlp.safetensors"));
    const [x, d, l] = ["input_0", "input_1", "input_2"].map((name) => recorded.get(name)!);
    const args = [x, { tensor_x: d }, [l]];
    const y = await program.call(args) as onnx.Tensor;
    assertEquals(difference(y, recorded.get("output_0")!, { rtol: 1e-4, atol: 1e-5 }), null);
    await program.applyWeights({ "fc3.bias": onnx.Tensor.of("float32", [2], [9, 9]) });
    assert(difference(await program.call(args) as onnx.Tensor, y) !== null);
  });
});

Deno.test("attributes in which instances differ become the function's own", async () => {
  await exported("convnet", ["Conv2d", "MaxPool2d"], ({ model }) => {
    const convs = [...model.functions.values()].filter((one) => one.domain === "torch.nn.modules.conv");
    const own = convs.flatMap((one) => one.attributes);
    for (const one of convs) {
      for (const node of one.graph.nodes()) {
        for (const { name } of node.references.values()) assert(one.attributes.includes(name));
      }
    }
    assertEquals(own.every((name) => name.startsWith("inferred::")), true);
  });
  await exported("functions", true, async (program) => {
    const { model } = program;
    assertEquals(checkModel(model, schemas), []);
    const softmax = model.functions.get("torch.nn.modules.activation::Softmax")!;
    assertEquals(softmax.attributes, ["inferred::axis"]);
    const block = [...model.functions.values()].find((one) => one.name === "Block")!;
    assertEquals(block.attributes, ["inferred::axis"]);
    const calls = [...model.graph.nodes()].filter((node) => node.opType === "Block");
    assertEquals(calls.length, 2);
    assertEquals(calls.map((node) => [...node.attributes.values()].map(({ value }) => Number(value))), [[1], [2]]);
    assertStringIncludes(printModel(model), "@inferred::");
    const report = await verifyProgram(program, { ep: "wasm" });
    assert(report.passed, formatReport(report).join("\n"));
    const again = await readModel(await program.toBytes());
    assertEquals(checkModel(again, schemas), []);
    assertStringIncludes(printModel(again), "@inferred::");
  });
});

Deno.test("modules with branches share a function, whose values have the types that all calls agree on", async () => {
  await exported("gates", true, async (program) => {
    const { model } = program;
    assertEquals(opTypes(model).filter((op) => op === "Gate").length, 2);
    const [gate, ...others] = model.functions.values();
    assertEquals([gate.attributes, others], [["inferred::axis"], []]);
    const text = printModel(model).split("\n");
    assertEquals(text.filter((line) => /Gate|Softmax|Add/.test(line)).map((line) => line.trim()), [
      "[node_first] float32[4, 3] getitem = __main__.Gate <inferred::axis = 0> (x)",
      "[node_second] float32[2, 3] getitem_1 = __main__.Gate <inferred::axis = 1> (sub)",
      "Gate <inferred::axis> (float32[x_dim0, 3] x) => (float32[x_dim0, 3] getitem)",
      "[node_softmax] float32[x_dim0, 3] softmax = Softmax <axis = @inferred::axis> (x)",
      "[node_add] float32[x_dim0, 3] add = Add (x, float32_1)",
    ]);
    assertEquals(checkModel(model, schemas), []);
    // Both branches of both calls.
    const options = {
      ep: "wasm",
      inputs: fixture("gates.safetensors"),
      expected: fixture("gates.safetensors"),
    } as const;
    const report = await verifyProgram(program, options);
    assertEquals([report.passed, report.runs.length], [true, 2], formatReport(report).join("\n"));
    const again = await readModel(await program.toBytes());
    assertEquals(printModel(again), printModel(model));
  });
});

for (const name of ["mlp", "convnet", "lstm", "functions", "gates"]) {
  Deno.test(`${name}: types of values in functions and of results of calls are inferred where the file has none`, async () => {
    await exported(name, true, async (program) => {
      const proto = await program.modelProto();
      const stated = printModel(await readModel(toBinary(ModelProtoSchema, proto)));
      proto.graph!.valueInfo = [];
      for (const one of proto.functions) one.valueInfo = [];
      const again = await readModel(toBinary(ModelProtoSchema, proto));
      assert(printModel(again).includes("? "));
      inferModel(again);
      assertEquals(printModel(again), stated);
      // What is known already stays.
      inferModel(again);
      assertEquals(printModel(again), stated);
    });
  });
}

Deno.test("functions that unfold to any number of nodes are not followed for ever", () => {
  const model = new Model(new OnnxGraph("main_graph"), 21, 10);
  const value = (name: string): OnnxValue => new OnnxValue(name);
  let before: OnnxFunction | null = null;
  for (let depth = 0; depth < 40; depth++) {
    const one = new OnnxFunction("deep", `f${depth}`);
    const [x, y, z] = ["x", "y", "z"].map(value);
    one.graph.inputs.push(x);
    const [opType, domain] = before ? [before.name, "deep"] : ["Neg", ""];
    one.graph.insert(new OnnxNode({ name: "a", opType, domain, inputs: [x], outputs: [y] }));
    one.graph.insert(new OnnxNode({ name: "b", opType, domain, inputs: [y], outputs: [z] }));
    one.graph.outputs = [z];
    model.functions.set(one.key, one);
    before = one;
  }
  const x = new OnnxValue("x", { dtype: "float32", shape: [2] });
  model.graph.inputs.push(x);
  const call = new OnnxNode({ name: "c", opType: "f39", domain: "deep", inputs: [x], outputs: [value("y")] });
  model.graph.insert(call);
  inferModel(model);
  assertEquals(call.outputs[0].meta, null);
});

Deno.test("classes are chosen by name or full name; others stay nodes", async () => {
  for (const which of [["LayerNorm"], ["torch.nn.modules.normalization.LayerNorm"]]) {
    await exported("transformer", which, ({ model }) => {
      assertEquals([...model.functions.values()].map((one) => one.name), ["LayerNorm"]);
      assertEquals(opTypes(model).filter((op) => op === "LayerNorm").length, 2);
    });
  }
  await exported("transformer", ["Attention"], ({ model }) => {
    assertEquals([...model.functions.keys()], ["__main__::Attention"]);
  });
  await exported("mlp", ["NoSuchClass"], ({ model }) => assertEquals(model.functions.size, 0));
});

Deno.test("modules within modules call each other's functions", async () => {
  await exported("transformer", true, ({ model }) => {
    const attention = model.functions.get("__main__::Attention")!;
    const inner = [...attention.graph.nodes()].map((node) => node.opType);
    assert(inner.some((op) => op.startsWith("Linear")), inner.join());
    const keys = [...model.functions.keys()];
    assert(keys.indexOf("torch.nn.modules.linear::Linear") < keys.indexOf(attention.key));
  });
});

Deno.test("what names no class is refused", async () => {
  for (const wrong of [7, "Linear", [3], [""]]) {
    const which = wrong as unknown as boolean;
    await assertRejects(() => exported("mlp", which, () => {}), onnx.OptionError, "exportModulesAsFunctions must be");
  }
  await assertRejects(() => exported("mlp", true, () => {}, { opsetVersion: 14 }), RangeError, "from 18");
});

Deno.test("the checker finds calls and bodies that do not fit", async () => {
  await exported("mlp", true, ({ model }) => {
    const [linear] = model.functions.values();
    const call = [...model.graph.nodes()].find((node) => node.opType === "Linear")!;
    linear.attributes.push("alpha");
    linear.opsetImports.clear();
    const problems = checkModel(model, schemas).join("\n");
    assertStringIncludes(problems, "attribute alpha is missing");
    assertStringIncludes(problems, "it does not import the domain ai.onnx");
    call.update(() => call.inputs = [...call.inputs, call.inputs[0]]);
    assertStringIncludes(checkModel(model, schemas).join("\n"), "has 4 inputs, but the function");
  });
});
