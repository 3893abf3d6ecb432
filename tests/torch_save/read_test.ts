import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { bytesSource, rangeSource, readRange, type Source } from "../../src/io/source.ts";
import { MemorySink } from "../../src/io/sink.ts";
import { readZipDirectory } from "../../src/io/zip.ts";
import { ZipWriter } from "../../src/io/zip_writer.ts";
import { decode } from "../../src/tensor/data.ts";
import {
  Global,
  Opaque,
  PyComplex,
  PyDict,
  PyFloat,
  PyList,
  PySet,
  PyTuple,
  readTorchSave,
  TorchDevice,
  TorchDType,
  type TorchSaveOptions,
  TorchStorage,
  TorchTensor,
  type TorchValue,
} from "../../src/torch_save/mod.ts";
import * as p from "../io/assemble.ts";

const file = await Deno.readFile(new URL("./fixtures/values.pt", import.meta.url));

/** A comparable form, elements of storages included. */
async function show(value: TorchValue | undefined): Promise<unknown> {
  const all = (items: readonly TorchValue[]): Promise<unknown[]> => Promise.all(items.map(show));
  if (value instanceof TorchTensor) {
    const { storage, dtype, shape, strides, offset } = value;
    const data = storage && Array.from<number | bigint>(decode(dtype, (await readRange(storage)).slice()));
    const marks = (["conj", "neg", "fake", "requiresGrad", "isParameter"] as const).filter((name) => value[name]);
    return { dtype, shape, strides, offset, data, ...(marks.length > 0 && { marks }) };
  }
  if (value instanceof PyFloat) return { float: value.value };
  if (value instanceof PyComplex) return { complex: [value.real, value.imag] };
  if (value instanceof PyTuple) return { tuple: await all(value.items) };
  if (value instanceof PyList) {
    return value.type === "list" ? await all(value.items) : { [value.type]: await all(value.items) };
  }
  if (value instanceof PySet) return { [value.frozen ? "frozenset" : "set"]: await all(value.items) };
  if (value instanceof PyDict) return { [value.type]: await Promise.all([...value].map(all)) };
  if (value instanceof TorchDType) return { dtype: value.dtype };
  if (value instanceof TorchDevice) return { device: value.device };
  if (value instanceof TorchStorage) return { storage: value.type, bytes: (await readRange(value.range)).slice() };
  if (value instanceof Global) return { global: `${value}` };
  if (value instanceof Opaque) {
    return {
      opaque: value.type,
      args: await all(value.args),
      ...(value.states.length > 0 && { states: await all(value.states) }),
      ...(value.items.length > 0 && { items: await all(value.items) }),
    };
  }
  return value;
}

const one = { float: 1 };
const vector = (dtype: string, data: unknown[], more = {}): unknown => ({
  dtype,
  shape: [dtype.startsWith("complex") ? data.length / 2 : data.length],
  strides: [1],
  offset: 0,
  data,
  ...more,
});
const range12 = Array.from({ length: 12 }, (_, i) => i);
const view = (shape: number[], strides: number[], offset = 0): unknown => ({
  dtype: "float32",
  shape,
  strides,
  offset,
  data: range12,
});
const floats = ["float16", "bfloat16", "float32", "float64", "float8_e4m3fn", "float8_e5m2"];

const expected: Record<string, unknown> = {
  dtypes: [
    vector("bool", [1, 0, 1]),
    ...["uint8", "uint16", "uint32"].map((dtype) => vector(dtype, [1, 0, 2])),
    vector("uint64", [1n, 0n, 2n]),
    ...["int8", "int16", "int32"].map((dtype) => vector(dtype, [1, 0, 2])),
    vector("int64", [1n, 0n, 2n]),
    ...floats.map((dtype) => vector(dtype, [1, 0, 2])),
    ...["complex32", "complex64", "complex128"].map((dtype) => vector(dtype, [1, 0, 0, 0, 2, 0])),
  ],
  views: {
    tuple: [
      view([3, 4], [4, 1]),
      view([4, 3], [1, 4]),
      view([2, 2], [4, 2], 4),
      view([2, 3], [0, 0]),
      view([3, 4], [4, 1]),
    ],
  },
  empty: { dtype: "float32", shape: [0, 3], strides: [3, 1], offset: 0, data: [] },
  scalar: { dtype: "int64", shape: [], strides: [], offset: 0, data: [7n] },
  parameters: [
    vector("float32", [1, 2], { marks: ["requiresGrad", "isParameter"] }),
    vector("float32", [1, 2], { marks: ["requiresGrad", "isParameter"] }),
    vector("int64", [3n], { marks: ["isParameter"] }),
  ],
  marked: vector("int64", [5n, 6n]),
  conj: vector("complex64", [1, 2, 3, -4], { marks: ["conj"] }),
  neg: { dtype: "float32", shape: [2], strides: [2], offset: 1, data: [1, 2, 3, -4], marks: ["neg"] },
  meta: { dtype: "float16", shape: [2, 3], strides: [3, 1], offset: 0, data: null, marks: ["fake"] },
  plain: {
    tuple: [
      null,
      true,
      false,
      0,
      -1,
      300,
      70000,
      2n ** 63n - 1n,
      -(2n ** 63n),
      2n ** 53n,
      one,
      { float: Infinity },
      { complex: [0, 1] },
      "é",
      Uint8Array.of(0, 255),
      new Uint8Array(),
    ],
  },
  containers: [
    [],
    { tuple: [] },
    { dict: [] },
    { set: [1, 2] },
    { frozenset: [3] },
    { "collections.OrderedDict": [["b", 1], ["a", 2]] },
    { "collections.defaultdict": [["x", 1]] },
    { "collections.deque": [1, 2] },
    { tuple: [2, 3] },
  ],
  types: { tuple: [{ dtype: "float32" }, { device: "cuda:1" }, { device: "cpu" }, { global: "torch.strided" }] },
  opaque: { opaque: "builtins.slice", args: [1, 2, null] },
};

for (const [name, value] of Object.entries(expected)) {
  Deno.test(`torch.save: ${name}`, async () => {
    const root = await readTorchSave(bytesSource(file));
    assertInstanceOf(root, PyDict);
    assertEquals(await show(root.get(name)), value);
  });
}

Deno.test("torch.save: a state dict", async () => {
  const root = await readTorchSave(bytesSource(file));
  assertInstanceOf(root, PyDict);
  const state = root.get("state");
  assertInstanceOf(state, PyDict);
  assertEquals(state.type, "collections.OrderedDict");
  assertEquals([...state].map(([key]) => key), ["weight", "bias"]);
  for (const [, value] of state) assert(value instanceof TorchTensor && value.dtype === "float64");
});

Deno.test("torch.save: what is shared stays shared", async () => {
  const root = await readTorchSave(bytesSource(file));
  assertInstanceOf(root, PyDict);
  const views = root.get("views") as PyTuple<TorchTensor>;
  assert(views.items[0] === views.items[4] && views.items[0] !== views.items[1]);
  assert(views.items.every((item) => item.storage === views.items[0].storage));
  const parameters = root.get("parameters") as PyList<TorchTensor>;
  assert(parameters.items[0] === parameters.items[1]);
});

const F32 = p.global("torch", "FloatStorage");
const UNTYPED = p.global("torch.storage", "UntypedStorage");
const hooks = p.call("collections", "OrderedDict");

function storage(key = "0", numel = 4, type: p.Code = F32): p.Code {
  return [p.tuple(p.text("storage"), type, p.text(key), p.text("cpu"), p.int(numel)), p.BINPERSID];
}

function ints(...values: number[]): p.Code {
  return p.tuple(...values.map(p.int));
}

function tensor(
  options: { storage?: p.Code; offset?: p.Code; size?: p.Code; stride?: p.Code; grad?: p.Code; more?: p.Code[] } = {},
): p.Code {
  const { offset = p.int(0), size = ints(2, 2), stride = ints(2, 1), grad = p.FALSE, more = [] } = options;
  return p.call(
    "torch._utils",
    "_rebuild_tensor_v2",
    options.storage ?? storage(),
    offset,
    size,
    stride,
    grad,
    hooks,
    ...more,
  );
}

async function pt(code: p.Code, entries: Record<string, Uint8Array> = {}): Promise<Source> {
  const sink = new MemorySink();
  const zip = new ZipWriter(sink);
  await zip.add("archive/data.pkl", p.pickle(code));
  const all = {
    "archive/byteorder": new TextEncoder().encode("little"),
    "archive/data/0": new Uint8Array(new Float32Array([1, 2, 3, 4]).buffer),
    ...entries,
  };
  for (const [name, content] of Object.entries(all)) await zip.add(name, content);
  await zip.finish();
  return bytesSource(sink.bytes(), "x.pt");
}

async function read(
  code: p.Code,
  entries: Record<string, Uint8Array> = {},
  options?: TorchSaveOptions,
): Promise<TorchValue> {
  return await readTorchSave(await pt(code, entries), options);
}

const square = { dtype: "float32", shape: [2, 2], strides: [2, 1], offset: 0, data: [1, 2, 3, 4] };
const meta =
  '{"dtype": 7, "sizes": [{"as_int": 2}, {"as_int": 4}], "requires_grad": true, "device": {"type": "cuda", "index": 1}, "strides": [{"as_int": 4}, {"as_int": 1}], "storage_offset": {"as_int": 0}, "layout": 7}';
const fakeTensor = (json: string): p.Code =>
  p.call(
    "torch._export.serde.serialize",
    "_reconstruct_fake_tensor",
    p.call("_codecs", "encode", p.text(json), p.text("latin1")),
    p.TRUE,
  );
const fromType = (inner: p.Code, type: p.Code, args: p.Code): p.Code =>
  p.call("torch._tensor", "_rebuild_from_type_v2", inner, type, args, p.dict(p.text("_specialize_on"), p.dict()));
const v2 = p.global("torch._utils", "_rebuild_tensor_v2");
const v2Args = p.tuple(storage(), p.int(0), ints(2, 2), ints(2, 1), p.FALSE, hooks);

const accepted: Array<[string, p.Code, unknown]> = [
  ["a tensor", tensor(), square],
  ["sizes as torch.Size", tensor({ size: p.call("torch", "Size", ints(2, 2)) }), square],
  [
    "an untyped storage with a dtype",
    p.call(
      "torch._utils",
      "_rebuild_tensor_v3",
      storage("0", 16, UNTYPED),
      p.int(1),
      ints(3),
      ints(2),
      p.FALSE,
      hooks,
      p.global("torch", "uint16"),
    ),
    { dtype: "uint16", shape: [3], strides: [2], offset: 1, data: [0, 16256, 0, 16384, 0, 16448, 0, 16512] },
  ],
  ["a tensor with attributes", fromType(v2, p.global("torch", "Tensor"), v2Args), square],
  ["a tensor subclass stays opaque", fromType(v2, p.global("my", "Tensor"), p.EMPTY_TUPLE), {
    opaque: "torch._tensor._rebuild_from_type_v2",
    args: [{ global: "torch._utils._rebuild_tensor_v2" }, { global: "my.Tensor" }, { tuple: [] }, {
      dict: [["_specialize_on", { dict: [] }]],
    }],
  }],
  ["a fake tensor", fakeTensor(meta), {
    dtype: "float32",
    shape: [2, 4],
    strides: [4, 1],
    offset: 0,
    data: null,
    marks: ["fake", "requiresGrad", "isParameter"],
  }],
  [
    "a parameter with state",
    p.call("torch._utils", "_rebuild_parameter_with_state", tensor(), p.FALSE, hooks, p.dict()),
    {
      ...square,
      marks: ["isParameter"],
    },
  ],
  ["an empty tensor beyond its storage", tensor({ size: ints(0, 5), stride: ints(5, 1), offset: p.int(3) }), {
    ...square,
    shape: [0, 5],
    strides: [5, 1],
    offset: 3,
  }],
  ["the last element", tensor({ size: ints(2), stride: ints(3) }), { ...square, shape: [2], strides: [3] }],
  ["a storage by itself", storage("0", 2), {
    storage: "torch.FloatStorage",
    bytes: Uint8Array.of(0, 0, 128, 63, 0, 0, 0, 64),
  }],
  ["a quantized storage", storage("0", 2, p.global("torch", "QInt8Storage")), {
    storage: "torch.QInt8Storage",
    bytes: new Uint8Array(new Float32Array([1, 2, 3, 4]).buffer),
  }],
  ["a sparse tensor stays opaque", p.call("torch._utils", "_rebuild_sparse_tensor", p.int(1)), {
    opaque: "torch._utils._rebuild_sparse_tensor",
    args: [1],
  }],
  ["an object of an unknown class", p.call("my", "Thing", p.text("x")), { opaque: "my.Thing", args: ["x"] }],
  ["a dataclass", [p.global("m", "C"), p.EMPTY_TUPLE, p.NEWOBJ, p.dict(p.text("x"), tensor()), p.BUILD], {
    opaque: "m.C",
    args: [],
    states: [{ dict: [["x", square]] }],
  }],
  ["a state dict with metadata", [
    p.call("collections", "OrderedDict"),
    p.text("w"),
    tensor(),
    p.SETITEM,
    p.dict(p.text("_metadata"), p.NONE),
    p.BUILD,
  ], {
    "collections.OrderedDict": [["w", square]],
  }],
  ["an OrderedDict of pairs", p.call("collections", "OrderedDict", p.list(p.list(p.text("a"), p.int(1)))), {
    "collections.OrderedDict": [["a", 1]],
  }],
  ["an OrderedDict of nonsense", p.call("collections", "OrderedDict", p.int(3)), {
    opaque: "collections.OrderedDict",
    args: [3],
  }],
  ["a set of nonsense", p.call("__builtin__", "set", p.int(3)), { opaque: "builtins.set", args: [3] }],
];
for (const [name, code, value] of accepted) {
  Deno.test(`torch.save: ${name}`, async () => assertEquals(await show(await read(code)), value));
}

const refused: Array<[string, p.Code, string]> = [
  ["an offset outside", tensor({ offset: p.int(1) }), "reaches outside its storage of 4 elements"],
  ["sizes outside", tensor({ size: ints(3, 2) }), "reaches outside"],
  ["strides outside", tensor({ stride: ints(3, 1) }), "reaches outside"],
  ["sizes whose product overflows", tensor({ size: ints(2 ** 30, 2 ** 30), stride: ints(0, 0) }), "too many elements"],
  [
    "strides that overflow",
    tensor({ stride: p.tuple([0x8a, 7, 255, 255, 255, 255, 255, 255, 31], p.int(1)) }),
    "reaches outside",
  ],
  [
    "a size beyond 2^53",
    tensor({ size: p.tuple([0x8a, 8, 0, 0, 0, 0, 0, 0, 0, 64], p.int(1)) }),
    "non-negative integers",
  ],
  ["a negative stride", tensor({ stride: p.tuple([0x4a, 255, 255, 255, 255], p.int(1)) }), "non-negative integers"],
  ["a negative offset", tensor({ offset: [0x4a, 255, 255, 255, 255] }), "non-negative integers"],
  ["a size that is a float", tensor({ size: p.tuple(p.float(2), p.int(2)) }), "non-negative integers"],
  ["sizes that are a number", tensor({ size: p.int(2) }), "no tuple"],
  ["ranks that differ", tensor({ size: ints(2) }), "1 sizes but 2 strides"],
  [
    "65 dimensions",
    tensor({ size: ints(...Array<number>(65).fill(1)), stride: ints(...Array<number>(65).fill(1)) }),
    "65 dimensions",
  ],
  ["a flag that is no bool", tensor({ grad: p.int(1) }), "is no bool"],
  ["an unknown mark", tensor({ more: [p.dict(p.text("quantum"), p.TRUE)] }), 'unknown mark "quantum"'],
  ["too many arguments", tensor({ more: [p.dict(), p.NONE] }), "has 8 arguments"],
  ["too few arguments", p.call("torch._utils", "_rebuild_tensor_v2", storage()), "has 1 arguments"],
  ["a tensor over None", tensor({ storage: p.NONE }), "has no storage"],
  ["a tensor over bytes without type", tensor({ storage: storage("0", 16, UNTYPED) }), "no element type"],
  ["a missing storage", tensor({ storage: storage("1") }), "storage 1 is missing"],
  ["a storage that is too short", tensor({ storage: storage("0", 5) }), "16 bytes instead of 20"],
  ["a storage with a path as name", tensor({ storage: storage("../data.pkl") }), 'has the name "../data.pkl"'],
  ["one storage described twice", p.tuple(storage("0", 4), storage("0", 3)), "described in two ways"],
  ["a persistent id that is no storage", [p.text("x"), p.BINPERSID], "not described as PyTorch does"],
  ["bytes above 255", p.call("_codecs", "encode", p.text("✓"), p.text("latin1")), "characters above 255"],
  ["a fake tensor of no JSON", fakeTensor("{"), "Cannot parse the description"],
  ["a fake tensor of another kind", fakeTensor("[]"), "not described by an object"],
  ["a fake tensor whose ranks differ", fakeTensor(meta.replace('{"as_int": 2}, ', "")), "1 sizes but 2 strides"],
  ["opcodes of old pickles", [0x49, "1\n"], "opcode INT"],
  ["os.system", p.call("os", "system", p.text("id")), "names os.system"],
  ["a function as a value", p.list(p.global("posix", "system")), "names posix.system"],
  ["eval by its old name", p.call("__builtin__", "eval", p.text("1")), "names builtins.eval"],
  ["torch.load", p.call("torch", "load", p.text("x")), "names torch.load"],
  [
    "a function in disguise",
    fromType(p.global("os", "system"), p.global("torch", "Tensor"), p.tuple(p.text("id"))),
    "names os.system",
  ],
  ["a function behind another module", p.call("torch.serialization", "os.system", p.text("id")), "names"],
  ["a cycle", [p.EMPTY_LIST, p.put(0), p.get(0), p.APPEND], "contains itself"],
];
for (const [name, code, message] of refused) {
  Deno.test(`torch.save: refuses ${name}`, async () => {
    await assertRejects(() => read(code), SyntaxError, message);
  });
}

Deno.test("torch.save: a symbolic fake tensor stays opaque", async () => {
  const value = await read(fakeTensor(meta.replace('{"as_int": 2}', '{"as_expr": {"expr_str": "s0", "hint": null}}')));
  assertInstanceOf(value, Opaque);
  assertEquals(value.type, "torch._export.serde.serialize._reconstruct_fake_tensor");
});

Deno.test("torch.save: byte order is reported and checked", async () => {
  const order = (text: string): Record<string, Uint8Array> => ({ "archive/byteorder": new TextEncoder().encode(text) });
  for (const [text, littleEndian] of [["little", true], ["big", false]] as const) {
    const value = await read(tensor(), order(text));
    assertInstanceOf(value, TorchTensor);
    assertEquals(value.littleEndian, littleEndian);
  }
  await assertRejects(() => read(tensor(), order("middle")), SyntaxError, 'byte order is "middle"');
});

Deno.test("torch.save: files of other kinds are named", async () => {
  const empty = async (names: string[]): Promise<Source> => {
    const sink = new MemorySink();
    const zip = new ZipWriter(sink);
    for (const name of names) await zip.add(name, new Uint8Array());
    await zip.finish();
    return bytesSource(sink.bytes(), "x.pt");
  };
  await assertRejects(async () => await readTorchSave(await empty([])), SyntaxError, "no root folder");
  await assertRejects(async () => await readTorchSave(await empty(["data.pkl"])), SyntaxError, "no root folder");
  await assertRejects(async () => await readTorchSave(await empty(["a/x"])), SyntaxError, "no entry data.pkl");
  await assertRejects(
    () => readTorchSave(bytesSource(Uint8Array.of(0x80, 2, 0x8a))),
    SyntaxError,
    "before PyTorch 1.6",
  );
  await assertRejects(() => readTorchSave(bytesSource(Uint8Array.of(1, 2, 3))), SyntaxError, "not a zip archive");
});

Deno.test("torch.save: checksums", async () => {
  const bytes = (await (await pt(p.text("checksum"))).read(0, (await pt(p.text("checksum"))).size)).slice();
  const at = new TextDecoder("latin1").decode(bytes).indexOf("checksum");
  bytes[at] ^= 1;
  await assertRejects(() => readTorchSave(bytesSource(bytes)), SyntaxError, "do not match their checksum");
  assertEquals(await readTorchSave(bytesSource(bytes), { crc: false }), "bhecksum");
  // PyTorch can be told not to compute checksums, and writes zeros.
  const view = new DataView(bytes.buffer);
  const directory = new TextDecoder("latin1").decode(bytes).indexOf("PK\x01\x02");
  view.setUint32(directory + 16, 0, true);
  assertEquals(await readTorchSave(bytesSource(bytes)), "bhecksum");
});

Deno.test("torch.save: a file inside an archive gives ranges of the archive, and no element is read", async () => {
  const elements = new Uint8Array(Float32Array.from({ length: 10_000 }, (_, i) => i).buffer);
  const nested = await pt(tensor({ storage: storage("0", 10_000) }), {
    "archive/data/0": elements,
    "archive/data/1": new Uint8Array(10_000),
  });
  const sink = new MemorySink();
  const writer = new ZipWriter(sink);
  await writer.add("model/data/weights/model.pt", { source: nested, offset: 0, length: nested.size });
  await writer.add("model/extra/notes", new Uint8Array(10_000));
  await writer.finish();
  const memory = bytesSource(sink.bytes());
  const reads: Array<[start: number, end: number]> = [];
  const outer: Source = {
    name: "model.pt2",
    size: memory.size,
    read: (offset, length) => {
      reads.push([offset, offset + length]);
      return memory.read(offset, length);
    },
  };
  const zip = await readZipDirectory(outer);
  const value = await readTorchSave(
    rangeSource(await zip.range(zip.entries.get("model/data/weights/model.pt")!), "model.pt"),
  );
  assertInstanceOf(value, TorchTensor);
  const { source, offset, length } = value.storage!;
  assert(source === outer);
  assertEquals((await memory.read(offset, length)).slice(), elements);
  assertEquals(reads.filter(([start, end]) => start < offset + length && end > offset), []);
});

Deno.test("torch.save: truncated anywhere it is refused; with any byte changed nothing unexpected happens", async () => {
  const source = await pt(p.tuple(tensor(), p.dict(p.text("a"), tensor({ size: ints(4), stride: ints(1) }))));
  const bytes = (await source.read(0, source.size)).slice();
  for (let length = 0; length < bytes.length; length++) {
    await assertRejects(() => readTorchSave(bytesSource(bytes.subarray(0, length))), SyntaxError);
  }
  for (let i = 0; i < bytes.length; i++) {
    for (const flip of [1, 0x80, 0xff]) {
      const damaged = bytes.with(i, bytes[i] ^ flip);
      try {
        await show(await readTorchSave(bytesSource(damaged), { crc: false }));
      } catch (error) {
        assert(error instanceof SyntaxError || error instanceof RangeError, `byte ${i}: unexpected ${error}`);
        assert(/^Cannot (open|read|parse) /.test(error.message), error.message);
      }
    }
  }
});
