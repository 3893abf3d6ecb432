import { assertEquals, assertThrows } from "@std/assert";
import { rangeSource } from "../../src/io/source.ts";
import { checkLocation, locationFrom, planWeights } from "../../src/onnx/external_data.ts";
import { Model, OnnxGraph } from "../../src/onnx/model.ts";
import { OptionError } from "../../src/ir/mod.ts";
import { Storage, Tensor } from "../../src/tensor/mod.ts";
import { counting, node, PatternSource, value, weight, weightModel } from "./models.ts";

const dataName = "m.onnx.data";

/** What a plan does with each weight: a location and offset, or nothing for those in the model. */
function places(model: Model, ...args: [Parameters<typeof planWeights>[1], object?]): Record<string, string> {
  const plan = planWeights(model.graph, args[0], { dataName, ...args[1] });
  return Object.fromEntries(
    [...plan.external].map(([v, { location, offset, length }]) => [v.name, `${location} ${offset} ${length}`]),
  );
}

Deno.test("auto inlines what is small in total", () => {
  const source = new PatternSource(2 ** 30);
  const model = weightModel({ a: source.tensor(0, 64 << 19), b: source.tensor(64 << 19, 64 << 19) });
  assertEquals(places(model, "auto"), {});
  assertEquals(places(model, "auto", { inlineLimit: (64 << 20) - 1 }), {
    a: `${dataName} 0 33554432`,
    b: `${dataName} 33554432 33554432`,
  });
  weight(model.graph, "c", source.tensor(0, 1024));
  assertEquals(Object.keys(places(model, "auto")), ["a", "b", "c"]);
  assertEquals(places(model, "never"), {});
});

Deno.test("always writes tensors of 1 KiB and more at multiples of 4096", () => {
  const model = weightModel({
    small: counting(255),
    a: counting(256),
    b: counting(2000),
    c: counting(1025),
    empty: counting(0, 4096),
  });
  assertEquals(places(model, "always"), {
    a: `${dataName} 0 1024`,
    b: `${dataName} 4096 8000`,
    c: `${dataName} 12288 4100`,
  });
  const plan = planWeights(model.graph, "always", { dataName });
  assertEquals(plan.copies.map((c) => [c.name, c.offset]), [["a", 0], ["b", 4096], ["c", 12288]]);
  assertEquals([plan.dataBytes, plan.inPlace], [12288 + 4100, 0]);
});

Deno.test("offsets beyond 2^32 are exact", () => {
  const source = new PatternSource(2 ** 42);
  const model = weightModel({
    a: source.tensor(0, 2 ** 40 + 1),
    b: source.tensor(1, 2 ** 33),
  });
  assertEquals(places(model, "always"), {
    a: `${dataName} 0 1099511627777`,
    b: `${dataName} 1099511631872 8589934592`,
  });
});

Deno.test("tensors over the same bytes are written once", () => {
  const source = new PatternSource(2 ** 20);
  const inner = rangeSource(source.range(4096, 2 ** 16));
  const memory = counting(600);
  const strided = new Tensor("float32", [20, 30], Storage.lazy(source.range(0, 2400)), [1, 20]);
  const model = weightModel({
    a: source.tensor(4096, 50, 40),
    // The same range of the file, seen through a nested archive.
    tied: new Tensor("uint8", [2000], Storage.lazy({ source: inner, offset: 0, length: 2000 })),
    other: source.tensor(4096, 2001),
    memory,
    view: new Tensor("float32", [20, 30], memory.storage),
    shifted: new Tensor("float32", [599], memory.storage, [1], 1),
    strided,
    same: new Tensor("float32", [20, 30], strided.storage, [1, 20]),
    turned: new Tensor("float32", [30, 20], strided.storage, [1, 30]),
  });
  assertEquals(places(model, "always"), {
    a: `${dataName} 0 2000`,
    tied: `${dataName} 0 2000`,
    other: `${dataName} 4096 2001`,
    memory: `${dataName} 8192 2400`,
    view: `${dataName} 8192 2400`,
    shifted: `${dataName} 12288 2396`,
    strided: `${dataName} 16384 2400`,
    same: `${dataName} 16384 2400`,
    turned: `${dataName} 20480 2400`,
  });
});

Deno.test("in place leaves what lies in the archive as it should be", () => {
  const archive = { path: "/data/m.pt2", location: "sub/m.pt2" };
  const source = new PatternSource(2 ** 34, "/data/m.pt2");
  const nested = rangeSource(source.range(2 ** 33, 2 ** 20));
  const lazy = (offset: number, length: number, littleEndian = true) =>
    Storage.lazy({ source, offset, length }, littleEndian);
  const model = weightModel({
    a: new Tensor("float32", [1000], lazy(64, 4000)),
    part: new Tensor("float32", [500], lazy(64, 4000), [1], 300),
    tied: new Tensor("float32", [10, 100], lazy(64, 4000)),
    nested: new Tensor("float32", [1000], Storage.lazy({ source: nested, offset: 128, length: 4000 })),
    strided: new Tensor("float32", [20, 50], lazy(64, 4000), [1, 20]),
    big: new Tensor("float32", [1000], lazy(64, 4000, false)),
    bytes: new Tensor("uint8", [4000], lazy(64, 4000, false)),
    folded: counting(1000),
    elsewhere: new PatternSource(10000, "/data/other").tensor(0, 5000),
    unnamed: new PatternSource(10000).tensor(0, 5000),
    small: new Tensor("float32", [10], lazy(64, 40)),
  });
  assertEquals(places(model, "in-place", { archive }), {
    a: "sub/m.pt2 64 4000",
    part: "sub/m.pt2 1264 2000",
    tied: "sub/m.pt2 64 4000",
    nested: "sub/m.pt2 8589934720 4000",
    strided: `${dataName} 0 4000`,
    big: `${dataName} 4096 4000`,
    bytes: "sub/m.pt2 64 4000",
    folded: `${dataName} 8192 4000`,
    elsewhere: `${dataName} 12288 5000`,
    unnamed: `${dataName} 20480 5000`,
  });
  assertEquals(planWeights(model.graph, "in-place", { dataName, archive }).inPlace, 5);
  assertThrows(() => planWeights(model.graph, "in-place", { dataName }), OptionError, "not read from a file");
});

Deno.test("operands that shape inference reads and weights of subgraphs stay in the model, others of the same kind don't", () => {
  const graph = new OnnxGraph("g");
  const long = () => Tensor.of("int64", [200], new Array(200).fill(1n));
  const x = value("x");
  graph.inputs.push(x);
  node(graph, "Reshape", [x, weight(graph, "direct", long())], [value("a")]);
  const joined = value("joined");
  node(graph, "Concat", [weight(graph, "through", long()), weight(graph, "also", long())], [joined]);
  node(graph, "Expand", [x, joined], [value("b")]);
  node(graph, "Gather", [x, weight(graph, "indices", long())], [value("c")]);
  node(graph, "Expand", [x, weight(graph, "foreign", long())], [value("d")], {}, "my.domain");
  const looked = value("looked");
  node(graph, "Gather", [weight(graph, "table", counting(100, 100)), x], [looked]);
  node(graph, "Reshape", [x, looked], [value("e")]);
  const inner = new OnnxGraph("then");
  node(inner, "Slice", [weight(inner, "sliced", counting(300)), weight(graph, "starts", long())], [value("f")]);
  node(graph, "If", [x], [value("h")], { then_branch: { type: "GRAPH", value: inner } });
  assertEquals(Object.keys(places(new Model(graph, 21, 10), "always")), ["indices", "foreign", "table"]);
});

Deno.test("locations are relative to the model's folder and below it", () => {
  for (
    const [folder, path, location] of [
      ["/a/b", "/a/b/m.pt2", "m.pt2"],
      ["/a", "/a/b/c/m.pt2", "b/c/m.pt2"],
      ["/", "/m.pt2", "m.pt2"],
      ["/a", "/a/odd\\name", "odd\\name"],
      ["C:\\a", "C:\\a\\b\\m.pt2", "b/m.pt2"],
      ["C:\\", "C:\\m.pt2", "m.pt2"],
    ]
  ) assertEquals(locationFrom(folder, path), location);
  for (const [folder, path] of [["/a/b", "/a/m.pt2"], ["/a", "/ab/m.pt2"], ["C:\\a", "D:\\a\\m.pt2"]]) {
    assertThrows(() => locationFrom(folder, path), OptionError, path);
  }
});

Deno.test("locations that leave the model's folder are refused", () => {
  for (const good of ["a", "a/b.data", "a..b", "..a", "./a", "a\\b", "ü"]) checkLocation(good);
  for (const bad of ["", "/a", "\\a", "\\\\host\\a", "../a", "a/../../b", "a\\..\\b", "..", "C:\\a", "c:a", "a\0b"]) {
    assertThrows(() => checkLocation(bad), RangeError, "relative path", bad);
  }
  for (const bad of ["http://host/a", "file:///a"]) assertThrows(() => checkLocation(bad), RangeError, bad);
});
