import { assert, assertEquals, assertThrows } from "@std/assert";
import { FIRST_OPSET, LAST_OPSET, type OpSchema, schemaNames, schemaOf, tensorType } from "../../src/onnx/op_schema.ts";

function known(opType: string, opset: number): OpSchema {
  const schema = schemaOf(opType, opset);
  assert(schema !== undefined, `${opType} at ${opset}`);
  return schema;
}

// Operator, operator set, since which one, fewest and most inputs, fewest and most outputs.
const arities: Array<[string, number, number, [number, number], [number, number]]> = [
  ["Relu", 18, 14, [1, 1], [1, 1]],
  ["Conv", 21, 11, [2, 3], [1, 1]],
  ["Conv", 22, 22, [2, 3], [1, 1]],
  ["Clip", 21, 13, [1, 3], [1, 1]],
  ["Concat", 21, 13, [1, Infinity], [1, 1]],
  ["Split", 21, 18, [1, 2], [1, Infinity]],
  ["Constant", 18, 13, [0, 0], [1, 1]],
  ["If", 21, 21, [1, 1], [1, Infinity]],
  ["Loop", 21, 21, [2, Infinity], [1, Infinity]],
  ["LSTM", 21, 14, [3, 8], [0, 3]],
  ["SequenceEmpty", 21, 11, [0, 0], [1, 1]],
  ["RMSNormalization", 23, 23, [2, 2], [1, 1]],
];

Deno.test("schemaOf: versions and arities", async (t) => {
  for (const [opType, opset, since, inputs, outputs] of arities) {
    await t.step(`${opType} at ${opset}`, () => {
      const schema = known(opType, opset);
      assertEquals(schema.sinceVersion, since);
      assertEquals([schema.minInputs, schema.maxInputs], inputs);
      assertEquals([schema.minOutputs, schema.maxOutputs], outputs);
    });
  }
});

Deno.test("schemaOf: parameters", () => {
  const loop = known("Loop", 21);
  assertEquals(
    loop.inputs.map(({ name, option, type, homogeneous }) => [name, option, type, homogeneous]),
    [["M", "optional", "I", true], ["cond", "optional", "B", true], ["v_initial", "variadic", "V", false]],
  );
  const reshape = known("Reshape", 18);
  assertEquals(reshape.inputs.map(({ type }) => type), ["T", "tensor(int64)"]);
  assertEquals([...reshape.inputs[1].types], ["tensor(int64)"]);
  assertEquals(reshape.inputs[0].types, reshape.typeVariables.get("T"));
});

Deno.test("schemaOf: types", () => {
  assert(!known("Sin", 21).typeVariables.get("T")!.has("tensor(bfloat16)"));
  assertEquals([...known("Sin", 22).typeVariables.get("T")!].sort(), [
    "tensor(bfloat16)",
    "tensor(double)",
    "tensor(float)",
    "tensor(float16)",
  ]);
  const values = known("If", 21).typeVariables.get("V")!;
  for (
    const type of ["tensor(int4)", "seq(tensor(bool))", "optional(tensor(float))", "optional(seq(tensor(double)))"]
  ) {
    assert(values.has(type), type);
  }
  assertEquals([tensorType(1), tensorType(7), tensorType(26)], ["tensor(float)", "tensor(int64)", "tensor(int2)"]);
  for (const code of [-1, 0, 27, 1.5, NaN]) assertThrows(() => tensorType(code), RangeError);
});

Deno.test("schemaOf: attributes", () => {
  const attribute = (opType: string, name: string) => {
    const { type, required, default: value } = known(opType, 21).attributes.get(name)!;
    return [type, required, value];
  };
  assertEquals(attribute("Concat", "axis"), ["INT", true, undefined]);
  assertEquals(attribute("Softmax", "axis"), ["INT", false, -1]);
  assertEquals(attribute("Conv", "auto_pad"), ["STRING", false, "NOTSET"]);
  assertEquals(attribute("Conv", "pads"), ["INTS", false, undefined]);
  assertEquals(attribute("LayerNormalization", "epsilon"), ["FLOAT", false, 1e-5]);
  assertEquals(attribute("RNN", "activations"), ["STRINGS", false, ["Tanh", "Tanh"]]);
  assertEquals(attribute("MeanVarianceNormalization", "axes"), ["INTS", false, [0, 2, 3]]);
  assertEquals(attribute("Constant", "sparse_value"), ["SPARSE_TENSOR", false, undefined]);
  assertEquals(attribute("If", "then_branch"), ["GRAPH", true, undefined]);
  assertEquals(attribute("Optional", "type"), ["TYPE_PROTO", false, undefined]);
});

Deno.test("schemaOf: operators that are not there", () => {
  for (const name of ["constructor", "__proto__", "toString", "", "relu", "Upsample"]) {
    assertEquals(schemaOf(name, 21), undefined, name);
  }
  assertEquals(schemaOf("RMSNormalization", 22), undefined);
  assertEquals(schemaOf("Gelu", 19), undefined);
  assertEquals(known("GroupNormalization", 20).deprecated, true);
  assertEquals(known("GroupNormalization", 21).deprecated, false);
  for (const opset of [17, 27, NaN]) assertThrows(() => schemaOf("Relu", opset), RangeError);
});

Deno.test("schemaOf: every line can be read", () => {
  const kinds = new Set<string>();
  for (const opType of schemaNames()) {
    for (let opset = FIRST_OPSET; opset <= LAST_OPSET; opset++) {
      const schema = schemaOf(opType, opset);
      if (schema === undefined) continue;
      assert(schema.sinceVersion <= opset && schema.minInputs <= schema.maxInputs, opType);
      for (const parameter of [...schema.inputs, ...schema.outputs]) assert(parameter.types.size > 0, opType);
      for (const { type, default: value } of schema.attributes.values()) {
        kinds.add(type);
        assert(!(typeof value === "number" && Number.isNaN(value)), opType);
      }
    }
  }
  assertEquals([...kinds].sort(), [
    "FLOAT",
    "FLOATS",
    "GRAPH",
    "INT",
    "INTS",
    "SPARSE_TENSOR",
    "STRING",
    "STRINGS",
    "TENSOR",
    "TYPE_PROTO",
  ]);
});
