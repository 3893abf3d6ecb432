import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import * as pb from "../../src/proto/onnx_pb.ts";
import { ONNX_DTYPES } from "../../src/onnx/dtypes.ts";
import { ATTRIBUTE_TYPES, DATA_LOCATION_EXTERNAL, FIELDS } from "../../src/onnx/fields.ts";
import { Model, OnnxGraph, OnnxValue } from "../../src/onnx/model.ts";
import { encodeModel, MAX_MODEL_BYTES, serializeModel } from "../../src/onnx/serialize.ts";
import { symbol } from "../../src/sym/mod.ts";
import { Storage, Tensor } from "../../src/tensor/mod.ts";
import { branchModel, counting, PatternSource, richModel, smallModel, value, weightModel } from "./models.ts";

async function parsed(model: Model): Promise<pb.ModelProto> {
  return fromBinary(pb.ModelProtoSchema, await serializeModel(model));
}

Deno.test("field numbers and codes are the standard's", () => {
  for (const [message, fields] of Object.entries(FIELDS)) {
    const schema = pb[`${message}Schema` as keyof typeof pb] as typeof pb.ModelProtoSchema;
    const numbers = new Map(schema.fields.map((field) => [field.localName, field.number]));
    for (const [name, number] of Object.entries(fields)) assertEquals(numbers.get(name), number, `${message}.${name}`);
  }
  for (const [name, code] of Object.entries(ATTRIBUTE_TYPES)) {
    assertEquals(pb.AttributeProto_AttributeType[name as keyof typeof ATTRIBUTE_TYPES] as number, code, name);
  }
  assertEquals(DATA_LOCATION_EXTERNAL, pb.TensorProto_DataLocation.EXTERNAL as number);
});

Deno.test("bytes are those that protobuf writes for the same message", async () => {
  for (const make of [smallModel, branchModel, richModel]) {
    const bytes = await serializeModel(make());
    const proto = fromBinary(pb.ModelProtoSchema, bytes);
    assertEquals(proto.$unknown, undefined);
    assertEquals(toBinary(pb.ModelProtoSchema, proto), new Uint8Array(bytes), make.name);
    assertEquals(await serializeModel(make()), bytes, make.name);
  }
});

Deno.test("a model is written field by field", async () => {
  const proto = await parsed(smallModel());
  assertEquals([proto.irVersion, proto.producerName, proto.producerVersion], [10n, "fx2onnx", "0.1.0"]);
  assertEquals(proto.opsetImport.map((o) => [o.domain, o.version]), [["", 21n]]);
  assertEquals(proto.metadataProps.map((p) => [p.key, p.value]), [["id", "7"]]);
  const graph = proto.graph!;
  assertEquals(graph.name, "main_graph");
  assertEquals(graph.node.map((n) => [n.name, n.opType, n.input, n.output]), [
    ["node_linear", "Gemm", ["x", "fc.weight"], ["linear"]],
    ["node_clip", "Clip", ["linear", "", "low"], ["clip"]],
    ["node_y", "Reshape", ["clip", "shape"], ["y"]],
  ]);
  const [gemm] = graph.node;
  assertEquals(gemm.attribute.map((a) => [a.name, a.type as number, a.f, a.i]), [
    ["alpha", 1, Math.fround(0.1), 0n],
    ["transB", 2, 0, 1n],
  ]);
  assertEquals(gemm.metadataProps.map((p) => [p.key, p.value]), [
    ["pkg.torch.onnx.fx_node", "%linear : [num_users=1] = …"],
    ["empty", ""],
  ]);
  const info = (v: pb.ValueInfoProto) => {
    const type = v.type!.value.value as pb.TypeProto_Tensor;
    return [v.name, type.elemType, type.shape!.dim.map((d) => d.value.value), v.metadataProps.map((p) => p.value)];
  };
  assertEquals(graph.input.map(info), [["x", 1, ["s18", 4n], ["USER_INPUT"]]]);
  assertEquals(graph.output.map(info), [["y", 1, ["2*s18"], []]]);
  assertEquals(graph.valueInfo.map(info), [
    ["fc.weight", 1, [2n, 4n], ["PARAMETER"]],
    ["low", 1, [], []],
    ["shape", 7, [1n], []],
    ["linear", 1, ["s18", 2n], []],
  ]);
  assertEquals(graph.initializer.map((t) => [t.name, t.dims, t.dataType, [...t.rawData]]), [
    ["fc.weight", [2n, 4n], 1, [...new Uint8Array(Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7).buffer)]],
    ["low", [], 1, [0, 0, 128, 191]],
    ["shape", [1n], 7, new Array(8).fill(255)],
  ]);
  assertEquals(graph.metadataProps.map((p) => p.value), ["{s18: VR[0, int_oo]}"]);
});

Deno.test("every dtype and attribute is written", async () => {
  const proto = await parsed(richModel());
  for (const [i, [dtype, code]] of [...ONNX_DTYPES].entries()) {
    const tensor = proto.graph!.initializer[i];
    assertEquals([tensor.name, tensor.dataType, tensor.dims], [`w.${dtype}`, code, [2n, 3n]]);
    assertEquals((proto.graph!.output[i].type!.value.value as pb.TypeProto_Tensor).elemType, code);
  }
  const custom = proto.graph!.node.at(-1)!;
  assertEquals([custom.domain, custom.output], ["my.domain", ["z", ""]]);
  const by = new Map(custom.attribute.map((a) => [a.name, a]));
  assert(Object.is(by.get("f")!.f, -0));
  assertEquals(["i", "big", "large", "zero"].map((n) => by.get(n)!.i), [-5n, -(2n ** 63n), 2n ** 40n + 1n, 0n]);
  assertEquals(["s", "none"].map((n) => new TextDecoder().decode(by.get(n)!.s)), ["grüße 🎈", ""]);
  assertEquals(new BigInt64Array(by.get("t")!.t!.rawData.slice().buffer), BigInt64Array.of(-1n, 2n ** 62n));
  assertEquals(by.get("fs")!.floats, [1.5, Infinity, Math.fround(1e-45)]);
  assertEquals(by.get("is")!.ints, [-1n, 127n, 128n, 16384n, 2n ** 63n - 1n]);
  assertEquals(by.get("ss")!.strings.map((s) => s.length), [1, 300]);
});

Deno.test("subgraphs are written with their own values", async () => {
  const proto = await parsed(branchModel());
  const [branch] = proto.graph!.node[0].attribute.map((a) => a.g!);
  assertEquals([branch.name, branch.node[0].input, branch.output[0].name], ["then", ["x", "then_w"], "then_y"]);
  assertEquals(branch.valueInfo.map((v) => v.name), ["then_w"]);
});

Deno.test("names of sizes and metadata of nodes can be chosen", async () => {
  const bytes = await serializeModel(smallModel(), {
    dimName: (dim, value, axis) => `${value.name}_${axis}_${dim}`,
    nodeMetadata: (node) => [["node", node.opType]],
  });
  const proto = fromBinary(pb.ModelProtoSchema, bytes);
  const type = proto.graph!.input[0].type!.value.value as pb.TypeProto_Tensor;
  assertEquals(type.shape!.dim[0].value.value, "x_0_s18");
  assertEquals(proto.graph!.node.map((n) => n.metadataProps[0].value), ["Gemm", "Clip", "Reshape"]);
});

Deno.test("an initializer that is an input or an output is stated once", async () => {
  const model = weightModel({ a: counting(2), b: counting(3) });
  const [a, b] = model.graph.initializers;
  model.graph.inputs.push(a);
  model.graph.outputs.push(b);
  const graph = (await parsed(model)).graph!;
  assertEquals(graph.initializer.map((t) => t.name), ["a", "b"]);
  assertEquals(graph.input.map((v) => v.name), ["a"]);
  assertEquals(graph.output.map((v) => v.name), ["y.a", "y.b", "b"]);
  assertEquals(graph.valueInfo.length, 0);
});

Deno.test("lazy weights are spliced in chunk by chunk", async () => {
  const source = new PatternSource(50_000_000);
  const length = 20_000_000;
  const bytes = await serializeModel(weightModel({ w: source.tensor(1000, length) }));
  assert(source.largest <= 4 << 20);
  const [tensor] = fromBinary(pb.ModelProtoSchema, bytes).graph!.initializer;
  assertEquals(tensor.rawData.byteLength, length);
  for (const i of [0, 1, 12_345_678, length - 1]) assertEquals(tensor.rawData[i], (1000 + i) % 251);
});

Deno.test("models of more than 2 GiB are refused, unless their weights lie elsewhere", () => {
  const source = new PatternSource(2 ** 40);
  const half = weightModel({ a: source.tensor(0, 2 ** 30), b: source.tensor(2 ** 30, 2 ** 30 - 400) });
  assert(encodeModel(half).byteLength <= MAX_MODEL_BYTES);
  const model = weightModel({ a: source.tensor(0, 2 ** 30), b: source.tensor(2 ** 30, 2 ** 32) });
  assertThrows(() => encodeModel(model), RangeError, "external data");
  const [a, b] = model.graph.initializers;
  const external = new Map([
    [a, { location: "d", offset: 0, length: 2 ** 30 }],
    [b, { location: "d", offset: 2 ** 30, length: 2 ** 32 }],
  ]);
  assert(encodeModel(model, { external }).byteLength < 1000);
});

Deno.test("external data is written as its entries", async () => {
  const model = weightModel({ a: new PatternSource(2 ** 40).tensor(0, 2 ** 32 + 2) });
  const [a] = model.graph.initializers;
  const external = new Map([[a, { location: "m.onnx.data", offset: 2 ** 33, length: 2 ** 32 + 2 }]]);
  const bytes = await serializeModel(model, { external });
  const proto = fromBinary(pb.ModelProtoSchema, bytes);
  assertEquals(toBinary(pb.ModelProtoSchema, proto), new Uint8Array(bytes));
  const [tensor] = proto.graph!.initializer;
  assertEquals(tensor.externalData.map((e) => [e.key, e.value]), [
    ["location", "m.onnx.data"],
    ["offset", "8589934592"],
    ["length", "4294967298"],
  ]);
  assertEquals([tensor.dataLocation as number, tensor.rawData.byteLength], [1, 0]);
  const wrong = new Map([[a, { location: "d", offset: 0, length: 5 }]]);
  assertThrows(() => encodeModel(model, { external: wrong }), RangeError, "not 5");
});

Deno.test("what ONNX can't say is refused by name", async () => {
  const graph = new OnnxGraph("g");
  graph.inputs.push(value("x"));
  assertThrows(() => encodeModel(new Model(graph, 21, 10)), TypeError, "x");
  const complex = weightModel({ w: new Tensor("complex32", [1], Storage.of(new Uint8Array(4))) });
  assertThrows(() => encodeModel(complex), RangeError, "no element type for complex32 (tensor w)");
  const narrow = weightModel({ w: new Tensor("float8_e8m0fnu", [1], Storage.of(new Uint8Array(1))) });
  assertThrows(() => encodeModel(narrow), RangeError, "needs ONNX IR version 12");
  const missing = weightModel({ w: new Tensor("float32", [3], Storage.missing(12)) });
  await assertRejects(() => serializeModel(missing), RangeError, "(tensor w)");
  const negative = weightModel({});
  negative.graph.inputs.push(new OnnxValue("x", { dtype: "float32", shape: [symbol("n"), -1] }));
  assertThrows(() => encodeModel(negative), RangeError, "its axis 1 has size -1");
});
