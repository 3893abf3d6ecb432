/** Constant folding against what onnxruntime computes; tests/tools/fold_cases.py wrote the cases. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { foldNode, MAX_FOLDED_BYTES } from "../../src/onnx/fold.ts";
import { infer } from "../../src/onnx/infer.ts";
import { OnnxNode, OnnxValue } from "../../src/onnx/model.ts";
import { isFloat, Storage, Tensor } from "../../src/tensor/mod.ts";
import { symbol } from "../../src/sym/mod.ts";
import { constant, nodeOf, readCases } from "./cases.ts";

type Case = [opType: string, attributes: Record<string, unknown>, inputs: string, outputs: string];

const cases = await readCases<Case>("fold_cases.json");

function fold(opType: string, attributes: Record<string, unknown>, inputs: string): Tensor[] | null {
  const node = nodeOf(opType, attributes, inputs);
  infer(node, 21);
  return foldNode(node, 21);
}

/** Runtimes compute functions such as `exp` to within a few units in the last place. */
function isClose(found: number | bigint, wanted: number | bigint): boolean {
  if (Object.is(found, wanted) || found === wanted) return true;
  return typeof found === "number" && typeof wanted === "number" && Math.abs(found - wanted) <= 4e-7 * Math.abs(wanted);
}

Deno.test("foldNode: as onnxruntime computes", () => {
  assert(cases.length >= 150);
  for (const [opType, attributes, inputs, outputs] of cases) {
    const what = `${opType} ${JSON.stringify(attributes)} ${inputs}`;
    const found = fold(opType, attributes, inputs);
    assert(found, `${what} is not folded`);
    const wanted = outputs.split(" ").map(constant);
    assertEquals(found.map((t) => [t.dtype, t.shape]), wanted.map((t) => [t.dtype, t.shape]), what);
    for (const [i, tensor] of wanted.entries()) {
      const [values, expected] = [found[i].toArray(), tensor.toArray()];
      const fits = isFloat(tensor.dtype)
        ? values.every((v, k) => isClose(v, expected[k]))
        : values.every((v, k) => v === expected[k]);
      assert(fits, `${what} gives ${values.join(", ")} instead of ${expected.join(", ")}`);
    }
  }
});

// What is left to the runtime, or has no one answer.
const refused: Array<[what: string, opType: string, attributes: Record<string, unknown>, inputs: string]> = [
  ["integer division by zero", "Div", {}, "l{1} l{0}"],
  ["remainder by zero", "Mod", {}, "i{1} i{0}"],
  ["a float beyond the integers", "Cast", { to: 6 }, "f{1e20}"],
  ["NaN as an integer", "Cast", { to: 7 }, "f{nan}"],
  ["a negative float as an unsigned integer", "Cast", { to: 2 }, "f{-1}"],
  ["an int64 between doubles", "Cast", { to: 1 }, "l{9007199254740993}"],
  ["a sum beyond the integers", "ReduceSum", {}, "l{9223372036854775807,1}"],
  ["a product beyond the integers", "ReduceProd", {}, "i{65537,65537}"],
  ["the largest of nothing", "ReduceMax", {}, "f{} l{0}"],
  ["an input that is not constant", "Add", {}, "f[2] f{1,2}"],
  ["a result too large", "Expand", {}, "f(1) l{200,200}"],
  ["an operator that is not for constants", "Softmax", {}, "f{1,2}"],
  ["a reflecting padding", "Pad", { mode: "reflect" }, "f{1,2,3} l{1,1}"],
];

Deno.test("foldNode: what is not folded", async (t) => {
  for (const [what, opType, attributes, inputs] of refused) {
    await t.step(what, () => assertEquals(fold(opType, attributes, inputs), null));
  }
  await t.step("other domains", () => {
    const node = new OnnxNode({
      name: "n",
      opType: "Identity",
      domain: "my",
      inputs: [],
      outputs: [new OnnxValue("y")],
    });
    assertEquals(foldNode(node, 21), null);
  });
  await t.step("tensors that are not loaded", () => {
    const node = nodeOf("Neg", {}, "f{1,2}");
    node.inputs[0]!.initializer = new Tensor("float32", [2], Storage.missing(8));
    infer(node, 21);
    assertEquals(foldNode(node, 21), null);
  });
});

Deno.test("foldNode: up to the size limit", () => {
  const count = MAX_FOLDED_BYTES / 4;
  assertEquals(fold("Expand", {}, `f(1) l{${count}}`)?.[0].shape, [count]);
  assertEquals(fold("Expand", {}, `f(1) l{${count + 1}}`), null);
});

Deno.test("foldNode: what shape arithmetic has decided", () => {
  // The shape of an input that is not known is partly constant.
  const x = new OnnxValue("x", { dtype: "float32", shape: [symbol("s0"), 3, 4] });
  const shape = new OnnxNode({
    name: "n",
    opType: "Shape",
    inputs: [x],
    outputs: [new OnnxValue("y")],
    attributes: new Map([["start", { type: "INT", value: 1 }]]),
  });
  infer(shape, 21);
  assertEquals(foldNode(shape, 21)?.[0].toArray(), [3n, 4n]);
  const all = new OnnxNode({ name: "n", opType: "Shape", inputs: [x], outputs: [new OnnxValue("y")] });
  infer(all, 21);
  assertEquals(foldNode(all, 21), null);
});

Deno.test("foldNode: Constant", () => {
  assertEquals(fold("Constant", { value_ints: [1, 2] }, "")?.[0].toArray(), [1n, 2n]);
  assertEquals(fold("Constant", { value_float: { f: 0.5 } }, "")?.[0].item(), 0.5);
  const value = Tensor.of("float32", [1], [3]);
  const node = new OnnxNode({
    name: "n",
    opType: "Constant",
    inputs: [],
    outputs: [new OnnxValue("y")],
    attributes: new Map([["value", { type: "TENSOR", value }]]),
  });
  assertEquals(foldNode(node, 21), [value]);
});

Deno.test("foldNode: an index out of range is an error", () => {
  const node = nodeOf("GatherElements", {}, "f{1,2} l{2}");
  infer(node, 21);
  assertThrows(() => foldNode(node, 21), RangeError, "Index 2 is out of range for a dimension of 2");
});
