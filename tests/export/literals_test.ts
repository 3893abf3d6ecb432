/** Tensors that the code of a model makes: what is computed from nothing else is folded, and none is a weight. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { nn, type Tensor, torch } from "../../torch.ts";
import * as onnx from "../../mod.ts";
import { fixture } from "../fixtures.ts";

/** A mask that is written part by part, as models with shifted windows make theirs. */
class Windows extends nn.Module {
  forward(x: Tensor): Tensor {
    const mask = torch.zeros([4, 4]);
    mask.narrow(0, 0, 2).narrow(1, 1, 2).fill_(torch.tensor(3.5));
    mask.narrow(0, 2, 2).fill_(torch.tensor(-1));
    return x.add(mask);
  }
}

/** A tensor of the code that an input meets. */
class Scaled extends nn.Module {
  forward(x: Tensor): Tensor {
    return x.mul(torch.tensor([1.5, -2]));
  }
}

Deno.test("what the code makes of its own tensors is one constant of the model", async () => {
  await using program = await onnx.export(new Windows(), [torch.ones([2, 4, 4])], null, { verify: true });
  assertEquals([...program.model.graph.nodes()].map(({ opType }) => opType), ["Add"]);
  assertEquals(program.verification?.passed, true);
});

Deno.test("a tensor of the code that an input meets keeps its name, and can't be exchanged as a weight", async () => {
  await using program = await onnx.export(new Scaled(), [torch.ones([3, 2])]);
  assertEquals([...program.model.graph.initializers].map(({ name }) => name), ["lifted_tensor_0"]);
  const other = { lifted_tensor_0: onnx.Tensor.of("float32", [2], [1, 1]) };
  const error = await assertRejects(() => program.applyWeights(other), onnx.OptionError);
  assertStringIncludes(error.message, "lifted_tensor_0 is a tensor that the code makes, not a weight");
});

Deno.test("literals of an archive are no weights either", async () => {
  await using program = await onnx.export(fixture("inplace.pt2"));
  const other = { lifted_tensor_0: onnx.Tensor.scalar("float32", 9) };
  await assertRejects(() => program.applyWeights(other), onnx.OptionError, "not a weight");
});
