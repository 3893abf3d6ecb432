/** `dynamicShapes` and `dynamicAxes`: what names dims get, and what is told of dims that can't vary. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import * as onnx from "../../mod.ts";
import { fixture } from "../fixtures.ts";

type Shapes = Record<string, (string | number)[]>;

/** Shapes of inputs and outputs as a file has them. */
async function shapesOf(name: string, options: onnx.ExportOptions): Promise<{ inputs: Shapes; outputs: Shapes }> {
  const program = await onnx.export(fixture(`${name}.pt2`), [], null, options);
  const { graph } = await program.modelProto();
  await program.release();
  const shapes = (infos: NonNullable<typeof graph>["input"]): Shapes =>
    Object.fromEntries(infos.map((info) => {
      const type = info.type!.value;
      const dims = type.case === "tensorType" ? type.value.shape!.dim : [];
      return [info.name, dims.map(({ value: { value } }) => typeof value === "bigint" ? Number(value) : value!)];
    }));
  return { inputs: shapes(graph!.input), outputs: shapes(graph!.output) };
}

const SUM = { inputNames: ["x"], outputNames: ["sum"] };

Deno.test("dynamicAxes: the documentation's SumModule", async () => {
  const dynamicAxes = { x: { 0: "my_custom_axis_name" }, sum: [0] };
  assertEquals(await shapesOf("sum", { ...SUM, dynamicAxes }), {
    inputs: { x: ["my_custom_axis_name", 2] },
    outputs: { sum: ["sum_dynamic_axes_1"] },
  });
  assertEquals(await shapesOf("sum_static", SUM), { inputs: { x: [2, 2] }, outputs: { sum: [2] } });
});

Deno.test("dynamicAxes: a list gives names by position, a map does as an object", async () => {
  assertEquals((await shapesOf("sum", { ...SUM, dynamicAxes: { x: [0] } })).inputs, { x: ["x_dynamic_axes_1", 2] });
  const named = { ...SUM, dynamicAxes: { x: new Map([[0, "rows"]]) } };
  assertEquals((await shapesOf("sum", named)).outputs, { sum: ["rows"] });
  const inputNames = ["pixels"];
  const { inputs } = await shapesOf("convnet", { inputNames, dynamicAxes: { pixels: [2, 3, 0] } });
  assertEquals(inputs.pixels, ["pixels_dynamic_axes_3", 3, "pixels_dynamic_axes_1", "pixels_dynamic_axes_2"]);
});

Deno.test("dynamicAxes: automatic names of one size keep the first, and warn", async () => {
  const warnings: string[] = [];
  const { inputs } = await shapesOf("mlp", {
    inputNames: ["a", "b", "c"],
    dynamicAxes: { a: [0], b: [0] },
    onWarning: (text) => warnings.push(text),
  });
  const shape = ["a_dynamic_axes_1", 8];
  assertEquals(inputs, { a: shape, b: shape, c: shape });
  assertEquals(warnings.length, 1);
  assertStringIncludes(warnings[0], "b_dynamic_axes_1 is not used");
});

Deno.test("dynamicShapes: the documentation's MLP example", async () => {
  const batch = { name: "batch_size", min: 1, max: 1024 };
  const shape = ["batch_size", 8];
  const expected = { tensor_x: shape, input_dict_tensor_x: shape, input_list_0: shape };
  for (
    const dynamicShapes of [
      [{ 0: batch }, { tensor_x: { 0: batch } }, [{ 0: batch }]],
      {
        tensor_x: { 0: "batch_size" },
        input_dict: { tensor_x: ["batch_size", 8] },
        input_list: [["batch_size", null]],
      },
      new Map([["tensor_x", { 0: "batch_size" }], ["input_dict", null], ["input_list", null]]),
    ] as readonly onnx.DynamicShapes[]
  ) assertEquals((await shapesOf("mlp", { dynamicShapes })).inputs, expected);
  const dynamicAxes = { a: { 0: "batch_size" }, b: { 0: "batch_size" } };
  assertEquals((await shapesOf("mlp", { inputNames: ["a", "b"], dynamicAxes })).inputs.input_list_0, shape);
});

Deno.test("without either, and with neither naming anything, shapes are the program's", async () => {
  const plain = await shapesOf("mlp", {});
  assertEquals(plain.inputs.tensor_x, ["s18", 8]);
  assertEquals(await shapesOf("mlp", { dynamicShapes: [null, null, null], dynamicAxes: {} }), plain);
});

Deno.test("dynamicShapes: derived dims are expressions of the names", async () => {
  const pairs = (dim: onnx.DimInput): onnx.ExportOptions => ({ dynamicShapes: [{ 0: "batch" }, { 0: dim }] });
  for (const dim of ["2*batch", { name: "batch*2", max: 128 }]) {
    assertEquals((await shapesOf("frozen", pairs(dim))).inputs, { x: ["batch", 4], pairs: ["2*batch"] });
  }
  assertEquals((await shapesOf("frozen", { dynamicShapes: [null, { 0: "2*n" }] })).inputs.x, ["n", 4]);
  await assertRejects(() => shapesOf("frozen", pairs("3*batch")), onnx.OptionError, "2*batch, which 3*batch is not");
  await assertRejects(() => shapesOf("frozen", pairs("pairs")), onnx.OptionError, "2*batch, which pairs is not");
});

Deno.test("both given: dynamicShapes wins, with a warning", async () => {
  const warnings: string[] = [];
  const { inputs } = await shapesOf("sum", {
    ...SUM,
    dynamicShapes: [{ 0: "rows" }],
    dynamicAxes: { x: { 0: "lost" } },
    onWarning: (text) => warnings.push(text),
  });
  assertEquals(inputs.x, ["rows", 2]);
  assertEquals(warnings, ["Options dynamicAxes and dynamicShapes are both given: dynamicAxes has no effect"]);
});

Deno.test("a dim that is said to be static stays dynamic, with a warning", async () => {
  const warnings: string[] = [];
  const options = { dynamicShapes: [[null, 2]], onWarning: (text: string) => warnings.push(text) };
  assertEquals((await shapesOf("sum", options)).inputs.x[0], "s77");
  assertStringIncludes(warnings[0], "axis 0 of x static, but the program has it dynamic (s77)");
});

const mlp = (dynamicShapes: onnx.DynamicShapes): onnx.ExportOptions => ({ dynamicShapes });

const REFUSED: readonly (readonly [string, string, onnx.ExportOptions, string])[] = [
  ["a dim that a guard froze", "frozen", { dynamicShapes: [{ 1: "w" }, null] }, "guard L['x'].size()[1] == 4"],
  [
    "a dim without a guard",
    "mlp",
    mlp([{ 1: "w" }, null, null]),
    "a constant that the program records without a guard",
  ],
  [
    "a frozen dim in dynamicAxes",
    "frozen",
    { inputNames: ["a"], dynamicAxes: { a: [1] } },
    "Axis 1 of a is frozen at 4 by the program's guard L['x'].size()[1] == 4",
  ],
  ["a frozen output", "sum_static", { ...SUM, dynamicAxes: { sum: [0] } }, "Axis 0 of output sum is frozen at 2"],
  ["two names for one symbol", "mlp", mlp([{ 0: "a" }, { tensor_x: { 0: "b" } }, null]), "both a and b"],
  ["one name for two symbols", "convnet", mlp([{ 0: "a", 2: "a" }]), "a names two dims"],
  ["a name that another symbol has", "convnet", mlp([{ 2: "s6", 0: null }]), "s6, which another symbol has"],
  ["an expression for an independent dim", "sum", mlp([{ 0: "2*n" }]), "independent of other dims"],
  ["a size for a dynamic dim", "sum", mlp([{ 0: 2 }]), "can't be fixed at 2"],
  ["another size", "sum", mlp([{ 1: 3 }]), "is 2 in the program, not 3"],
  ["wider bounds", "frozen", mlp([{ 0: { name: "b", max: 100 } }, null]), "captured for 0 to 64"],
  ["an axis too many", "sum", mlp([{ 2: "n" }]), "x has no axis 2: its rank is 2"],
  ["another tree", "mlp", mlp([null, [null], null]), "input_dict must be an object with tensor_x"],
  ["too few arguments", "mlp", mlp([null]), "3 positional arguments"],
  ["an unknown argument", "sum", mlp({ y: null }), "no argument y"],
  ["a missing argument", "sum", mlp({}), "argument x is missing"],
  ["a name that is none", "sum", mlp([{ 0: "a b" }]), '"a b"'],
  ["a key that is no name", "sum", { ...SUM, dynamicAxes: { y: [0] } }, "y is given by neither"],
  ["a key that is not given", "sum", { dynamicAxes: { x: [0] } }, "x is given by neither"],
  ["a name besides dims", "sum", { dims: { s77: "n" }, dynamicShapes: [{ 0: "m" }] }, "both n and m"],
];

for (const [what, name, options, message] of REFUSED) {
  Deno.test(`refused: ${what}`, async () => {
    const error = await assertRejects(() => shapesOf(name, options), onnx.OptionError);
    assertStringIncludes(error.message, message);
  });
}

Deno.test("everything that does not fit is told at once", async () => {
  const error = await assertRejects(() => shapesOf("frozen", mlp([{ 1: "w", 5: "v" }, { 0: 4 }])), onnx.OptionError);
  for (const part of ["frozen at 4", "no axis 5", "can't be fixed at 4", "dynamic_shapes of torch.export.export"]) {
    assertStringIncludes(error.message, part);
  }
});
