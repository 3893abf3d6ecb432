/** Loops: of known numbers of turns, with tensor conditions, and over sizes. */
import { assertEquals } from "@std/assert";
import { type Tensor, torch } from "../../../torch.ts";
import { Dim, FxGraph } from "../../../mod.ts";
import { captureStrictly, type Case, check } from "./harness.ts";

const ramp = (n: number, m: number): Tensor => torch.arange(0, n * m).reshape([n, m]).to("float32").sub(3);
const [positive, negative] = [ramp(3, 4), ramp(3, 4).mul(-1)];
const n = new Dim("n");
const sizes = [3, 5, 1, 2].map((k) => [ramp(k, 4)]);

const cases: Record<string, Case> = {
  "a loop of a known number of turns": {
    model: (x: Tensor) => {
      for (let i = 0; i < 3; i++) x = x.add(i);
      return x;
    },
    inputs: [[positive]],
    nodes: ["!while_loop"],
  },
  "a loop with a tensor condition": {
    model: (x: Tensor) => {
      while (x.sum().item() < 100) x = x.mul(2);
      return x;
    },
    inputs: [[positive], [positive.mul(100)], [ramp(5, 4)]],
    dynamicShapes: [{ 0: n }],
    nodes: ["higher_order.while_loop"],
  },
  "a loop that counts its turns": {
    model: (x: Tensor) => {
      let turns = 0;
      let y = x;
      while (y.abs().max().item() > 1) {
        y = y.mul(0.5);
        turns++;
      }
      return [y, torch.full([2], turns)];
    },
    inputs: [[positive], [negative], [positive.mul(0)]],
  },
  "a do while loop": {
    model: (x: Tensor) => {
      let k = 0;
      do {
        x = x.mul(2);
        k += 2;
      } while (x.sum().item() < 100);
      return x.add(k);
    },
    inputs: [[positive], [positive.mul(1000)]],
  },
  "a loop with a break": {
    model: (x: Tensor) => {
      let i = 0;
      while (true) {
        x = x.mul(2);
        if (x.sum().item() > 100) break;
        i++;
      }
      return x.add(i);
    },
    inputs: [[positive], [positive.mul(1000)]],
  },
  "a loop with a continue": {
    model: (x: Tensor) => {
      let s = x.sum().mul(0);
      for (let i = 0; i < x.shape[0]; i++) {
        const row = x.select(0, i);
        if (row.sum().item() < 0) continue;
        s = s.add(row.sum());
      }
      return s;
    },
    inputs: [...sizes, [ramp(5, 4).mul(-1)]],
    dynamicShapes: [{ 0: n }],
  },
  "a loop with a return": {
    model: (x: Tensor) => {
      for (let i = 0; i < x.shape[0]; i++) {
        const row = x.select(0, i);
        if (row.sum().item() > 20) return row.mul(i + 1);
      }
      return x.select(0, 0).mul(-1);
    },
    inputs: sizes,
    dynamicShapes: [{ 0: n }],
  },
  "an unrolled loop with a return": {
    model: (x: Tensor) => {
      for (let i = 0; i < 4; i++) {
        if (x.sum().item() > 100) return x.add(i);
        x = x.mul(2);
      }
      return x;
    },
    inputs: [[positive], [positive.mul(100)], [negative]],
  },
  "an unrolled loop with break and continue": {
    model: (x: Tensor) => {
      let s = 0;
      for (let i = 0; i < 4; i++) {
        x = x.add(1);
        if (x.min().item() > 0) continue;
        if (x.sum().item() > 60) break;
        s += i;
      }
      return x.add(s);
    },
    inputs: [[positive], [positive.mul(5)], [negative]],
  },
  "a loop over a size": {
    model: (x: Tensor) => {
      let s = torch.zeros([4]);
      for (let i = 0; i < x.shape[0]; i++) s = s.mul(0.5).add(x.select(0, i));
      return s;
    },
    inputs: sizes,
    dynamicShapes: [{ 0: n }],
  },
  "a loop over rows": {
    model: (x: Tensor) => {
      let s = torch.zeros([4]);
      for (const row of x) s = s.mul(0.5).add(row);
      return s;
    },
    inputs: sizes,
    dynamicShapes: [{ 0: n }],
  },
  "a loop over rows of a static tensor": {
    model: (x: Tensor) => {
      let s = torch.zeros([4]);
      for (const row of x) s = s.mul(0.5).add(row);
      return s;
    },
    inputs: [[positive], [negative]],
    nodes: ["!while_loop"],
  },
  "a loop that pushes": {
    model: (x: Tensor) => {
      const ys: Tensor[] = [];
      let h = torch.zeros([4]);
      for (let i = 0; i < x.shape[0]; i++) {
        h = h.mul(0.5).add(x.select(0, i)).tanh();
        ys.push(h);
      }
      return [torch.stack(ys), h];
    },
    inputs: sizes,
    dynamicShapes: [{ 0: n }],
    nodes: ["higher_order.scan"],
  },
  "a loop over rows that pushes": {
    model: (x: Tensor) => {
      const ys = [x.select(0, 0).mul(0)];
      for (const row of x) ys.push(row.add(ys.length === 0 ? 1 : 2));
      return torch.stack(ys, 1);
    },
    inputs: [],
  },
  "pushed rows beside others": {
    model: (x: Tensor) => {
      const ys = [x.select(0, 0).mul(0)];
      for (const row of x) ys.push(row.add(1));
      return torch.stack(ys, 1).mul(ys.length);
    },
    inputs: sizes,
    dynamicShapes: [{ 0: n }],
    nodes: ["higher_order.scan"],
  },
  "pushed pieces that are joined": {
    model: (x: Tensor) => {
      const ys: Tensor[] = [];
      for (let i = x.shape[0] - 1; i >= 0; i--) ys.push(x.narrow(0, i, 1));
      return torch.cat(ys);
    },
    inputs: [],
  },
  "pieces of a step": {
    model: (x: Tensor) => {
      const ys: Tensor[] = [];
      for (let i = 0; i < x.shape[0]; i += 2) ys.push(x.narrow(0, i, 1));
      return torch.cat(ys, 0);
    },
    inputs: sizes,
    dynamicShapes: [{ 0: n }],
  },
  "a conditional inside a loop inside a conditional": {
    model: (x: Tensor) => {
      if (x.sum().item() > 0) {
        for (let i = 0; i < x.shape[0]; i++) {
          if (x.select(0, i).sum().item() > 10) x = x.mul(1.5);
          else x = x.add(1);
        }
      }
      return x;
    },
    inputs: [...sizes, [negative]],
    dynamicShapes: [{ 0: n }],
  },
  "nested loops over sizes": {
    model: (x: Tensor) => {
      let s = x.sum().mul(0);
      for (let i = 0; i < x.shape[0]; i++) {
        for (let j = 0; j < x.shape[1]; j++) {
          if (i === j) continue;
          s = s.add(x.select(0, i).select(0, j).mul(i + 2 * j));
        }
      }
      return s;
    },
    inputs: [[ramp(3, 4)], [ramp(2, 5)], [ramp(4, 2)]],
    dynamicShapes: [{ 0: n, 1: new Dim("m") }],
  },
  "labels": {
    model: (x: Tensor) => {
      let s = x.sum().mul(0);
      outer: for (let i = 0; i < 3; i++) {
        for (let j = 0; j < 3; j++) {
          const e = x.select(0, i).select(0, j);
          if (e.item() > 6) break outer;
          if (e.item() < 0) continue outer;
          s = s.add(e.mul(10)).add(j);
        }
      }
      return s;
    },
    inputs: [[positive], [negative], [positive.add(4)]],
  },
  "labels of loops over sizes": {
    model: (x: Tensor) => {
      let s = x.sum().mul(0);
      outer: for (let i = 0; i < x.shape[0]; i++) {
        for (let j = 0; j < x.shape[1]; j++) {
          const e = x.select(0, i).select(0, j);
          if (e.item() > 6) break outer;
          if (e.item() < 0) continue outer;
          s = s.add(e.mul(10)).add(j);
        }
      }
      return s;
    },
    inputs: [[positive], [negative], [ramp(5, 2).add(4)]],
    dynamicShapes: [{ 0: n, 1: new Dim("m") }],
  },
  "a counter that doubles": {
    model: (x: Tensor) => {
      for (let step = 1; step < x.shape[0]; step *= 2) x = x.add(x.roll([step], [0]));
      return x;
    },
    inputs: [...sizes, [ramp(9, 4)]],
    dynamicShapes: [{ 0: n }],
  },
  "state in an object": {
    model: (x: Tensor) => {
      const state = { h: x.mul(0), c: x, turns: 0 };
      while (state.c.sum().item() > 1) {
        state.h = state.h.add(state.c);
        state.c = state.c.mul(0.5);
        state.turns += 1;
      }
      return [state.h, state.c.add(state.turns)];
    },
    inputs: [[positive], [negative], [positive.mul(10)]],
  },
  "state that is made anew": {
    model: (x: Tensor) => {
      let state = { h: [x.mul(0), x.mul(1)], c: x };
      while (state.c.sum().item() > 1) {
        state = { h: [state.h[1], state.h[0].add(state.c)], c: state.c.mul(0.5) };
      }
      return [state.h, state.c];
    },
    inputs: [[positive], [negative]],
  },
  "a tensor that is written to": {
    model: (x: Tensor) => {
      const y = torch.zeros([x.shape[0], 2]);
      for (let i = 0; i < x.shape[0]; i++) {
        y.select(0, i).fill_(1).mul_(x.select(0, i).sum());
      }
      return y;
    },
    inputs: sizes,
    dynamicShapes: [{ 0: n }],
  },
  "a tensor that grows": {
    model: (x: Tensor) => {
      let y = x;
      while (y.sum().item() < 100) y = torch.cat([y, y.add(1)], 0);
      return y;
    },
    inputs: [[positive], [positive.mul(100)]],
  },
  "a number that becomes a float": {
    model: (x: Tensor) => {
      let scale = 1;
      while (x.sum().item() * scale > 1) scale = scale / 2;
      return x.mul(scale);
    },
    inputs: [[positive], [negative]],
  },
  "a variable that is set in the loop": {
    model: (x: Tensor) => {
      let last: Tensor;
      do {
        last = x;
        x = x.mul(2);
      } while (x.sum().item() < 100);
      return last.add(x);
    },
    inputs: [[positive]],
  },
  "a loop over an array of tensors": {
    model: (xs: Tensor[]) => {
      let s = xs[0].mul(0);
      for (const x of xs) {
        if (x.sum().item() > 0) s = s.add(x);
        else s = s.sub(x);
      }
      return s;
    },
    inputs: [[[positive, negative, positive]], [[negative, negative, positive]]],
  },
};

for (const [name, one] of Object.entries(cases)) {
  if (one.inputs.length === 0) continue;
  Deno.test(`strict capture of ${name}`, async () => {
    await check(one);
  });
}

Deno.test("strict capture keeps a loop's condition out of its body", async () => {
  const { graph } = await captureStrictly((x: Tensor, limit: Tensor) => {
    while (x.sum().item() < limit.item()) x = x.mul(2);
    return x;
  }, [positive, torch.tensor(100)]);
  const loop = graph.nodes().find(({ target }) => target.endsWith("while_loop"))!;
  const [condition, body] = loop.args.filter((arg) => arg instanceof FxGraph);
  const targets = (graph: FxGraph): string[] => [...graph.nodes()].map(({ target }) => target);
  assertEquals(targets(body), ["torch.ops.aten.mul.Tensor"]);
  assertEquals(targets(condition).includes("torch.ops.aten.sum.default"), true);
});
