/** Models that are made, captured and saved without weights, and get them afterwards. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import * as onnx from "../../mod.ts";
import { nn, type Tensor, torch } from "../../torch.ts";
import { inFolder } from "../cli/run.ts";

class Scale extends nn.Module {
  weight = new nn.Parameter(torch.tensor(1.5));

  forward(x: Tensor): Tensor {
    return x.mul(this.weight);
  }
}

function fakeModule(): Scale {
  using _ = onnx.enableFakeMode();
  return new Scale();
}

Deno.test("the documentation's example of fake mode", async () => {
  await inFolder(async (folder) => {
    const program = await onnx.export(fakeModule(), [torch.ones([2])], null, { optimize: false });
    await program.save(join(folder, "fake.onnx"), { includeInitializers: false, keepInitializersAsInputs: true });
    await program.applyWeights({ weight: torch.tensor(42.0) });
    await program.save(join(folder, "whole.onnx"));
    const result = await program.call([torch.ones([2])]) as onnx.Tensor;
    assertEquals(result.toArray(), [42, 42]);
  });
});

Deno.test("what is made in fake mode allocates nothing, and can't be optimized", async () => {
  const model = (() => {
    using _ = onnx.enableFakeMode();
    return new nn.Linear(1 << 20, 1 << 20);
  })();
  const { value } = model.weight;
  assertEquals([(value as onnx.Tensor).shape, (value as onnx.Tensor).isLoaded], [[1 << 20, 1 << 20], false]);
  const x = torch.zeros([1, 1 << 20]);
  const error = await assertRejects(() => onnx.export(model, [x]), onnx.OptionError, "Cannot optimize the program");
  assertEquals(error.message.includes("optimize: false"), true);
});
