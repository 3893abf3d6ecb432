/** What can't be captured: each error names the construct, the line and the way out. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { CaptureError, Dim } from "../../../mod.ts";
import { F, nn, type Tensor, torch } from "../../../torch.ts";
import { captureStrictly, type Program } from "./harness.ts";

const x = torch.arange(0, 12).reshape([3, 4]).to("float32");
const n = new Dim("n");
let outside = 0;

class Private extends nn.Module {
  #scale = 2;
  override forward(x: Tensor): Tensor {
    return x.mul(this.#scale); // HERE
  }
}

class Pair {
  constructor(readonly x: Tensor) {}
  *[Symbol.iterator](): Generator<Tensor> {
    yield this.x;
  }
}

interface Refused {
  readonly model: Program;
  readonly args?: readonly unknown[];
  readonly dynamicShapes?: unknown;
  /** What the error says. */
  readonly fact: RegExp;
  /** What it says to do. */
  readonly wayOut: RegExp;
}

const rows = { 0: n };

const cases: Record<string, Refused> = {
  "an async function": {
    // deno-lint-ignore require-await -- what is refused
    model: async (x: Tensor) => x, // HERE
    fact: /An async function can't be captured/,
    wayOut: /synchronous/,
  },
  "a generator": {
    model: (x: Tensor) => {
      const parts = function* (): Generator<Tensor> { // HERE
        yield x;
      };
      return [...parts()];
    },
    fact: /A generator function can't be captured/,
    wayOut: /array/,
  },
  "a private member": {
    model: new Private(),
    fact: /A #private member \(#scale\)/,
    wayOut: /private/,
  },
  "an assignment to a variable outside": {
    model: (x: Tensor) => {
      outside = outside + 1; // HERE
      return x.add(outside);
    },
    fact: /An assignment to outside, a variable outside of the function/,
    wayOut: /field of the module/,
  },
  "a tagged template": {
    model: (x: Tensor) => {
      const tag = (parts: TemplateStringsArray): string => parts[0];
      return tag`a` === "a" ? x : x.neg(); // HERE
    },
    fact: /A tagged template/,
    wayOut: /call the function/,
  },
  "sides of different dtypes": {
    model: (x: Tensor) => {
      let y = x;
      if (x.sum().item() > 0) y = x.to("int64");
      return y.add(1); // HERE
    },
    fact: /y is of dtype int64 one way and float32 the other/,
    wayOut: /one dtype and rank/,
  },
  "sides of different ranks": {
    model: (x: Tensor) => {
      const y = x.sum().item() > 0 ? x : x.sum(0);
      return y.mul(2); // HERE
    },
    fact: /has 2 dims one way and 1 the other/,
    wayOut: /one dtype and rank/,
  },
  "a tensor one way and nothing the other": {
    model: (x: Tensor) => {
      let y: Tensor | undefined;
      if (x.sum().item() > 0) y = x;
      return y!.mul(2); // HERE
    },
    fact: /y is a tensor one way and undefined the other/,
    wayOut: /whichever way/,
  },
  "texts that differ": {
    model: (x: Tensor) => {
      let mode = "sum";
      if (x.sum().item() > 0) mode = "mean";
      return mode === "sum" ? x.sum() : x.mean(); // HERE
    },
    fact: /mode is "mean" one way and "sum" the other/,
    wayOut: /numbers/,
  },
  "arrays of different lengths": {
    model: (x: Tensor) => {
      const ys = [x];
      if (x.sum().item() > 0) ys.push(x);
      return torch.stack(ys); // HERE
    },
    fact: /an array has 2 elements one way and 1 the other/,
    wayOut: /whichever way/,
  },
  "a return one way only": {
    model: (x: Tensor) => {
      const f = (y: Tensor): Tensor | undefined => { // HERE
        if (y.sum().item() > 0) return y;
      };
      return f(x);
    },
    fact: /returns a value one way, and nothing the other/,
    wayOut: /End the function with a return/,
  },
  "an operator on tensors": {
    model: (x: Tensor) => {
      // deno-lint-ignore no-explicit-any
      return (x as any) + 1; // HERE
    },
    fact: /The operator \+ on a tensor/,
    wayOut: /x\.add\(y\)/,
  },
  "the truth of several elements": {
    model: (x: Tensor) => {
      if (x.gt(0)) return x; // HERE
      return x.neg();
    },
    fact: /The truth of a tensor of shape \[3, 4\]/,
    wayOut: /\.any\(\)\.item\(\) or \.all\(\)\.item\(\)/,
  },
  "an array whose length is a size": {
    model: (x: Tensor) => torch.stack(Array.from({ length: x.shape[0] }, () => x)), // HERE
    dynamicShapes: [rows],
    fact: /An array whose length only a run tells/,
    wayOut: /torch\.zeros/,
  },
  "an element at a symbolic place": {
    model: (x: Tensor) => {
      const parts = [x, x.neg()];
      const k = x.argmax().item();
      return parts[k]; // HERE
    },
    fact: /An element whose place is the number u\d+/,
    wayOut: /\.select\(0, i\)/,
  },
  "a key that is a size": {
    model: (x: Tensor) => {
      const names = new Map([[3, "three"]]);
      return x.mul(names.has(x.shape[0]) ? 1 : 2); // HERE
    },
    dynamicShapes: [rows],
    fact: /has compares a number that only a run tells/,
    wayOut: /Compare with ===/,
  },
  "a text with a size": {
    model: (x: Tensor) => {
      const scales: Record<string, number> = { n3: 1 };
      return x.mul(scales[`n${x.shape[0]}`] ?? 2); // HERE
    },
    dynamicShapes: [rows],
    fact: /A text with the number s0/,
    wayOut: /constant/,
  },
  "a filter by a tensor condition": {
    model: (x: Tensor) => {
      const parts = [x, x.neg()].filter((y) => y.sum().item() > 0); // HERE
      return torch.stack(parts);
    },
    fact: /Array\.prototype\.filter by a condition that only a run decides/,
    wayOut: /torch\.where/,
  },
  "sorting by tensors": {
    model: (x: Tensor) => {
      const parts = [x, x.neg()].sort((a, b) => a.sum().item() - b.sum().item()); // HERE
      return parts[0];
    },
    fact: /Sorting by numbers that only a run tells/,
    wayOut: /torch\.sort/,
  },
  "an error that is caught": {
    model: (x: Tensor) => {
      try {
        if (x.sum().item() > 0) throw new Error("positive"); // HERE
        return x;
      } catch {
        return x.neg();
      }
    },
    fact: /An error \(positive\) that is thrown and caught/,
    wayOut: /if and else/,
  },
  "a loop that pushes while a tensor says so": {
    model: (x: Tensor) => {
      const ys: Tensor[] = [];
      while (x.sum().item() < 1000) { // HERE
        x = x.mul(2);
        ys.push(x);
      }
      return torch.stack(ys);
    },
    fact: /A loop that pushes to an array, but whose number of turns is not known/,
    wayOut: /for \(let i = 0/,
  },
  "a loop that changes a dtype": {
    model: (x: Tensor) => {
      let y = x.to("int64");
      while (y.sum().item() < 1000) y = y.mul(1.5); // HERE
      return y;
    },
    fact: /y is of dtype int64 before a turn.* and float32 after it/,
    wayOut: /whichever way|Convert it/,
  },
  "a loop over a size that returns its array": {
    model: (x: Tensor) => {
      const ys: Tensor[] = [];
      for (const row of x) ys.push(row);
      return ys;
    },
    dynamicShapes: [rows],
    fact: /returns an array that a loop filled/,
    wayOut: /torch\.stack or torch\.cat/,
  },
  "a remainder of what may be negative": {
    model: (x: Tensor, k: Tensor) => x.mul(k.item() % 3), // HERE
    args: [x, torch.tensor(5)],
    fact: /JavaScript's has the sign/,
    wayOut: /torch\.remainder/,
  },
  "a tensor of unknown size that is taken apart": {
    model: (x: Tensor) => {
      const [a, b] = x; // HERE
      return a.add(b);
    },
    dynamicShapes: [rows],
    fact: /A tensor whose first size \(s0\) is not known/,
    wayOut: /Loop over it/,
  },
  "a condition of a loop that changes a variable": {
    model: (x: Tensor) => {
      let i = 0;
      while (x.sum().item() * i++ < 100) x = x.add(1); // HERE
      return x.add(i);
    },
    fact: /A loop condition that changes variables/,
    wayOut: /in the body/,
  },
  "an iterator of one's own": {
    model: (x: Tensor) => {
      for (const y of new Pair(x)) x = x.add(y); // HERE
      return x;
    },
    fact: /An object of class Pair with an iterator of its own/,
    wayOut: /array/,
  },
  "sizes as a text": {
    model: (x: Tensor) => x.mul(x.shape.join("x") === "3x4" ? 1 : 2), // HERE
    dynamicShapes: [rows],
    fact: /join makes a text of a number/,
    wayOut: /constant/,
  },
  "Math on a tensor": {
    // deno-lint-ignore no-explicit-any
    model: (x: Tensor) => F.relu(x).mul(Math.exp(x as any)), // HERE
    fact: /Math\.exp of a tensor/,
    wayOut: /torch\.exp/,
  },
};

const here = (await Deno.readTextFile(new URL(import.meta.url))).split("\n");

for (const [name, { model, args = [x], dynamicShapes, fact, wayOut }] of Object.entries(cases)) {
  Deno.test(`strict capture refuses ${name}`, async () => {
    const error = await assertRejects(() => captureStrictly(model, args, dynamicShapes), CaptureError);
    assert(fact.test(error.message), error.message);
    assert(wayOut.test(error.message), error.message);
    const text = typeof model === "function" ? model.toString() : model.constructor.toString();
    if (
      !text.includes("HERE") && !here.some((line) => line.includes("HERE") && text.includes(line.trim().slice(0, 20)))
    ) return;
    const match = /refusals_test\.ts", line (\d+): (.*)$/m.exec(error.message);
    assert(match, error.message);
    assert(here[Number(match[1]) - 1].includes("// HERE"), error.message);
    assertEquals(here[Number(match[1]) - 1].trim(), match[2]);
  });
}

Deno.test("all constructs of a function that can't be captured are told at once", async () => {
  const model = (x: Tensor): unknown => {
    outside = 1;
    const tag = (parts: TemplateStringsArray): string => parts[0];
    const later = async () => await x;
    return [tag`b`, later];
  };
  const error = await assertRejects(() => captureStrictly(model, [x]), CaptureError);
  for (const part of [/assignment to outside/, /tagged template/, /async function/, /await/]) {
    assert(part.test(error.message), error.message);
  }
});
