import { assert, assertEquals, assertRejects } from "@std/assert";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { bytesSource, type Source } from "../../src/io/source.ts";
import { ArchiveError } from "../../src/ir/mod.ts";
import { readModel, type ReadModelOptions } from "../../src/onnx/deserialize.ts";
import type { Model } from "../../src/onnx/model.ts";
import { printModel } from "../../src/onnx/print.ts";
import { serializeModel } from "../../src/onnx/serialize.ts";
import {
  AttributeProto_AttributeType as A,
  type GraphProtoSchema,
  ModelProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType as T,
  type TensorProtoSchema,
} from "../../src/proto/onnx_pb.ts";
import { branchModel, richModel, smallModel } from "./models.ts";

/** Plain contents of a message, not a message. */
type Init<T> = Exclude<T, { $typeName: string }>;
type GraphInit = Init<MessageInitShape<typeof GraphProtoSchema>>;
type TensorInit = Init<MessageInitShape<typeof TensorProtoSchema>>;
type ModelInit = Init<MessageInitShape<typeof ModelProtoSchema>>;

function bytesOf(graph: GraphInit, more: ModelInit = {}): Uint8Array {
  const opsetImport = [{ domain: "", version: 21n }];
  const init: ModelInit = { irVersion: 10n, opsetImport, graph: { name: "g", ...graph }, ...more };
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, init));
}

function read(graph: GraphInit, more?: ModelInit, options?: ReadModelOptions): Promise<Model> {
  return readModel(bytesOf(graph, more), options);
}

async function readTensor(tensor: TensorInit, options?: ReadModelOptions): Promise<(number | bigint)[]> {
  const model = await read({ initializer: [{ name: "w", ...tensor }] }, undefined, options);
  return (await [...model.graph.initializers][0].initializer!.load()).toArray();
}

type Info = NonNullable<GraphInit["input"]>[number];

function info(name: string, elemType: number = T.FLOAT, dims: (bigint | string | null)[] = []): Info {
  const dim = dims.map((d) => ({
    value: d === null
      ? { case: undefined }
      : typeof d === "bigint"
      ? { case: "dimValue" as const, value: d }
      : { case: "dimParam" as const, value: d },
  }));
  return { name, type: { value: { case: "tensorType", value: { elemType, shape: { dim } } } } };
}

Deno.test("what was written is read again and written to the same bytes", async () => {
  for (const make of [smallModel, branchModel, richModel]) {
    const bytes = await serializeModel(make());
    const model = await readModel(bytes);
    assertEquals(printModel(model, { metadata: true }), printModel(make(), { metadata: true }));
    assertEquals(await serializeModel(model), bytes, make.name);
  }
});

Deno.test("values know who yields and uses them", async () => {
  const { graph } = await readModel(await serializeModel(branchModel()));
  const [cond, x] = graph.inputs;
  const [branch] = graph.nodes();
  assertEquals([cond.uses.get(branch), x.uses.get(branch)], [1, 2]);
  assert(graph.outputs[0].producer === branch);
});

Deno.test("dims are numbers, expressions or symbols of their own", async () => {
  const dims = [4n, "s18", "2*s18 + 1", "batch size", "batch_size", null, "", -1n, "7", "and", "__dim_batch_size"];
  const { graph } = await read({ input: [info("x", T.FLOAT, dims), info("y", T.FLOAT, ["batch size", null])] });
  const [x, y] = graph.inputs.map((v) => v.meta!.shape.map(String));
  assertEquals(x.slice(0, 5), ["4", "s18", "2*s18 + 1", "__dim_batch_size", "batch_size"]);
  assertEquals(x[8], "7");
  assertEquals(y[0], x[3]);
  assertEquals(new Set([...x, ...y]).size, x.length + 1);
});

Deno.test("tensors of other writers' fields are read", async () => {
  const cases: [TensorInit, (number | bigint)[]][] = [
    [{ dataType: T.FLOAT, dims: [2n], floatData: [1.5, -2] }, [1.5, -2]],
    [{ dataType: T.COMPLEX64, dims: [1n], floatData: [1, 2] }, [1, 2]],
    [{ dataType: T.DOUBLE, dims: [1n, 1n], doubleData: [0.1] }, [0.1]],
    [{ dataType: T.INT64, dims: [2n], int64Data: [-1n, 2n ** 62n] }, [-1n, 2n ** 62n]],
    [{ dataType: T.UINT64, dims: [], uint64Data: [2n ** 64n - 1n] }, [2n ** 64n - 1n]],
    [{ dataType: T.UINT32, dims: [1n], uint64Data: [2n ** 32n - 1n] }, [2 ** 32 - 1]],
    [{ dataType: T.INT32, dims: [1n], int32Data: [-5] }, [-5]],
    [{ dataType: T.INT8, dims: [1n], int32Data: [-5] }, [-5]],
    [{ dataType: T.UINT16, dims: [1n], int32Data: [65535] }, [65535]],
    [{ dataType: T.BOOL, dims: [2n], int32Data: [1, 0] }, [1, 0]],
    [{ dataType: T.FLOAT16, dims: [1n], int32Data: [0x3c00] }, [1]],
    [{ dataType: T.BFLOAT16, dims: [1n], int32Data: [0x4000] }, [2]],
    [{ dataType: T.FLOAT8E5M2, dims: [1n], int32Data: [0x3c] }, [1]],
    [{ dataType: T.FLOAT, dims: [0n, 3n] }, []],
    [{ dataType: T.INT16, dims: [1n], rawData: new Uint8Array([1, 2]) }, [513]],
  ];
  for (const [tensor, expected] of cases) assertEquals(await readTensor(tensor), expected, T[tensor.dataType!]);
});

const external = (entries: Record<string, string>): TensorInit => ({
  dataType: T.UINT8,
  dims: [4n],
  dataLocation: TensorProto_DataLocation.EXTERNAL,
  externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
});

Deno.test("external data is read when it is asked for", async () => {
  let reads = 0;
  const asked: string[] = [];
  const whole = bytesSource(new Uint8Array([0, 1, 2, 3, 4, 5]));
  const options: ReadModelOptions = {
    externalData(location): Source {
      asked.push(location);
      return {
        ...whole,
        read: (offset, length) => {
          reads++;
          return whole.read(offset, length);
        },
      };
    },
  };
  const initializer = [
    { name: "a", ...external({ location: "sub/d", offset: "2", length: "4" }) },
    { name: "b", ...external({ location: "sub/d", checksum: "x" }) },
  ];
  const { graph } = await read({ initializer }, undefined, options);
  assertEquals([asked, reads], [["sub/d"], 0]);
  const [a, b] = [...graph.initializers].map((v) => v.initializer!);
  assertEquals([(await a.load()).toArray(), (await b.load()).toArray()], [[2, 3, 4, 5], [0, 1, 2, 3]]);
  const without = await read({ initializer });
  const [missing] = without.graph.initializers;
  assertEquals(missing.initializer!.byteLength, 4);
  await assertRejects(() => missing.initializer!.load(), RangeError);
});

Deno.test("damaged tensors are refused by name", async () => {
  const options: ReadModelOptions = { externalData: () => bytesSource(new Uint8Array(6)) };
  const cases: [TensorInit, string][] = [
    [{ dataType: T.FLOAT, dims: [2n], floatData: [1] }, "1 values instead of 2"],
    [{ dataType: T.FLOAT, dims: [2n] }, "0 values instead of 2"],
    [{ dataType: T.FLOAT, dims: [2n], rawData: new Uint8Array(7) }, "7 bytes instead of 8"],
    [{ dataType: T.FLOAT, dims: [0n], rawData: new Uint8Array(4) }, "4 bytes instead of 0"],
    [{ dataType: T.FLOAT, dims: [-1n], rawData: new Uint8Array(4) }, "size -1"],
    [{ dataType: T.FLOAT, dims: [2n ** 40n, 2n ** 40n] }, "too large"],
    [{ dataType: T.FLOAT, dims: [2n ** 62n] }, "size 4611686018427387904"],
    [{ dataType: T.STRING, dims: [1n], stringData: [new Uint8Array(1)] }, "element type 8"],
    [{ dataType: T.INT4, dims: [2n], rawData: new Uint8Array(1) }, "element type 22"],
    [{ dataType: 99, dims: [1n] }, "element type 99"],
    [{ dataType: T.UINT8, dims: [1n], int32Data: [256] }, "256 does not fit uint8"],
    [{ dataType: T.FLOAT, dims: [1n], floatData: [1], segment: { begin: 0n, end: 1n } }, "segment"],
    [external({}), "no location"],
    [external({ location: "../d" }), "relative path"],
    [external({ location: "/etc/passwd" }), "relative path"],
    [external({ location: "d", length: "5" }), "5 bytes of external data instead of 4"],
    [external({ location: "d", offset: "3" }), "end after the last"],
    [external({ location: "d", offset: "-1" }), 'offset "-1"'],
    [external({ location: "d", offset: "0x1" }), 'offset "0x1"'],
    [external({ location: "d", offset: "9999999999999999" }), "offset"],
    [
      {
        ...external({ location: "d" }),
        externalData: [{ key: "location", value: "a" }, { key: "location", value: "b" }],
      },
      "twice",
    ],
  ];
  for (const [tensor, message] of cases) {
    const error = await assertRejects(() => readTensor(tensor, options), ArchiveError, message);
    assert(error.message.includes("initializer w"), error.message);
  }
});

Deno.test("damaged graphs are refused", async () => {
  const relu = (input: string[], output: string[], more: object = {}) => ({ opType: "Relu", input, output, ...more });
  const int = (i: number) => ({ name: "a", type: A.INT, i: BigInt(i) });
  const w: TensorInit = { name: "w", dataType: T.FLOAT, dims: [1n], floatData: [1] };
  const sequence: Info = { name: "x", type: { value: { case: "sequenceType", value: {} } } };
  const cases: [GraphInit, string][] = [
    [{ node: [relu(["nothing"], ["y"])] }, "Nothing before node Relu defines its input nothing"],
    [{ node: [relu(["y"], ["y"], { name: "n" })] }, "Nothing before node n defines its input y"],
    [{ input: [info("x")], node: [relu(["x"], ["x"])] }, "The name x is defined twice"],
    [{ input: [info("x"), info("x")] }, "The name x is defined twice"],
    [{ initializer: [w, w] }, "Initializer w is given twice"],
    [{ initializer: [w], input: [info("w", T.FLOAT, [2n])] }, "w is float32[1] but is stated to be float32[2]"],
    [{ initializer: [w], input: [info("w", T.INT64, [1n])] }, "is stated to be int64[1]"],
    [{ input: [info("")] }, "without a name"],
    [{ input: [info("x", 99)] }, "element type 99"],
    [{ input: [info("x", T.FLOAT, [2n ** 60n])] }, "size 1152921504606846976"],
    [{ input: [sequence] }, "Input x is not a tensor"],
    [{ output: [info("y")] }, "Output y of graph g is not computed"],
    [{ node: [relu([], ["y"], { opType: "" })] }, "no operator"],
    [{ node: [relu([], ["y"], { overload: "o" })] }, "Overloads"],
    [{ node: [relu([], ["y"], { attribute: [int(1), int(2)] })] }, "Attribute a of node Relu is given twice"],
    [{ node: [relu([], ["y"], { attribute: [{ name: "a", i: 1n }] })] }, "AttributeType 0"],
    [{ node: [relu([], ["y"], { attribute: [{ name: "a", type: A.TYPE_PROTO }] })] }, "AttributeType 13"],
    [{ node: [relu([], ["y"], { attribute: [{ name: "a", type: A.TENSOR }] })] }, "There is no value in attribute a"],
    [{ node: [relu([], ["y"], { attribute: [{ name: "a", type: A.INT, refAttrName: "b" }] })] }, "reference"],
    [
      { node: [relu([], ["y"], { attribute: [{ name: "a", type: A.STRING, s: new Uint8Array([255]) }] })] },
      "not UTF-8 in attribute a",
    ],
    [{ sparseInitializer: [{}] }, "Sparse"],
    [{ metadataProps: [{ key: "a", value: "1" }, { key: "a", value: "2" }] }, "metadata a of graph g is given twice"],
  ];
  for (const [graph, message] of cases) {
    await assertRejects(() => read(graph), ArchiveError, message, message);
  }
});

Deno.test("models that are none, or need what is not supported, are refused", async () => {
  const opset = { domain: "", version: 21n };
  const cases: [ModelInit, string][] = [
    [{ irVersion: 0n }, "IR version 0"],
    [{ irVersion: 99n }, "versions 3 to 13"],
    [{ graph: undefined }, "no graph"],
    [{ opsetImport: [] }, "no operator set"],
    [{ opsetImport: [opset, { domain: "ai.onnx", version: 3n }] }, "twice"],
    [{ opsetImport: [{ domain: "", version: -3n }] }, "version -3"],
    [{ functions: [{ name: "f" }] }, 'The function "f" has no name or domain'],
    [{ trainingInfo: [{}] }, "Training"],
  ];
  for (const [model, message] of cases) await assertRejects(() => read({}, model), ArchiveError, message, message);
  for (const bytes of [new Uint8Array([255, 255]), new TextEncoder().encode("PK\x03\x04 and more text")]) {
    await assertRejects(() => readModel(bytes, { name: "m.onnx" }), ArchiveError, "m.onnx: This is not an ONNX model");
  }
  await assertRejects(() => readModel(new Uint8Array(0)), ArchiveError, "IR version 0");
});

Deno.test("a model cut anywhere is refused or sound, never anything else", async () => {
  const bytes = await serializeModel(smallModel());
  for (let length = 0; length < bytes.byteLength; length++) {
    try {
      await readModel(bytes.subarray(0, length));
    } catch (error) {
      assert(error instanceof ArchiveError, `${length}: ${error}`);
    }
  }
});

Deno.test("flipped bytes are refused or read, never anything else", async () => {
  const bytes = await serializeModel(richModel());
  for (let i = 0; i < bytes.byteLength; i += 3) {
    const flipped = bytes.slice();
    flipped[i] ^= 1 << (i % 8);
    try {
      await readModel(flipped);
    } catch (error) {
      assert(error instanceof ArchiveError, `${i}: ${error}`);
    }
  }
});

Deno.test("graphs nested without end are refused", async () => {
  let graph: GraphInit = { name: "leaf" };
  for (let i = 0; i < 90; i++) {
    const inner: GraphInit = graph;
    graph = { node: [{ opType: "Loop", output: [`y${i}`], attribute: [{ name: "body", type: A.GRAPH, g: inner }] }] };
  }
  await assertRejects(() => read(graph), ArchiveError);
});
