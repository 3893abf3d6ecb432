/** The strategies in their order: which one captures a model, what it says of those before it, and what it takes for granted. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as onnx from "../../../mod.ts";
import { PageReader } from "../../../src/capture/strict/page.ts";
import { loadParser } from "../../../src/capture/strict/parse.ts";
import { type Tensor, torch } from "../../../torch.ts";

const x = torch.arange(0, 12).reshape([3, 4]).to("float32");
const dynamicShapes = [{ 0: "n" }] as onnx.DynamicShapes;

type Model = (...args: never[]) => unknown;

async function strategyOf(
  model: Model,
  shapes: onnx.DynamicShapes | null = null,
): Promise<{
  readonly steps: string[];
  readonly reasons: readonly string[];
  readonly warnings: readonly string[];
  readonly program: onnx.ONNXProgram;
}> {
  const steps: string[] = [], reasons: string[] = [];
  const program = await onnx.export(model, [x], null, {
    dynamicShapes: shapes,
    ep: "wasm",
    verbose: true,
    onStep: (step) => {
      if (step.status === "failed") reasons.push(`${step.name}: ${step.detail}`);
      const text = JSON.stringify(step);
      const name = /strict=False|strict=True|draft_export|tracing/.exec(text)?.[0];
      if (name && steps.at(-1) !== name) steps.push(name);
    },
  });
  return { steps, reasons, warnings: program.exportedProgram.warnings, program };
}

Deno.test("a model whose sizes need no condition is captured without strictness", async () => {
  const { steps, warnings } = await strategyOf((x: Tensor) => x.mul(x.shape[0] * 2 - 1), dynamicShapes);
  assertEquals(steps, ["strict=False"]);
  assertEquals(warnings, []);
});

Deno.test("a condition on a tensor is captured strictly, and the step that failed says why", async () => {
  const { steps, reasons, warnings } = await strategyOf((x: Tensor) => {
    if (x.sum().item() > 0) return x;
    return x.neg();
  });
  assertEquals(steps, ["strict=False", "strict=True"]);
  assertEquals(reasons.length, 1);
  assert(/strict=False.*Which way a condition goes depends on/s.test(reasons[0]), reasons[0]);
  assertEquals(warnings, []);
});

Deno.test("a condition on a size never passes in silence without strictness", async () => {
  const { steps, program } = await strategyOf((x: Tensor) => x.shape[0] > 3 ? x : x.neg(), dynamicShapes);
  assertEquals(steps, ["strict=False", "strict=True"]);
  for (const [rows, sign] of [[2, -1], [5, 1]]) {
    const result = await program.call([torch.ones([rows, 4]).value]) as onnx.Tensor;
    assertEquals(result.toArray()[0], sign);
  }
});

Deno.test("a tensor as a condition is its truth, with a warning", async () => {
  const { warnings, program } = await strategyOf((x: Tensor) => {
    if (x.sum().gt(0)) return x; // a tensor
    return x.neg();
  });
  assert(
    warnings.some((text) => /A tensor is used as a condition.*line \d+: if \(x\.sum/s.test(text)),
    warnings.join("\n"),
  );
  const result = await program.call([torch.ones([3, 4]).mul(-1).value]) as onnx.Tensor;
  assertEquals(result.toArray()[0], 1);
});

Deno.test("a condition that can't be kept goes the example's way, with each assumption's line", async () => {
  const { steps, warnings, program } = await strategyOf((x: Tensor) => {
    let y = x;
    if (x.sum().item() > 0) y = x.to("int64"); // the example's way
    return y.add(1);
  }, dynamicShapes);
  assertEquals(steps, ["strict=False", "strict=True", "draft_export"]);
  assertEquals(warnings.filter((text) => text.includes("strict=True")).length, 1);
  const assumption = warnings.find((text) => text.startsWith("Only known of the example"));
  assert(
    assumption && /is true: File ".*strategies_test\.ts", line \d+: if \(x\.sum/.test(assumption),
    warnings.join("\n"),
  );
  const result = await program.call([torch.ones([5, 4]).value]) as onnx.Tensor;
  assertEquals([result.dtype, result.shape], ["int64", [5, 4]]);
});

Deno.test("a number that must be known is the example's", async () => {
  const { steps, warnings } = await strategyOf((x: Tensor) => {
    const parts = [x, x.neg()];
    return parts[x.argmax().item() % 2].add(Math.max(...parts.map(() => 1)));
  });
  assertEquals(steps, ["strict=False", "strict=True", "draft_export"]);
  assert(warnings.some((text) => /item\(\) is 11: File/.test(text)), warnings.join("\n"));
});

Deno.test("the example is as it was, whatever strategies ran on it", async () => {
  const before = x.sum().item();
  const { steps } = await strategyOf((x: Tensor) => {
    const parts = [x.add_(1), x.neg()];
    return parts[x.argmax().item() % 2].add(1);
  });
  assertEquals(steps.at(-1), "draft_export");
  assertEquals(x.sum().item(), before);
});

Deno.test("an error tells why each strategy failed", async () => {
  const error = await assertRejects(
    () => onnx.export((x: Tensor) => torch.stack(new Array(x.shape[0]).fill(x)), [x], null, { dynamicShapes }),
    onnx.CaptureError,
  );
  for (const part of ["strict=False", "strict=True", "draft_export", "tracing", "strategies_test.ts"]) {
    assert(error.message.includes(part), error.message);
  }
});

Deno.test("in a page a function may use its arguments and this library, not what it captures", async () => {
  await loadParser();
  const reader = new PageReader({ torch });
  const source = await reader.read((x: Tensor) => torch.relu(x));
  assertEquals([...source.names], [["torch", torch]]);
  assertEquals(source.compile("a + b", ["a", "b"])(1, 2), 3);
  const scale = x.sum().item();
  const error = await assertRejects(async () => await reader.read((x: Tensor) => x.mul(scale)), onnx.CaptureError);
  assert(/uses scale from outside/.test(error.message), error.message);
});
