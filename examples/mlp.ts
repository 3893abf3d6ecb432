/**
 * The first example of PyTorch's documentation of `torch.onnx.export`, line for line: a model with a tensor, a dict and a
 * list as inputs, exported with a dynamic batch.
 *
 * ```sh
 * deno run -A examples/mlp.ts                           # as the page has it: export, check the shapes, save
 * deno run -A cli.ts export examples/mlp.ts --verify    # the same by the command
 * ```
 *
 * Source: https://docs.pytorch.org/docs/2.8/onnx_dynamo.html
 */
import { assertEquals } from "@std/assert";
import * as onnx from "@fx2onnx/fx2onnx";
import { nn, type Tensor, torch } from "@fx2onnx/fx2onnx/torch";

export class MLPModel extends nn.Module {
  fc0 = new nn.Linear(8, 8, { bias: true });
  fc1 = new nn.Linear(8, 4, { bias: true });
  fc2 = new nn.Linear(4, 2, { bias: true });
  fc3 = new nn.Linear(2, 2, { bias: true });
  fc_combined = new nn.Linear(8 + 8 + 8, 8, { bias: true }); // Combine all inputs

  /**
   * Forward method that requires all inputs.
   *
   * @param tensorX a direct tensor input
   * @param inputDict an object that has the tensor under the key `tensor_x`
   * @param inputList a list of which the first element is the tensor
   */
  forward(tensorX: Tensor, inputDict: { tensor_x: Tensor }, inputList: Tensor[]): Tensor {
    // Extract tensors from inputs
    const dictTensor = inputDict.tensor_x;
    const listTensor = inputList[0];

    // Combine all inputs into a single tensor
    let combinedTensor = torch.cat([tensorX, dictTensor, listTensor], 1);

    // Process the combined tensor through the layers
    combinedTensor = this.fc_combined.call(combinedTensor);
    combinedTensor = torch.sigmoid(combinedTensor);
    combinedTensor = this.fc0.call(combinedTensor);
    combinedTensor = torch.sigmoid(combinedTensor);
    combinedTensor = this.fc1.call(combinedTensor);
    combinedTensor = torch.sigmoid(combinedTensor);
    combinedTensor = this.fc2.call(combinedTensor);
    combinedTensor = torch.sigmoid(combinedTensor);
    const output = this.fc3.call(combinedTensor);
    return output;
  }
}

const model = new MLPModel();

// Example inputs
const tensorInput = torch.rand([97, 8], { dtype: "float32" });
const dictInput = { tensor_x: torch.rand([97, 8], { dtype: "float32" }) };
const listInput = [torch.rand([97, 8], { dtype: "float32" })];

// The names are used to identify the inputs and outputs of the ONNX model
const inputNames = ["tensor_input", "tensor_x", "list_input_index_0"];
const outputNames = ["output"];
const dynamicShapes: onnx.DynamicShapes = [{ 0: "batch_size" }, { tensor_x: { 0: "batch_size" } }, [{
  0: "batch_size",
}]];

export default { model, args: [tensorInput, dictInput, listInput], dynamicShapes, inputNames, outputNames };

if (import.meta.main) {
  // Exporting the model with all required inputs
  await using program = await onnx.export(model, [tensorInput, dictInput, listInput], undefined, {
    dynamicShapes,
    inputNames,
    outputNames,
  });

  // Check the exported ONNX model is dynamic
  assertEquals(program.model.graph.inputs[0].shape, ["batch_size", 8]);
  assertEquals(program.model.graph.inputs[1].shape, ["batch_size", 8]);
  assertEquals(program.model.graph.inputs[2].shape, ["batch_size", 8]);

  await program.save("mlp.onnx");

  // Checking what was saved, on WebGPU where there is any
  const { passed, ep } = await onnx.verify("mlp.onnx", { program: program.exportedProgram });
  console.log(`mlp.onnx ${passed ? "computes" : "does not compute"} what the model does, on ${ep}`);
}
