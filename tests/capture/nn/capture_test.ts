/** Modules in captured programs: their state, what becomes of it in training, and the names that nodes bear. */
import { assert, assertEquals } from "@std/assert";
import * as onnx from "../../../mod.ts";
import { RECORDS } from "../../../src/aten/records.ts";
import { capture } from "../../../src/capture/capture.ts";
import * as nn from "../../../src/capture/nn/mod.ts";
import type { ExportedProgram } from "../../../src/fx/mod.ts";
import { functionalize } from "../../../src/passes/functionalize.ts";
import { Tensor as CoreTensor } from "../../../src/tensor/mod.ts";
import { runProgram } from "../../../src/verify/reference.ts";
import { Tensor, torch } from "../../../torch.ts";

async function captured(model: unknown, ...args: unknown[]): Promise<ExportedProgram> {
  return (await capture(model, { args, kwargs: {}, dynamicShapes: null })).program;
}

/** What a program gives, by the kind of the output and what it is of. */
async function resultsOf(program: ExportedProgram, ...args: Tensor[]): Promise<Map<string, number[]>> {
  const functional = await functionalize(program, RECORDS);
  const results = await runProgram(functional, RECORDS, args.map(({ value }) => value as CoreTensor));
  return new Map(functional.signature.outputSpecs.map(({ kind, target }, i) => [
    target === null ? kind : `${kind} ${target}`,
    Array.from((results[i] as CoreTensor).data() as ArrayLike<number | bigint>, Number),
  ]));
}

class Counter extends nn.Module {
  count = new nn.Buffer(torch.zeros([2]));
  scale = new nn.Buffer(torch.full([2], 3, { dtype: "float32" }), { persistent: false });
  weight = new nn.Parameter(torch.ones([2]));

  forward(x: Tensor): Tensor {
    this.count = this.count.add(x);
    return this.count.mul(this.scale).mul(this.weight);
  }
}

Deno.test("nn: a buffer that forward assigns is an output of the program, and the model stays as it was", async () => {
  const model = new Counter();
  const { count } = model;
  const program = await captured(model, torch.ones([2]));
  assert(model.count === count);
  assertEquals([...count.data() as Float32Array], [0, 0]);
  const specs = program.signature.inputSpecs.map(({ kind, target, persistent }) => [kind, target, persistent]);
  assertEquals(specs, [
    ["PARAMETER", "weight", null],
    ["BUFFER", "count", true],
    ["BUFFER", "scale", false],
    ["USER_INPUT", null, null],
  ]);
  assertEquals([...program.stateDict.keys()], ["weight", "count"]);
  assertEquals([...program.constants.keys()], ["scale"]);
  const results = await resultsOf(program, torch.ones([2]));
  assertEquals(results, new Map([["BUFFER_MUTATION count", [1, 1]], ["USER_OUTPUT", [3, 3]]]));
});

Deno.test("nn: batch norm in training updates its statistics in the program as it does eagerly", async () => {
  const model = new nn.BatchNorm1d(2);
  const x = torch.tensor([[1, 2], [3, 5], [8, 4]], { dtype: "float32" });
  const program = await captured(model, x);
  assertEquals(model.num_batches_tracked!.item(), 0);
  const results = await resultsOf(program, x);
  const output = model.call(x);
  const expected = new Map([
    ["USER_OUTPUT", output],
    ["BUFFER_MUTATION running_mean", model.running_mean!],
    ["BUFFER_MUTATION running_var", model.running_var!],
    ["BUFFER_MUTATION num_batches_tracked", model.num_batches_tracked!],
  ]);
  assertEquals(new Set(results.keys()), new Set(expected.keys()));
  for (const [name, tensor] of expected) {
    const values = Array.from(tensor.data() as ArrayLike<number | bigint>, Number);
    results.get(name)!.forEach((value, i) => assert(Math.abs(value - values[i]) < 1e-6, `${name}[${i}]`));
  }
});

Deno.test("nn: nodes bear the paths and Python classes of the modules that they come from", async () => {
  class Linear extends nn.Module {
    inner = new nn.Sequential(new nn.Linear(2, 2), new nn.ReLU());

    forward(x: Tensor): Tensor {
      return this.inner.call(x);
    }
  }
  class Model extends nn.Module {
    block = new Linear();

    forward(x: Tensor): Tensor {
      return this.block.call(x).add(1);
    }
  }
  const program = await captured(new Model(), torch.ones([1, 2]));
  const stacks = [...program.graph.nodes()].map(({ target, origin }) => [
    target.replace("torch.ops.aten.", ""),
    origin!.modules.map(({ path, className }) => `${path}: ${className}`),
  ]);
  const outer = [": __main__.Model", "block: __main__.Linear", "block.inner: torch.nn.modules.container.Sequential"];
  assertEquals(stacks, [
    ["linear.default", [...outer, "block.inner.0: torch.nn.modules.linear.Linear"]],
    ["relu.default", [...outer, "block.inner.1: torch.nn.modules.activation.ReLU"]],
    ["add.Tensor", [": __main__.Model"]],
  ]);
});

Deno.test("nn: a tied parameter is one input of the computation under its first name", async () => {
  class Tied extends nn.Module {
    embed = new nn.Embedding(4, 3);
    head = new nn.Linear(3, 4, { bias: false });

    constructor() {
      super();
      this.head.weight = this.embed.weight;
    }

    forward(ids: Tensor): Tensor {
      return this.head.call(this.embed.call(ids));
    }
  }
  const program = await captured(new Tied(), torch.tensor([1, 2]));
  assertEquals([...program.stateDict.keys()], ["embed.weight", "head.weight"]);
  assertEquals(program.stateDict.get("embed.weight")!.storage, program.stateDict.get("head.weight")!.storage);
  const used = [...program.graph.nodes()].flatMap(({ args }) => args).filter((arg) =>
    typeof arg === "object" && arg !== null && "name" in arg && String(arg.name).startsWith("p_")
  );
  assertEquals(used.map((arg) => (arg as { name: string }).name), ["p_embed_weight", "p_embed_weight"]);
});

Deno.test("nn: attention and recurrence in the branches of a condition are captured at any size", async () => {
  class Gate extends nn.Module {
    fc = new nn.Linear(4, 4);
    attention = new nn.MultiheadAttention(4, 2, { batchFirst: true });
    lstm = new nn.LSTM(4, 4, { batchFirst: true, bidirectional: true });

    forward(x: Tensor): Tensor {
      if (x.sum().item() > 0) {
        x = this.fc.call(x);
      } else {
        [x] = this.attention.call(x, x, x, { needWeights: false });
      }
      const [y] = this.lstm.call(x);
      return y;
    }
  }
  const model = new Gate().eval();
  await using program = await onnx.export(model, [torch.randn([2, 3, 4])], undefined, {
    dynamicShapes: [{ 0: "batch", 1: "sequence" }],
    ep: "wasm",
  });
  for (const sign of [1, -1]) {
    const x = torch.randn([3, 5, 4]).abs().mul(sign);
    const result = new Tensor(await program.call([x]) as CoreTensor);
    assert(torch.sub(result, model.call(x)).abs().max().item() < 1e-5, `sign ${sign}`);
  }
});
