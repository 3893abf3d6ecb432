/** `torch.nn.Module`: how state is found and named, loaded, converted and printed. */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { enableFakeMode } from "../../../mod.ts";
import * as nn from "../../../src/capture/nn/mod.ts";
import { Tensor as CoreTensor } from "../../../src/tensor/mod.ts";
import { Tensor, torch } from "../../../torch.ts";

class Model extends nn.Module {
  fc = new nn.Linear(2, 3);
  bn = new nn.BatchNorm1d(3);
  list = new nn.ModuleList([...Array.from({ length: 3 }, () => new nn.Linear(1, 1)), new nn.ReLU()]);
  d = new nn.ModuleDict(new Map<string, nn.Module>([["10", new nn.ReLU()], ["2", new nn.Tanh()]]));
  p = new nn.ParameterList([torch.zeros([2, 3]), torch.zeros([2])]);
  q = new nn.ParameterDict({ b: torch.zeros([2]), a: torch.zeros([1, 2]) });
  one = new nn.ParameterList([torch.zeros([2])]);
  scale = new nn.Parameter(torch.ones([2]));
  empty = new nn.ModuleList();

  forward(x: Tensor): Tensor {
    return this.bn.call(this.fc.call(x));
  }
}

Deno.test("nn.Module prints as PyTorch prints it", () => {
  assertEquals(
    String(new Model()),
    `Model(
  (fc): Linear(in_features=2, out_features=3, bias=True)
  (bn): BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
  (list): ModuleList(
    (0-2): 3 x Linear(in_features=1, out_features=1, bias=True)
    (3): ReLU()
  )
  (d): ModuleDict(
    (10): ReLU()
    (2): Tanh()
  )
  (p): ParameterList(
      (0): Parameter containing: [torch.float32 of size 2x3]
      (1): Parameter containing: [torch.float32 of size 2]
  )
  (q): ParameterDict(
      (a): Parameter containing: [torch.FloatTensor of size 1x2]
      (b): Parameter containing: [torch.FloatTensor of size 2]
  )
  (one): ParameterList(  (0): Parameter containing: [torch.float32 of size 2])
  (empty): ModuleList()
)`,
  );
  assertEquals(
    String(new nn.Sequential(new nn.Sequential(), new nn.Sequential(new nn.ReLU()))),
    "Sequential(\n  (0): Sequential()\n  (1): Sequential(\n    (0): ReLU()\n  )\n)",
  );
});

Deno.test("nn.Module names its state in PyTorch's order", () => {
  const model = new Model();
  assertEquals([...model.stateDict().keys()], [
    "scale",
    ...["weight", "bias"].map((name) => `fc.${name}`),
    ...["weight", "bias", "running_mean", "running_var", "num_batches_tracked"].map((name) => `bn.${name}`),
    ...[0, 1, 2].flatMap((i) => [`list.${i}.weight`, `list.${i}.bias`]),
    ...["p.0", "p.1", "q.a", "q.b", "one.0"],
  ]);
  assertEquals([...model.namedParameters({ recurse: false })].map(([name]) => name), ["scale"]);
  assertEquals([...model.namedBuffers({ prefix: "m" })].map(([name]) => name), [
    "m.bn.running_mean",
    "m.bn.running_var",
    "m.bn.num_batches_tracked",
  ]);
  assertEquals([...model.namedChildren()].map(([name]) => name), [
    ...["fc", "bn", "list", "d", "p", "q", "one", "empty"],
  ]);
  assertEquals([...model.namedModules()].map(([path]) => path).slice(0, 6), [
    ...["", "fc", "bn", "list", "list.0", "list.1"],
  ]);
});

Deno.test("nn.Module lists tied parameters once, and saves them under each name", () => {
  class Tied extends nn.Module {
    a = new nn.Linear(3, 3, { bias: false });
    b = new nn.Linear(3, 3, { bias: false });

    constructor() {
      super();
      this.b.weight = this.a.weight;
    }

    forward(x: Tensor): Tensor {
      return this.b.call(this.a.call(x));
    }
  }
  const model = new Tied();
  assertEquals([...model.namedParameters()].map(([name]) => name), ["a.weight"]);
  assertEquals([...model.namedParameters({ removeDuplicate: false })].map(([name]) => name), ["a.weight", "b.weight"]);
  assertEquals([...model.stateDict().keys()], ["a.weight", "b.weight"]);
  model.loadStateDict({ "a.weight": torch.ones([3, 3]), "b.weight": torch.full([3, 3], 2) });
  assertStrictEquals(model.a.weight, model.b.weight);
  assertEquals([...model.a.weight.data() as Float32Array], new Array(9).fill(2));
});

class Counter extends nn.Module {
  count = new nn.Buffer(torch.zeros([2]));
  scratch = new nn.Buffer(torch.ones([2]), { persistent: false });
  absent = this.registerBuffer<Tensor | null>("absent", null);

  forward(x: Tensor): Tensor {
    this.count = this.count.add(x);
    return this.count.mul(this.scratch);
  }
}

Deno.test("nn.Module keeps buffers buffers when other tensors are assigned", () => {
  const model = new Counter();
  model.call(torch.ones([2]));
  model.call(torch.ones([2]));
  assert(!(model.count instanceof nn.Buffer));
  assertEquals([...model.stateDict().keys()], ["count"]);
  assertEquals([...model.stateDict().get("count")!.data() as Float32Array], [2, 2]);
  assertEquals([...model.namedBuffers()].map(([name]) => name).sort(), ["count", "scratch"]);
  assertEquals([...model.nonPersistentBuffers()], ["scratch"]);
});

Deno.test("nn.Module.loadStateDict tells all that is missing, unexpected, or of another size, and changes nothing then", () => {
  const model = new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm1d(3));
  const before = model.getParameter("1.weight").data();
  const wrong = { "0.weight": torch.zeros([3, 3]), "2.bias": torch.zeros([1]), "1.weight": torch.zeros([3]) };
  const error = assertThrows(() => model.loadStateDict(wrong), RangeError);
  assertEquals(
    error.message,
    "Error(s) in loading state_dict for Sequential:\n" +
      '\tMissing key(s) in state_dict: "0.bias", "1.bias", "1.running_mean", "1.running_var". \n' +
      '\tUnexpected key(s) in state_dict: "2.bias". \n' +
      "\tsize mismatch for 0.weight: copying a param with shape torch.Size([3, 3]) from checkpoint, " +
      "the shape in current model is torch.Size([3, 2]).",
  );
  assertEquals(model.getParameter("1.weight").data(), before);
  const { "0.weight": _, ...rest } = wrong;
  assertEquals(model.loadStateDict(rest, { strict: false }), {
    missingKeys: ["0.weight", "0.bias", "1.bias", "1.running_mean", "1.running_var"],
    unexpectedKeys: ["2.bias"],
  });
  assertEquals([...model.getParameter("1.weight").data() as Float32Array], [0, 0, 0]);
});

Deno.test("nn.Module.loadStateDict copies with the model's dtype, or assigns", () => {
  const state = { weight: torch.ones([1, 2], { dtype: "float64" }), bias: torch.zeros([1], { dtype: "float64" }) };
  const copied = new nn.Linear(2, 1);
  const { weight } = copied;
  copied.loadStateDict(state);
  assertStrictEquals(copied.weight, weight);
  assertEquals(copied.weight.dtype, "float32");
  state.weight.fill_(5);
  assertEquals([...copied.weight.data() as Float32Array], [1, 1]);
  const assigned = new nn.Linear(2, 1);
  assigned.loadStateDict(state, { assign: true });
  assertEquals(assigned.weight.dtype, "float64");
  state.weight.fill_(7);
  assertEquals([...assigned.weight.data() as Float64Array], [7, 7]);
  assert(assigned.weight instanceof nn.Parameter);
});

Deno.test("nn.Module.loadStateDict takes the tensors of files", () => {
  const model = new nn.Linear(2, 1);
  model.loadStateDict(
    new Map([["weight", CoreTensor.of("float32", [1, 2], [3, 4])], ["bias", CoreTensor.of("float32", [1], [5])]]),
  );
  assertEquals([...model.call(torch.ones([1, 2])).data() as Float32Array], [12]);
});

Deno.test("nn.Module converts its floats and keeps its parameters", () => {
  const model = new nn.BatchNorm1d(2);
  const { weight } = model;
  model.double();
  assertStrictEquals(model.weight, weight);
  assertEquals(model.weight!.dtype, "float64");
  assertEquals(model.running_var!.dtype, "float64");
  assertEquals(model.num_batches_tracked!.dtype, "int64");
  assertEquals(model.call(torch.ones([2, 2], { dtype: "float64" })).dtype, "float64");
  assertEquals(model.half().weight!.dtype, "float16");
  assertEquals(model.to("bfloat16").weight!.dtype, "bfloat16");
  assertThrows(() => model.to("int64"), TypeError, "int64");
});

Deno.test("nn.Module: train, eval, apply, requiresGrad_, and paths", () => {
  const model = new Model();
  model.eval();
  assert([...model.modules()].every((module) => !module.training));
  model.train();
  assert([...model.modules()].every((module) => module.training));
  const order: string[] = [];
  new nn.Sequential(new nn.ReLU(), new nn.Sequential(new nn.Tanh())).apply((m) => order.push(m.constructor.name));
  assertEquals(order, ["ReLU", "Tanh", "Sequential", "Sequential"]);
  model.requiresGrad_(false);
  assert([...model.parameters()].every((parameter) => !parameter.requiresGrad));
  assertStrictEquals(model.getSubmodule("list.1"), model.list[1]);
  assertStrictEquals(model.getParameter("q.a"), model.q.get("a"));
  assertStrictEquals(model.getBuffer("bn.running_var"), model.bn.running_var!);
  assertThrows(() => model.getSubmodule("list.9"), RangeError, "ModuleList has no attribute 9: list.9");
  assertThrows(() => model.getParameter("bn.running_var"), RangeError, "Model has no parameter bn.running_var");
});

Deno.test("nn.Module refuses names that are taken or have dots", () => {
  const model = new Counter();
  assertThrows(() => model.registerBuffer("a.b", torch.zeros([1])), RangeError, "can't have a dot: a.b");
  assertThrows(() => model.registerBuffer("", torch.zeros([1])), RangeError, "can't be empty");
  assertThrows(() => model.registerBuffer("forward", torch.zeros([1])), RangeError, "has an attribute forward already");
  assertThrows(() => new nn.ModuleDict({ keys: new nn.ReLU() }), RangeError, "has an attribute keys already");
  model.registerModule("extra", new nn.Linear(1, 1));
  assertEquals([...model.namedParameters()].map(([name]) => name), ["extra.weight", "extra.bias"]);
});

Deno.test("nn containers: lists, names and their order", () => {
  const named = new nn.Sequential(new Map<string, nn.Module>([["second", new nn.Linear(2, 3)], ["10", new nn.ReLU()]]));
  assertEquals([...named.namedChildren()].map(([name]) => name), ["second", "10"]);
  assertEquals(named.call(torch.ones([1, 2])).shape, [1, 3]);
  const list = new nn.ModuleList<nn.Module>([new nn.ReLU(), new nn.Tanh()]);
  list.append(new nn.Sigmoid()).insert(0, new nn.Identity());
  assertEquals([...list].map((m) => m.constructor.name), ["Identity", "ReLU", "Tanh", "Sigmoid"]);
  assertEquals(list.at(-1)?.constructor.name, "Sigmoid");
  list[1] = new nn.GELU();
  assertEquals(list.pop(2).constructor.name, "Tanh");
  assertEquals([...list.namedChildren()].map(([name, m]) => `${name} ${m.constructor.name}`), [
    ...["0 Identity", "1 GELU", "2 Sigmoid"],
  ]);
  assertThrows(() => (list as nn.Module).call(), TypeError, 'Module [ModuleList] is missing the required "forward"');
  const dict = new nn.ModuleDict<nn.Module>({ a: new nn.ReLU() });
  dict.set("1", new nn.Tanh()).update({ a: new nn.GELU() });
  assertEquals([...dict.entries()].map(([name, m]) => `${name} ${m.constructor.name}`), ["a GELU", "1 Tanh"]);
  assertThrows(() => dict.get("b"), RangeError, "ModuleDict has no module b: it has a, 1");
});

Deno.test("nn.deepcopy: parameters of its own, ties kept", () => {
  const layer = new nn.TransformerEncoderLayer(4, 2, 8);
  layer.linear2.bias = layer.norm1.bias as nn.Parameter;
  const copy = nn.deepcopy(layer).eval();
  layer.eval();
  assertEquals(String(copy), String(layer));
  assertStrictEquals(copy.linear2.bias, copy.norm1.bias);
  assert(copy.linear1.weight !== layer.linear1.weight);
  const x = torch.ones([3, 1, 4]);
  const expected = layer.call(x).data();
  assertEquals(copy.call(x).data(), expected);
  copy.linear1.weight.detach().zero_();
  assertEquals(layer.call(x).data(), expected);
});

Deno.test("nn in fake mode allocates nothing, and takes weights later", () => {
  const [size, wide] = [16384, 262144];
  let model: nn.TransformerEncoderLayer;
  {
    using _ = enableFakeMode();
    // Nearly ten billion parameters: 38 GB that no test has.
    model = new nn.TransformerEncoderLayer(size, 16, wide);
  }
  const count = [...model.parameters()].reduce((sum, parameter) => sum + parameter.numel(), 0);
  assertEquals(count, 4 * size * size + 4 * size + 2 * size * wide + wide + size + 4 * size);
  let small: nn.Linear;
  {
    using _ = enableFakeMode();
    small = new nn.Linear(2, 1);
  }
  small.loadStateDict({ weight: torch.ones([1, 2]), bias: torch.zeros([1]) });
  assertEquals([...small.call(torch.ones([1, 2])).data() as Float32Array], [2]);
});

Deno.test("nn layers refuse what they can't be or take", () => {
  const x = torch.ones([2, 3, 4]);
  const cases: Array<[() => unknown, string]> = [
    [() => new nn.Conv2d(3, 4, 3, { groups: 2 }), "inChannels of Conv2d must be divisible by groups: 3 and 2"],
    [
      () => new nn.Conv2d(3, 4, 3, { padding: "same", stride: 2 }),
      'padding "same" of Conv2d is not possible with a stride',
    ],
    [() => new nn.Conv2d(3, 4, [1, 2, 3]), "kernelSize of Conv2d must be a number or 2 numbers, got [1, 2, 3]"],
    [() => new nn.BatchNorm2d(3).call(x), "BatchNorm2d takes 4D input, got 3D"],
    [() => new nn.GroupNorm(2, 3), "numChannels of GroupNorm must be divisible by numGroups: 3 and 2"],
    [() => new nn.Dropout(1.5), "p of Dropout must be between 0 and 1, got 1.5"],
    [() => new nn.Embedding(3, 2, { paddingIdx: 3 }), "paddingIdx of Embedding must be within numEmbeddings: 3 and 3"],
    [() => new nn.MultiheadAttention(8, 3), "embedDim of MultiheadAttention must be divisible by numHeads: 8 and 3"],
    [() => new nn.LSTM(3, 4, { projSize: 4 }), "projSize of LSTM must be 0 or smaller than hiddenSize, 4, got 4"],
    [() => new nn.GRU(3, 4).call(x), "The last dim of the input of GRU must be inputSize, 3, got 4"],
    [() => new nn.MaxPool2d(2, 2, { stride: 3 }), "MaxPool2d was given stride by position and in its options"],
    [() => new nn.Hardtanh(1, 0), "maxVal of Hardtanh must be larger than minVal: 0 and 1"],
  ];
  for (const [make, message] of cases) {
    const error = assertThrows(make) as Error;
    assert(error.message.includes(message), `${error.message} has no "${message}"`);
  }
});
