/** What attributes of ONNX nodes can be made of. */
import { assertEquals, assertThrows } from "@std/assert";
import { type AttributeInput, float, toAttributes } from "../../src/onnx/model.ts";
import { symbol } from "../../src/sym/mod.ts";

Deno.test("attributes take their type from their value, and those that are undefined are left out", () => {
  const attributes = toAttributes({
    axis: -1,
    to: 7n,
    keep: true,
    mode: "linear",
    alpha: float(0.5),
    pads: [0, 1],
    no: undefined,
  });
  assertEquals([...attributes].map(([name, { type }]) => `${name}: ${type}`), [
    "axis: INT",
    "to: INT",
    "keep: INT",
    "mode: STRING",
    "alpha: FLOAT",
    "pads: INTS",
  ]);
});

Deno.test("an attribute that is a symbol, where a record takes it for a number, is refused by its name", () => {
  const s = symbol("s12") as unknown as number;
  for (const value of [s, float(s)] satisfies AttributeInput[]) {
    assertThrows(
      () => toAttributes({ group: value }),
      RangeError,
      "Attribute group of ONNX must be a constant, met s12",
    );
  }
});
