/** Capture of models written in TypeScript: what is recorded, how sizes vary, what is refused. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as onnx from "../../mod.ts";
import { type Tensor, torch } from "../../torch.ts";

type Model = (...args: never[]) => unknown;

async function captured(
  model: Model,
  args: readonly unknown[],
  options: onnx.ExportOptions = {},
): Promise<{ readonly nodes: string[]; readonly program: onnx.ONNXProgram }> {
  const program = await onnx.export(model, args, null, { ...options, verify: true, ep: "wasm" });
  assert(program.verification?.passed);
  const lines = onnx.formatGraph(program.exportedProgram.graph).filter((line) => !line.includes("placeholder"));
  return { nodes: lines, program };
}

const inputs = ({ model }: onnx.ONNXProgram): string[] =>
  model.graph.inputs.map(({ name, meta }) => `${name}[${meta?.shape.join(", ")}]`);

const x = torch.ones([3, 4]);

Deno.test("operators are recorded with the operator that PyTorch records", async () => {
  const { nodes } = await captured((x: Tensor) => torch.cat([x.add(1), x.mul(2.5)], 1), [x]);
  assertEquals(nodes, [
    "%add : [num_users=1] = call_function[target=torch.ops.aten.add.Tensor](args = (%x, 1), kwargs = {})",
    "%mul : [num_users=1] = call_function[target=torch.ops.aten.mul.Tensor](args = (%x, 2.5), kwargs = {})",
    "%cat : [num_users=1] = call_function[target=torch.ops.aten.cat.default](args = ([%add, %mul], 1), kwargs = {})",
    "return (cat,)",
  ]);
});

Deno.test("a size that is used becomes a node, and its dim has the user's name", async () => {
  const { nodes, program } = await captured((x: Tensor) => x.reshape([x.shape[0], 2, 2]), [x], {
    dynamicShapes: { x: { 0: "batch" } },
  });
  assert(nodes[0].includes("target=torch.ops.aten.sym_size.int](args = (%x, 0)"), nodes[0]);
  const [input] = program.model.graph.inputs;
  assertEquals(program.dimName(input.meta!.shape[0] as onnx.Sym, input, 0), "batch");
});

Deno.test("nodes tell the user's lines", async () => {
  const { program } = await captured((x: Tensor) => {
    return x.relu();
  }, [x]);
  const [node] = program.exportedProgram.graph.nodes();
  assert(/capture_test\.ts", line \d+, in .*\n {4}return x\.relu\(\);$/.test(node.metadata.get("stack_trace") ?? ""));
});

Deno.test("inputs and outputs are trees; numbers, strings and null keep their places", async () => {
  const model = (
    pair: [Tensor, { y: Tensor }],
    scale: number,
  ): unknown => [pair[0], { z: pair[1].y.mul(scale) }, 3, "a", null];
  const { program } = await captured(model, [[x, { y: x }], 2], {
    dynamicShapes: [[{ 0: "n" }, { y: { 0: "n" } }], null],
  });
  const other = torch.ones([5, 4]);
  const result = await program.call([[other, { y: other }], 2]) as [
    onnx.Tensor,
    { z: onnx.Tensor },
    bigint,
    string,
    null,
  ];
  assertEquals(result[0].shape, [5, 4]);
  assertEquals(result[1].z.toArray().slice(0, 2), [2, 2]);
  assertEquals(result.slice(2), [3n, "a", null]);
});

const constant = torch.ones([3]);
const table = torch.ones([512, 4]);

const violations: readonly [name: string, model: Model, args: readonly unknown[], shapes: unknown, message: RegExp][] =
  [
    [
      "a size that must be one",
      (x: Tensor) => x.add(constant),
      [torch.ones([3])],
      [{ 0: "n" }],
      /n \(axis 0 of x\) must be 3/,
    ],
    [
      "two sizes that must be equal",
      (x: Tensor, y: Tensor) => x.add(y),
      [torch.ones([3]), torch.ones([3])],
      [{ 0: "a" }, { 0: "b" }],
      /b \(axis 0 of y\) must be the same as a.*Suggested fixes:\s*b = a/s,
    ],
    ["a size that must be even", (x: Tensor) => x.reshape([-1, 2]), [torch.ones([6])], [{ 0: "n" }], /n = 2\*_n/],
    [
      "a size that is bounded",
      (x: Tensor) => x.add(torch.narrow(table, 0, 0, x.shape[0])),
      [x],
      [{ 0: "n" }],
      /can't be more than 512.*new Dim\("n", \{ max: 512 \}\)/s,
    ],
  ];

for (const [name, model, args, dynamicShapes, message] of violations) {
  Deno.test(`${name} is a violation with its line and a fix`, async () => {
    const error = await assertRejects(
      () => onnx.export(model, args, null, { dynamicShapes: dynamicShapes as onnx.DynamicShapes }),
      onnx.CaptureError,
    );
    assert(message.test(error.message), error.message);
    assert(/File ".*capture_test\.ts", line \d+: /.test(error.message), error.message);
  });
}

Deno.test("violations are told all at once", async () => {
  const model = (x: Tensor, y: Tensor): unknown => [x.add(constant), y.reshape([-1, 2])];
  const error = await assertRejects(
    () => onnx.export(model, [torch.ones([3]), torch.ones([6])], null, { dynamicShapes: [{ 0: "a" }, { 0: "b" }] }),
    onnx.CaptureError,
  );
  assert(/a \(axis 0 of x\) must be 3.*b \(axis 0 of y\) must be a multiple of 2/s.test(error.message), error.message);
});

Deno.test("dims that are automatic vary as far as the model lets them", async () => {
  const auto = [{ 0: onnx.Dim.AUTO, 1: onnx.Dim.AUTO }, { 0: onnx.Dim.AUTO, 1: onnx.Dim.AUTO }];
  const model = (x: Tensor, y: Tensor): Tensor => x.add(y).matmul(torch.ones([4, 2]));
  const { program } = await captured(model, [x, x], { dynamicShapes: auto });
  assertEquals(inputs(program), ["x[s0, 4]", "y[s0, 4]"]);
});

Deno.test("derived dims are multiples of others", async () => {
  const n = new onnx.Dim("n", { max: 8 });
  const { program } = await captured((x: Tensor) => x.reshape([-1, 2]), [torch.ones([6])], {
    dynamicShapes: [[n.mul(2)]],
  });
  assertEquals(inputs(program), ["x[2*s0]"]);
  assertEquals(program.exportedProgram.constraints, [{ expr: "s0", min: 0n, max: 8n }]);
});

Deno.test("JavaScript's own functions can't take a symbolic size for a number", async () => {
  const error = await assertRejects(
    () =>
      onnx.export((x: Tensor) => torch.stack(new Array(x.shape[0]).fill(x)), [x], null, {
        dynamicShapes: [{ 0: "n" }],
      }),
    onnx.CaptureError,
  );
  assert(/n|s0/.test(error.message) && /capture_test\.ts/.test(error.message), error.message);
});

Deno.test("what dynamicShapes says must fit the arguments", async () => {
  const add = (x: Tensor, y: Tensor): Tensor => x.add(y);
  for (
    const [shapes, message] of [
      [[{ 0: "n" }, { 2: "n" }], "no axis 2"],
      [[{ 0: new onnx.Dim("n", { min: 4 }) }, null], "outside the bounds"],
      [{ z: { 0: "n" } }, "names z"],
      [[{ 0: 5 }, null], "is 3 in the example, not 5"],
    ] as const
  ) {
    await assertRejects(
      () => onnx.export(add, [x, x], null, { dynamicShapes: shapes as onnx.DynamicShapes }),
      Error,
      message,
    );
  }
});

Deno.test("dynamicAxes names the axes that it makes dynamic", async () => {
  const sum = (x: Tensor): Tensor => torch.sum(x, 1);
  const two = torch.ones([2, 2]);
  const names = { inputNames: ["x"], outputNames: ["sum"] };
  const shapes = async (dynamicAxes: onnx.DynamicAxes | null): Promise<string[][]> => {
    const program = await onnx.export(sum, [two], null, { ...names, dynamicAxes });
    return [...program.model.graph.inputs, ...program.model.graph.outputs].map(({ shape }) => shape!.map(String));
  };
  assertEquals(await shapes({ x: { 0: "my_custom_axis_name" }, sum: [0] }), [
    ["my_custom_axis_name", "2"],
    ["sum_dynamic_axes_1"],
  ]);
  assertEquals(await shapes({ x: [0, 1] }), [["x_dynamic_axes_1", "x_dynamic_axes_2"], ["x_dynamic_axes_1"]]);
  assertEquals(await shapes(null), [["2", "2"], ["2"]]);
});

Deno.test("every dim of dynamoExport's model varies, or none", async () => {
  const add = (x: Tensor): Tensor => x.add(1);
  const shape = async (dynamicShapes: boolean | null): Promise<string[]> => {
    const program = await onnx.dynamoExport(add, x, { exportOptions: { dynamicShapes } });
    return program.model.graph.inputs[0].meta!.shape.map(String);
  };
  assertEquals(await shape(true), ["s0", "s1"]);
  assertEquals(await shape(false), ["3", "4"]);
  assertEquals(await shape(null), ["s0", "s1"]);
});

Deno.test("keyword arguments join the inputs", async () => {
  const model = (x: Tensor, y: Tensor, scale: number): Tensor => x.add(y).mul(scale);
  const program = await onnx.export(model, [x], null, {
    kwargs: { scale: 3, y: x },
    dynamicShapes: { x: { 0: "n" }, y: { 0: "n" }, scale: null },
    verify: true,
    ep: "wasm",
  });
  assert(program.verification?.passed);
  const { inSpec } = program.exportedProgram.moduleCallGraph[0].signature!;
  assertEquals(inSpec.children.map(({ children }) => children.length), [1, 2]);
  const two = torch.ones([2, 4]);
  const result = await program.call([two], { y: two, scale: 3 }) as onnx.Tensor;
  assertEquals(result.toArray(), new Array(8).fill(6));
});

Deno.test("steps and the report tell how the model was captured", async () => {
  const steps: string[] = [];
  await onnx.export((x: Tensor) => x.neg(), [x], null, {
    onStep: ({ name, status }) => steps.push(`${status} ${name}`),
  });
  assertEquals(steps.slice(0, 2), [
    "start Capture the model with torch.export.export(…, strict=False)",
    "done Capture the model with torch.export.export(…, strict=False)",
  ]);
});

Deno.test("the same model gives the same bytes", async () => {
  const bytes = async (): Promise<Uint8Array> =>
    await (await onnx.export((x: Tensor) => x.neg(), [x], null, { dynamicShapes: [{ 0: "n" }] })).toBytes();
  assertEquals(await bytes(), await bytes());
});

Deno.test("what is written to a contiguous copy of a view does not reach the tensor", async () => {
  const given = torch.tensor([[1, 2, 3], [4, 5, 6]], { dtype: "float32" });
  const models: readonly ((x: Tensor) => unknown)[] = [
    (x) => [x.clone()].map((y) => [y.t().contiguous().add_(1), y])[0],
    (x) => [x.clone()].map((y) => [y.transpose(0, 1).reshape([-1]).add_(1), y])[0],
    (x) => [x.clone()].map((y) => [y.select(1, 0).contiguous().add_(1), y])[0],
    (x) => [x.clone()].map((y) => [y.select(0, 0).contiguous().add_(1), y])[0],
    (x) => [x.clone()].map((y) => [y.narrow(1, 1, 2).contiguous().add_(1), y])[0],
  ];
  for (const model of models) {
    const program = await onnx.export(model, [given], null, { dynamicShapes: [{ 0: "n" }] });
    const values = (all: unknown): unknown[] => (all as onnx.Tensor[]).map((one) => one.toArray());
    const eager = (model(given) as Tensor[]).map(({ value }) => value);
    assertEquals(values(await program.call([given])), values(eager), String(model));
  }
});
