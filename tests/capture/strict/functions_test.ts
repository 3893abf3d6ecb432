/** Functions, closures, classes and containers on the way of symbolic conditions. */
import { F, nn, type Tensor, torch } from "../../../torch.ts";
import { Dim } from "../../../mod.ts";
import { type Case, check } from "./harness.ts";

const ramp = (n: number, m: number): Tensor => torch.arange(0, n * m).reshape([n, m]).to("float32").sub(3);
const [positive, negative] = [ramp(3, 4), ramp(3, 4).mul(-1)];
const n = new Dim("n");
const factor = 3;
const table: Record<string, number> = { small: 2, large: 5 };

function gate(x: Tensor, by = factor): Tensor {
  if (x.sum().item() > 0) return x.mul(by);
  return x;
}

const isLarge = (x: Tensor): boolean => x.abs().max().item() > 6;

function power(x: Tensor, k: number): Tensor {
  if (k === 0) return torch.ones(x.shape);
  const half = power(x, Math.floor(k / 2));
  return k % 2 === 0 ? half.mul(half) : half.mul(half).mul(x);
}

class Gate extends nn.Module {
  fc = new nn.Linear(4, 4);
  threshold: number;

  constructor(threshold = 0) {
    super();
    this.threshold = threshold;
  }

  get limit(): number {
    return this.threshold > 0 ? this.threshold : 0;
  }

  static halve(x: Tensor): Tensor {
    return x.sum().item() > 0 ? x.mul(0.5) : x;
  }

  protected choose(x: Tensor): Tensor {
    if (x.sum().item() > this.limit) return this.fc.call(x);
    return x;
  }

  override forward(x: Tensor): Tensor {
    return Gate.halve(this.choose(x));
  }
}

class DoubleGate extends Gate {
  protected override choose(x: Tensor): Tensor {
    const y = super.choose(x);
    if (y.min().item() < 0) return y.relu();
    return y;
  }
}

class Stack extends nn.Module {
  layers = new nn.ModuleList([new Gate(), new DoubleGate(4), new Gate(100)]);
  tail = new nn.Sequential(new Gate(2), new nn.ReLU());
  last: Tensor | null = null;
  act = (x: Tensor): Tensor => x.sum().item() > 0 ? x : x.mul(this.layers.length);

  override forward(x: Tensor): Tensor {
    for (const layer of this.layers) x = layer.call(x as never) as Tensor;
    if (x.sum().item() > 1) this.last = x.mul(2);
    else this.last = x.mul(3);
    return this.tail.call(this.act(this.last));
  }
}

class Counter extends nn.Module {
  count = this.registerBuffer("count", torch.zeros([1]));

  override forward(x: Tensor): Tensor {
    if (x.sum().item() > 0) this.count = this.count.add(1);
    return x.add(this.count);
  }
}

class Memory {
  items: Tensor[] = [];
  total: Tensor;

  constructor(x: Tensor) {
    this.total = x.sum().item() > 0 ? x.mul(0) : x;
  }

  add(x: Tensor): this {
    if (x.mean().item() > 0) this.total = this.total.add(x);
    this.items.push(x);
    return this;
  }
}

const cases: Record<string, Case> = {
  "a helper function": {
    model: (x: Tensor) => gate(gate(x), 2),
    inputs: [[positive], [negative]],
  },
  "a helper that gives a truth": {
    model: (x: Tensor) => isLarge(x) ? x.sub(1) : x.add(1),
    inputs: [[positive], [positive.mul(0.1)]],
  },
  "recursion": {
    model: (x: Tensor) => power(x, 5),
    inputs: [[positive]],
    nodes: ["!cond"],
  },
  "closures that change a variable": {
    model: (x: Tensor) => {
      let total = x.mul(0);
      let calls = 0;
      const add = (y: Tensor): void => {
        total = total.add(y);
        calls++;
      };
      if (x.sum().item() > 0) add(x);
      else {
        add(x.neg());
        add(x);
      }
      return total.add(calls);
    },
    inputs: [[positive], [negative]],
  },
  "a function that is chosen": {
    model: (x: Tensor, name: string) => {
      const fns: Record<string, (x: Tensor) => Tensor> = { relu: (y) => y.relu(), gate, neg: (y) => y.neg() };
      const f = fns[name];
      if (x.max().item() > 5) return f(x);
      return fns.neg(x);
    },
    inputs: [[positive, "gate"], [negative, "gate"]],
  },
  "callbacks of arrays": {
    model: (x: Tensor) => {
      const parts = [0, 1, 2].map((i) => x.select(0, i));
      const gated = parts.map((part) => part.sum().item() > 0 ? part : part.mul(-2));
      return gated.reduce((a, b) => a.add(b)).add(parts.length);
    },
    inputs: [[positive], [negative]],
  },
  "some and every": {
    model: (x: Tensor) => {
      const parts = [0, 1, 2].map((i) => x.select(0, i));
      let y = x;
      if (parts.some((p) => p.sum().item() > 25)) y = y.add(1);
      if (parts.every((p) => p.sum().item() > -10)) y = y.mul(2);
      return y;
    },
    inputs: [[positive], [negative], [positive.mul(0.1)]],
  },
  "destructuring and defaults": {
    model: ({ x, scale = 2 }: { x: Tensor; scale?: number }, [a, b]: [Tensor, Tensor]) => {
      let { y, z } = { y: a, z: b };
      if (x.sum().item() > 0) [y, z] = [z, y];
      else ({ y = z, z } = { z: x });
      return { y: y.mul(scale), rest: [z] };
    },
    inputs: [[{ x: positive }, [positive, negative]], [{ x: negative }, [positive, negative]]],
  },
  "spread": {
    model: (...xs: Tensor[]) => {
      const all = [...xs, xs[0].add(1)];
      const options: Record<string, number> = { ...table, small: 7 };
      return all.map((x) => x.sum().item() > 0 ? x.mul(options.small) : x.mul(options.large));
    },
    inputs: [[positive, negative], [negative, positive]],
  },
  "a map of tensors": {
    model: (x: Tensor) => {
      const state = new Map<string, Tensor>([["h", x.mul(0)], ["c", x]]);
      for (let i = 0; i < 2; i++) {
        const key = `c${i}`;
        state.set(key, x.add(i));
        if (x.sum().item() > i) state.set("h", state.get("h")!.add(state.get(key)!));
        else state.set("c", state.get("c")!.mul(2));
      }
      return [...state.values()];
    },
    inputs: [[positive], [negative]],
  },
  "a set of names": {
    model: (x: Tensor) => {
      const done = new Set<string>();
      for (const name of ["a", "b", "a"]) {
        if (done.has(name)) continue;
        done.add(name);
        x = gate(x.add(1));
      }
      return x.add(done.size);
    },
    inputs: [[positive], [negative]],
  },
  "an array that is changed": {
    model: (x: Tensor) => {
      const xs = [x, x.add(1), x.add(2)];
      if (x.sum().item() > 0) {
        xs[1] = xs[1].mul(2);
        xs.push(xs[0]);
      } else {
        xs.reverse();
        xs.push(x.neg());
      }
      return torch.stack(xs).mul(xs.length);
    },
    inputs: [[positive], [negative]],
  },
  "objects that are returned": {
    model: (x: Tensor) => {
      const make = (y: Tensor): { a: Tensor; b: [Tensor, number] } => {
        if (y.sum().item() > 0) return { a: y, b: [y.mul(2), 1] };
        return { a: y.neg(), b: [y.mul(3), 1] };
      };
      const { a, b: [c, k] } = make(x);
      return a.add(c).mul(k);
    },
    inputs: [[positive], [negative]],
  },
  "objects of a class": {
    model: (x: Tensor) => {
      const memory = new Memory(x);
      memory.add(x).add(x.neg());
      return [memory.total, torch.stack(memory.items)];
    },
    inputs: [[positive], [negative]],
  },
  "optional chaining": {
    model: (x: Tensor, options: { scale?: { by: Tensor } } | null) => {
      const by = options?.scale?.by ?? x;
      return x.sum().item() > 0 ? x.mul(by) : x;
    },
    inputs: [[positive, { scale: { by: negative } }], [negative, { scale: { by: negative } }]],
  },
  "a switch over texts": {
    model: (x: Tensor, mode: string) => {
      switch (mode) {
        case "gate":
          return gate(x);
        default:
          return x;
      }
    },
    inputs: [[positive, "gate"], [negative, "gate"]],
  },
  "try, catch and finally": {
    model: (x: Tensor) => {
      let y = x;
      try {
        if (x.shape.length > 5) throw new Error("many dims");
        y = gate(y);
        JSON.parse("{");
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        y = y.add(1);
      } finally {
        y = y.mul(2);
      }
      return y;
    },
    inputs: [[positive], [negative]],
  },
  "functions of torch.nn.functional": {
    model: (x: Tensor) => {
      const y = F.softmax(x, -1);
      return y.max().item() > 0.5 ? F.relu(x) : F.gelu(y);
    },
    inputs: [[positive], [positive.mul(0.01)]],
  },
  "Math on sizes": {
    model: (x: Tensor) => {
      const half = Math.floor(x.shape[0] / 2), up = Math.ceil(x.shape[0] / 2);
      return torch.cat([x.narrow(0, 0, Math.max(half, 1)), x.narrow(0, x.shape[0] - up, up)], 0).mul(x.shape[0] % 3);
    },
    inputs: [[ramp(4, 4)], [ramp(5, 4)], [ramp(9, 4)]],
    dynamicShapes: [{ 0: new Dim("n", { min: 2 }) }],
  },
  "a module with methods, getters and static members": {
    model: new Gate(1).eval(),
    inputs: [[positive], [negative]],
    dynamicShapes: [{ 0: n }],
  },
  "a module that extends another": {
    model: new DoubleGate().eval(),
    inputs: [[positive], [negative]],
  },
  "modules in modules": {
    model: new Stack().eval(),
    inputs: [[positive], [negative]],
  },
  "a buffer that a branch changes": {
    model: new Counter(),
    make: () => new Counter(),
    inputs: [[positive], [negative]],
  },
};

for (const [name, one] of Object.entries(cases)) {
  Deno.test(`strict capture of ${name}`, async () => {
    await check(one);
  });
}
