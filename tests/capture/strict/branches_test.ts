// deno-lint-ignore-file no-fallthrough -- programs of any style are captured
/** Conditions on tensors and sizes: every side of every branch gives what the function gives. */
import { type Tensor, torch } from "../../../torch.ts";
import { Dim } from "../../../mod.ts";
import { type Case, check } from "./harness.ts";

const ones = (...shape: number[]): Tensor => torch.ones(shape);
const ramp = (n: number, m: number): Tensor => torch.arange(0, n * m).reshape([n, m]).to("float32").sub(3);
const [positive, negative] = [ramp(3, 4), ramp(3, 4).mul(-1)];
const larger = ramp(5, 4);
const n = new Dim("n");

const cases: Record<string, Case> = {
  "an if with an else": {
    model: (x: Tensor) => {
      let y: Tensor;
      if (x.sum().item() > 0) y = x.mul(2);
      else y = x.sub(1);
      return y;
    },
    inputs: [[positive], [negative], [larger], [larger.mul(-1)]],
    dynamicShapes: [{ 0: n }],
    nodes: ["higher_order.cond"],
  },
  "numbers as conditions, of which NaN is false": {
    model: (x: Tensor) => {
      const s = x.sum().item();
      let y = s ? x.mul(2) : x.nanToNum().sub(1);
      if (!s) y = y.add(10);
      if (s && y.nanToNum().sum().item()) y = y.add(100);
      if (s || x.nanToNum().sum().item()) y = y.add(1000);
      const isSet = Boolean(s);
      if (isSet) y = y.add(10000);
      return y;
    },
    inputs: [[positive], [positive.div(0)], [torch.zeros([3, 4])], [torch.zeros([3, 4]).div(0)], [negative]],
    nodes: ["higher_order.cond"],
  },
  "comparisons with NaN, none of which holds but that it differs": {
    model: (x: Tensor) => {
      const s = x.sum().item();
      let y = x.nanToNum();
      if (!(s > 0)) y = y.add(1);
      if (s <= 0) y = y.add(10);
      if (s === s) y = y.add(100);
      if (s !== 0) y = y.add(1000);
      if (s < 0 || s >= 0) y = y.add(10000);
      return y;
    },
    inputs: [[positive], [negative], [torch.zeros([3, 4]).div(0)], [torch.zeros([3, 4])]],
  },
  "an if without an else": {
    model: (x: Tensor) => {
      if (x.mean().item() > 0) x = x.add(10);
      return x;
    },
    inputs: [[positive], [negative]],
    nodes: ["higher_order.cond"],
  },
  "a tensor as the condition": {
    model: (x: Tensor) => {
      if (x.sum().gt(0).item()) return x.relu();
      return x.neg();
    },
    inputs: [[positive], [negative]],
  },
  "an else if": {
    model: (x: Tensor) => {
      const s = x.sum().item();
      if (s > 20) return x.mul(2);
      else if (s > 0) return x.mul(3);
      else return x.mul(4);
    },
    inputs: [[positive], [ones(3, 4)], [negative]],
  },
  "nested ifs": {
    model: (x: Tensor, y: Tensor) => {
      let z = x;
      if (x.sum().item() > 0) {
        if (y.sum().item() > 0) z = x.add(y);
        else z = x.sub(y);
        z = z.mul(2);
      } else {
        z = z.mul(y);
      }
      return z;
    },
    inputs: [[positive, positive], [positive, negative], [negative, positive], [negative, negative]],
  },
  "an early return": {
    model: (x: Tensor) => {
      if (x.sum().item() > 0) return x;
      const y = x.mul(-1);
      return y.add(1);
    },
    inputs: [[positive], [negative], [larger]],
    dynamicShapes: [{ 0: n }],
  },
  "early returns in a row": {
    model: (x: Tensor) => {
      const s = x.sum().item();
      if (s > 100) return x.mul(1);
      x = x.add(1);
      if (s > 10) return x.mul(2);
      x = x.add(1);
      if (s > -10) {
        return x.mul(3);
      }
      return x.mul(4);
    },
    inputs: [[positive], [positive.mul(10)], [ones(3, 4).mul(0)], [negative]],
  },
  "a return inside nested blocks": {
    model: (x: Tensor, y: Tensor) => {
      let z = x.mul(1);
      if (x.sum().item() > 0) {
        z = z.add(1);
        if (y.sum().item() > 0) return z;
        z = z.add(2);
      }
      z = z.mul(y);
      return z;
    },
    inputs: [[positive, positive], [positive, negative], [negative, positive], [negative, negative]],
  },
  "returns inside nested blocks on both sides": {
    model: (x: Tensor, y: Tensor) => {
      let k = 1;
      if (x.sum().item() > 0) {
        if (y.sum().item() > 0) return x.mul(100);
        k = 2;
      } else {
        if (y.sum().item() > 0) return x.mul(200);
        k = 3;
      }
      return x.mul(k);
    },
    inputs: [[positive, positive], [positive, negative], [negative, positive], [negative, negative]],
  },
  "a conditional expression": {
    model: (x: Tensor) => x.sum().item() > 0 ? x.exp() : x.mul(0.5),
    inputs: [[positive], [negative]],
  },
  "conditional expressions in one another": {
    model: (x: Tensor) => x.mul(x.max().item() > 5 ? (x.min().item() < -2 ? 2 : 3) : 4),
    inputs: [[positive], [positive.add(3)], [negative]],
  },
  "and": {
    model: (x: Tensor, y: Tensor) => {
      if (x.sum().item() > 0 && y.sum().item() > 0) return x.add(y);
      return x.sub(y);
    },
    inputs: [[positive, positive], [positive, negative], [negative, positive], [negative, negative]],
  },
  "or and not": {
    model: (x: Tensor, y: Tensor) => {
      if (!(x.sum().item() > 0 || !(y.sum().item() > 0))) return x.add(y);
      return x.sub(y);
    },
    inputs: [[positive, positive], [positive, negative], [negative, positive], [negative, negative]],
  },
  "a truth in a variable": {
    model: (x: Tensor) => {
      const isLarge = x.sum().item() > 0;
      const isFlat = x.max().item() === x.min().item();
      let y = x;
      if (isLarge && !isFlat) y = y.add(1);
      if (isLarge === isFlat) y = y.mul(5);
      return y;
    },
    inputs: [[positive], [negative], [ones(3, 4)], [ones(3, 4).mul(-1)]],
  },
  "numbers that differ": {
    model: (x: Tensor) => {
      let scale = 1;
      let shift = 0.5;
      if (x.sum().item() > 0) {
        scale = 3;
        shift = 2;
      }
      return x.mul(scale).add(shift);
    },
    inputs: [[positive], [negative]],
  },
  "compound assignments": {
    model: (x: Tensor) => {
      let a = 2;
      if (x.sum().item() > 0) {
        a += 3;
        a *= 2;
        a--;
      } else {
        a **= 3;
        ++a;
      }
      a -= 1;
      return x.mul(a);
    },
    inputs: [[positive], [negative]],
  },
  "a condition on a size": {
    model: (x: Tensor) => {
      if (x.shape[0] > 3) return x.mul(2);
      return x.mul(3);
    },
    inputs: [[positive], [larger], [ones(1, 4)]],
    dynamicShapes: [{ 0: n }],
    nodes: ["higher_order.cond"],
  },
  "conditions on two sizes": {
    model: (x: Tensor, y: Tensor) => {
      const [a, b] = [x.shape[0], y.shape[0]];
      let r = x.sum();
      if (a % 2 === 0) r = r.add(100);
      if (a > b) r = r.add(10);
      else if (a === b) r = r.sub(10);
      return r;
    },
    inputs: [[ones(3, 4), ones(2, 4)], [ones(2, 4), ones(2, 4)], [ones(4, 4), ones(5, 4)]],
    dynamicShapes: [{ 0: n }, { 0: new Dim("m") }],
  },
  "sides of different sizes": {
    model: (x: Tensor) => {
      let y = x;
      if (x.sum().item() > 0) y = torch.cat([x, x], 0);
      return y.mul(2);
    },
    inputs: [[positive], [negative], [larger]],
    dynamicShapes: [{ 0: n }],
  },
  "a switch": {
    model: (x: Tensor, k: Tensor) => {
      let y = x;
      switch (k.item()) {
        case 0:
          y = y.add(1);
          break;
        case 1:
          y = y.add(2);
        case 2:
          y = y.mul(3);
          break;
        default:
          y = y.neg();
      }
      return y;
    },
    inputs: [0, 1, 2, 7].map((k) => [positive, torch.tensor(k)]),
  },
  "a switch that returns": {
    model: (x: Tensor, k: Tensor) => {
      switch (k.item()) {
        case 3:
          return x.add(3);
        case 5:
          return x.mul(5);
      }
      return x;
    },
    inputs: [3, 5, 0].map((k) => [positive, torch.tensor(k)]),
  },
  "an error that is thrown": {
    model: (x: Tensor) => {
      if (x.min().item() < -100) throw new Error(`Too small: ${x.min().item()}`);
      return x.add(100).sqrt();
    },
    inputs: [[positive], [negative]],
    nodes: ["aten._assert_async.msg"],
    warning: /Too small/,
  },
  "a labelled block": {
    model: (x: Tensor) => {
      done: {
        x = x.add(1);
        if (x.sum().item() > 0) break done;
        x = x.mul(2);
      }
      return x.sub(1);
    },
    inputs: [[positive], [negative]],
  },
  "writing in place inside a branch": {
    model: (x: Tensor) => {
      const y = x.mul(1);
      if (x.sum().item() > 0) y.add_(5);
      else y.mul_(2);
      return y.add(x);
    },
    inputs: [[positive], [negative]],
  },
  "writing to a part inside a branch": {
    model: (x: Tensor) => {
      const y = x.clone();
      const row = y.select(0, 1);
      if (x.sum().item() > 0) row.fill_(7);
      return y;
    },
    inputs: [[positive], [negative], [larger]],
    dynamicShapes: [{ 0: new Dim("n", { min: 2 }) }],
  },
  "sizes inside branches": {
    model: (x: Tensor) => {
      let y = x;
      if (x.sum().item() > 0) y = x.mul(x.shape[0]).reshape([x.shape[0] * 2, 2]);
      else y = x.reshape([-1, 2]);
      return y;
    },
    inputs: [[positive], [negative], [larger]],
    dynamicShapes: [{ 0: n }],
  },
};

for (const [name, one] of Object.entries(cases)) {
  Deno.test(`strict capture of ${name}`, async () => {
    await check(one);
  });
}
