/** Programs that mix what the other suites have one by one. */
import { nn, type Tensor, torch } from "../../../torch.ts";
import { Dim } from "../../../mod.ts";
import { type Case, check } from "./harness.ts";

const ramp = (n: number, m: number): Tensor => torch.arange(0, n * m).reshape([n, m]).to("float32").sub(3);
const [positive, negative] = [ramp(3, 4), ramp(3, 4).mul(-1)];
const n = new Dim("n");
const sizes = [3, 5, 1, 2].map((k) => [ramp(k, 4)]);

class Decoder extends nn.Module {
  cell = new nn.GRUCell(4, 4);
  out = new nn.Linear(4, 4);

  override forward(x: Tensor, limit: Tensor): { h: Tensor; steps: Tensor } {
    let h = x.mul(0);
    let steps = 0;
    while (h.abs().sum().item() < limit.item()) {
      h = this.cell.call(x, h) as Tensor;
      if (++steps >= 6) break;
    }
    return { h: this.out.call(h), steps: torch.full([1], steps) };
  }
}

class Recurrent extends nn.Module {
  cell = new nn.LSTMCell(4, 4);

  override forward(x: Tensor): { ys: Tensor; h: Tensor; c: Tensor } {
    let h = torch.zeros([4]), c = torch.zeros([4]);
    const ys: Tensor[] = [];
    for (const row of x) {
      [h, c] = this.cell.call(row, [h, c]) as [Tensor, Tensor];
      ys.push(h);
    }
    return { ys: torch.stack(ys), h, c };
  }
}

class Statistics extends nn.Module {
  norm = new nn.BatchNorm1d(4);

  override forward(x: Tensor): [Tensor, Tensor] {
    let y = x;
    if (x.sum().item() > 0) y = this.norm.call(x);
    return [y, this.norm.running_mean!.add(0)];
  }
}

const cases: Record<string, Case> = {
  "a search that ends early": {
    model: (x: Tensor, goal: Tensor) => {
      const find = (rows: Tensor): number => {
        for (let i = 0; i < rows.shape[0]; i++) {
          if (rows.select(0, i).sum().item() > goal.item()) return i;
        }
        return -1;
      };
      const at = find(x);
      if (at === -1) return x.sum(0);
      return x.select(0, at).mul(at + 1);
    },
    inputs: sizes.flatMap(([x]) => [[x, torch.tensor(20)], [x, torch.tensor(1000)]]),
    dynamicShapes: [{ 0: n }, null],
  },
  "a decoder with a limit": {
    model: new Decoder().eval(),
    inputs: [[positive, torch.tensor(1.5)], [positive, torch.tensor(1e6 + 0.5)], [positive, torch.tensor(-1.5)]],
  },
  "running statistics that a branch changes": {
    model: new Statistics(),
    make: () => new Statistics(),
    inputs: [[positive], [negative]],
  },
  "statistics that no branch changes": {
    model: new Statistics().eval(),
    inputs: [[positive], [negative]],
    nodes: ["!copy_"],
  },
  "a recurrent network": { model: new Recurrent().eval(), inputs: sizes, dynamicShapes: [{ 0: n }] },
  "a loop that counts down and pushes": {
    model: (x: Tensor) => {
      const ys: Tensor[] = [];
      for (let i = x.shape[0] - 1; i >= 0; i--) ys.push(x.select(0, i));
      return torch.stack(ys);
    },
    inputs: sizes,
    dynamicShapes: [{ 0: n }],
  },
  "a map that a loop changes": {
    model: (x: Tensor) => {
      const state = new Map<string, Tensor>([["a", x.sum()]]);
      while (state.get("a")!.item() < 100) state.set("a", state.get("a")!.mul(2).add(1));
      return state.get("a")!;
    },
    inputs: [[positive], [negative.mul(-4)]],
  },
  "elements that change places": {
    model: (x: Tensor) => {
      const hs = [x, x.mul(2)];
      for (let i = 0; i < x.shape[0]; i++) [hs[0], hs[1]] = [hs[1], hs[0].add(i)];
      return hs;
    },
    inputs: sizes,
    dynamicShapes: [{ 0: n }],
  },
  "a tensor that shrinks": {
    model: (x: Tensor) => {
      while (x.shape[0] > 1) x = x.narrow(0, 0, Math.ceil(x.shape[0] / 2)).add(1);
      return x;
    },
    inputs: sizes,
    dynamicShapes: [{ 0: n }],
  },
  "a first place that is found": {
    model: (x: Tensor) => {
      let found = false;
      let at = -1;
      for (let i = 0; i < x.shape[0]; i++) {
        if (!found && x.select(0, i).max().item() > 4) {
          found = true;
          at = i;
        }
      }
      return found ? x.add(at) : x.sub(1);
    },
    inputs: sizes,
    dynamicShapes: [{ 0: n }],
  },
  "a number of elements that depends on data": {
    model: (x: Tensor) => {
      const places = x.gt(0).nonzero();
      if (places.shape[0] > 2) return places.sum().to("float32");
      return x.sum();
    },
    inputs: [[positive], [negative], [ramp(1, 4)]],
    dynamicShapes: [{ 0: n }],
  },
  "a continue in a do while loop": {
    model: (x: Tensor) => {
      let k = 0;
      do {
        k++;
        if (k % 2 === 1) continue;
        x = x.mul(2);
      } while (x.sum().item() < 200 && k < 9);
      return x.add(k);
    },
    inputs: [[positive], [negative], [positive.mul(20)]],
  },
  "a finally that runs whichever way": {
    model: (x: Tensor) => {
      const log: number[] = [];
      const f = (y: Tensor): Tensor => {
        try {
          if (y.sum().item() > 0) return y.mul(2);
          return y.mul(3);
        } finally {
          log.push(1);
        }
      };
      return f(x).add(log.length);
    },
    inputs: [[positive], [negative]],
  },
  "an error inside a loop over a size": {
    model: (x: Tensor) => {
      for (let i = 0; i < x.shape[0]; i++) {
        if (x.select(0, i).sum().item() < -1000) throw new Error("bad row " + i);
        x = x.add(1);
      }
      return x;
    },
    inputs: sizes,
    dynamicShapes: [{ 0: n }],
  },
  "closures inside a loop over a size": {
    model: (x: Tensor) => {
      let s = torch.zeros([4]);
      for (let i = 0; i < x.shape[0]; i++) {
        const scaled = (k: number): Tensor => x.select(0, i).mul(k + i);
        s = s.add(scaled(1)).add(scaled(2));
      }
      return s;
    },
    inputs: sizes,
    dynamicShapes: [{ 0: n }],
  },
  "a loop that pushes and keeps a maximum": {
    model: (x: Tensor) => {
      const all: Tensor[] = [];
      let best = x.select(0, 0);
      let where = 0;
      for (let i = 0; i < x.shape[0]; i++) {
        const row = x.select(0, i);
        if (row.sum().item() > best.sum().item()) {
          best = row;
          where = i;
        }
        all.push(best.add(where));
      }
      return { all: torch.stack(all), best, where: torch.full([1], where) };
    },
    inputs: [...sizes, [ramp(4, 4).mul(-1)]],
    dynamicShapes: [{ 0: n }],
  },
  "pushes in two loops": {
    model: (x: Tensor) => {
      const a: Tensor[] = [];
      for (const row of x) a.push(row.mul(2));
      const b: Tensor[] = [];
      for (const row of a) b.push(row.add(1), row.sub(1));
      return torch.stack(b).sum().add(torch.cat(a).sum()).add(b.length);
    },
    inputs: sizes,
    dynamicShapes: [{ 0: n }],
  },
  "counters of several kinds": {
    model: (x: Tensor) => {
      let [up, down, half] = [0, 10, 1];
      let isOdd = false;
      while (x.abs().max().item() > 1) {
        x = x.mul(0.5);
        up += 2;
        down--;
        half /= 2;
        isOdd = !isOdd;
      }
      return isOdd ? x.add(up).sub(down) : x.mul(half);
    },
    inputs: [[positive], [negative.mul(3)], [positive.mul(0)]],
  },
  "a matrix that is filled": {
    model: (x: Tensor) => {
      const y = torch.zeros([x.shape[0], x.shape[0]]);
      for (let i = 0; i < x.shape[0]; i++) {
        for (let j = 0; j <= i; j++) {
          const d = x.select(0, i).sub(x.select(0, j)).abs().sum();
          if (d.item() > 10) y.select(0, i).select(0, j).copy_(d);
          else y.select(0, i).select(0, j).fill_(-1);
        }
      }
      return y.add(y.t());
    },
    inputs: sizes,
    dynamicShapes: [{ 0: n }],
  },
  "a branch inside a callback inside a loop": {
    model: (x: Tensor) => {
      let s = x.mul(0);
      for (const k of [1, 2, 3]) {
        const ys = [x, s].map((y) => {
          if (y.sum().item() > k * 10) return y.sub(k);
          return y.add(k);
        });
        s = ys[0].add(ys[1]);
      }
      return s;
    },
    inputs: [[positive], [negative]],
  },
  "a switch inside a loop over a size": {
    model: (x: Tensor) => {
      let s = torch.zeros([4]);
      for (let i = 0; i < x.shape[0]; i++) {
        const row = x.select(0, i);
        switch (i % 3) {
          case 0:
            s = s.add(row);
            break;
          case 1:
            s = s.sub(row);
            continue;
          default:
            s = s.mul(2);
        }
        s = s.add(1);
      }
      return s;
    },
    inputs: [...sizes, [ramp(7, 4)]],
    dynamicShapes: [{ 0: n }],
  },
  "an object whose fields are set by conditions": {
    model: (x: Tensor) => {
      const state: { y: Tensor; flags: { isLarge: boolean; level: number } } = {
        y: x,
        flags: { isLarge: false, level: 0 },
      };
      if (x.max().item() > 5) {
        state.flags.isLarge = true;
        state.flags.level += 2;
      }
      if (x.min().item() < -5) state.flags.level += 5;
      if (state.flags.isLarge) state.y = state.y.mul(state.flags.level);
      return state.y.add(state.flags.level);
    },
    inputs: [[positive], [negative], [positive.mul(0.1)], [positive.sub(4)]],
  },
  "conditions on two tensors' sizes and values": {
    model: (x: Tensor, y: Tensor) => {
      const short = Math.min(x.shape[0], y.shape[0]);
      const a = x.narrow(0, 0, short), b = y.narrow(0, 0, short);
      if (short > 2 || a.sum().item() > b.sum().item()) return a.add(b);
      return a.sub(b);
    },
    inputs: [[ramp(3, 4), ramp(5, 4)], [ramp(2, 4), ramp(5, 4)], [ramp(1, 4), ramp(1, 4).sub(5)]],
    dynamicShapes: [{ 0: n }, { 0: new Dim("m") }],
  },
  "recursion that ends by a tensor": {
    model: (x: Tensor) => {
      const shrink = (y: Tensor, depth: number): Tensor => {
        if (depth === 4 || y.abs().max().item() < 2) return y.add(depth);
        return shrink(y.mul(0.5), depth + 1);
      };
      return shrink(x, 0);
    },
    inputs: [[positive], [positive.mul(0.1)], [positive.mul(100)]],
  },
};

for (const [name, one] of Object.entries(cases)) {
  Deno.test(`strict capture of ${name}`, async () => {
    await check(one);
  });
}
