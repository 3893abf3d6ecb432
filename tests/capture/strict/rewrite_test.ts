// deno-lint-ignore-file no-fallthrough no-var no-inner-declarations no-empty -- programs of any style are captured
/**
 * Rewritten JavaScript computes what the original does, as long as everything is known: each program here is run as it is and
 * in its rewritten form. Lines stay where they were.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { type FunctionSource, Library } from "../../../src/capture/strict/prepare.ts";
import { rewrite } from "../../../src/capture/strict/rewrite.ts";
import { Runtime } from "../../../src/capture/strict/runtime.ts";
import type { Callable } from "../../../src/capture/strict/refusal.ts";
import { loadParser } from "../../../src/capture/strict/parse.ts";

const policy = {
  strategy: "strict",
  records: false,
  decide: () => null,
  warn: () => {},
};

/** Reads functions whose outer names are given. */
function reader(names: ReadonlyMap<string, unknown>) {
  return {
    read(fn: Callable): Promise<FunctionSource> {
      return Promise.resolve({
        text: Function.prototype.toString.call(fn),
        owner: "user",
        names,
        place: (position) => ({ file: "test", line: position, code: "" }),
        compile: (text, parameters) => new Function(...parameters, `"use strict"; return ${text};`) as never,
      });
    },
  };
}

async function rewritten(fn: Callable, names: Record<string, unknown> = {}): Promise<Callable> {
  const library = new Library(reader(new Map(Object.entries(names))));
  await library.read(fn);
  const runtime = new Runtime(null, policy, library, () => {
    throw new TypeError("Nothing is recorded");
  });
  const unit = library.unitOf(fn);
  assert(typeof unit !== "string");
  return unit.compiled(runtime, null, { file: "test", line: 0, code: "" });
}

/** What a function gives or throws. */
function outcome(fn: Callable, args: readonly unknown[], self: unknown): { value?: unknown; error?: string } {
  try {
    return { value: Reflect.apply(fn, self, structuredClone(args) as never[]) };
  } catch (error) {
    return { error: String(error) };
  }
}

const helper = (x: number): number => x > 2 ? x * 10 : -x;

// deno-lint-ignore no-explicit-any -- plain programs of any shape
const programs: Record<string, [fn: (...args: any[]) => unknown, ...calls: unknown[][]]> = {
  arithmetic: [(a, b) => (a + b) * a - b / a % 3 ** 2 + (a & b | a ^ 2) + (a << 1) + (b >> 1) + (b >>> 1), [3, 4], [
    -7,
    2,
  ]],
  comparisons: [(a, b) => [a < b, a <= b, a > b, a >= b, a == b, a != b, a === b, a !== b], [1, 2], [2, 2], ["1", 1]],
  unary: [(a) => [-a, +a, ~a, !a, typeof a, void a], [3], ["4"], [null]],
  ifElse: [
    (a) => {
      let x = 1;
      if (a > 1) x += a;
      else if (a < 0) x = -x;
      else x = 7;
      return x;
    },
    [2],
    [-1],
    [0],
  ],
  earlyReturn: [
    (a) => {
      if (a > 3) return "big";
      const y = a * 2;
      if (y > 4) return "middle";
      return "small";
    },
    [5],
    [3],
    [1],
  ],
  nestedReturn: [
    (a, b) => {
      let log = "";
      {
        if (a) {
          if (b) return "both";
          log += "a";
        }
        log += "-";
      }
      return log + b;
    },
    [1, 1],
    [1, 0],
    [0, 1],
    [0, 0],
  ],
  noReturn: [
    (a) => {
      if (a) return;
      a = 3;
    },
    [1],
    [0],
  ],
  forLoop: [
    (n) => {
      let s = 0;
      for (let i = 0, j = n; i < j; i++, j--) s += i * j;
      return s;
    },
    [0],
    [5],
    [10],
  ],
  whileBreak: [
    (n) => {
      let i = 0;
      while (true) {
        i++;
        if (i % 2 === 0) continue;
        if (i > n) break;
      }
      return i;
    },
    [0],
    [5],
    [10],
  ],
  doWhile: [
    (n) => {
      const seen = [];
      do {
        seen.push(n);
        if (n === 3) continue;
        n--;
      } while (n-- > 0);
      return [seen, n];
    },
    [0],
    [6],
  ],
  labels: [
    (n) => {
      const out: number[][] = [];
      outer: for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) {
          if (j === 2) continue outer;
          if (i === 2) break outer;
          out.push([i, j]);
        }
      }
      return out;
    },
    [1],
    [5],
  ],
  labelledBlock: [
    (a) => {
      let x = 0;
      done: {
        x = 1;
        if (a) break done;
        x = 2;
      }
      return x;
    },
    [1],
    [0],
  ],
  loopReturn: [
    (items) => {
      for (const item of items) {
        if (item.ok) return item.name;
      }
      return null;
    },
    [[{ ok: false, name: "a" }, { ok: true, name: "b" }]],
    [[]],
  ],
  forIn: [
    (object) => {
      const keys = [];
      for (const key in object) keys.push(key + object[key]);
      return keys;
    },
    [{ a: 1, b: 2 }],
    [{}],
  ],
  forOfPattern: [(pairs) => {
    let s = "";
    for (const [key, { value = 5 }] of pairs) s += key + value;
    return s;
  }, [[["a", { value: 1 }], ["b", {}]]]],
  forOfMap: [(entries) => {
    const map = new Map(entries as [string, number][]);
    map.set("z", 26);
    let sum = 0;
    for (const [, value] of map) sum += value;
    for (const key of map.keys()) sum += key.length;
    return [sum, [...map]];
  }, [[["a", 1], ["b", 2]]]],
  growingArray: [(items) => {
    const out = [];
    for (const item of items) {
      out.push(item);
      if (item > 0) items.push(item - 1);
    }
    return out;
  }, [[3]]],
  switchCase: [
    (a) => {
      const log = [];
      switch (a) {
        case 1:
          log.push("one");
        case 2:
          log.push("two");
          break;
        default:
          log.push("default");
        case 3: {
          log.push("three");
        }
      }
      return log;
    },
    [1],
    [2],
    [3],
    [4],
  ],
  switchReturn: [
    (a) => {
      for (let i = 0; i < 3; i++) {
        switch (a + i) {
          case 2:
            return "two at " + i;
          case 7:
            continue;
        }
        a++;
      }
      return a;
    },
    [0],
    [7],
    [100],
  ],
  ternaries: [(a) => a > 2 ? a > 4 ? "x" : "y" : a < 0 ? "z" : "w", [5], [3], [-1], [1]],
  logical: [(a, b) => [a && b, a || b, a ?? b, !(a && !b)], [0, 1], [1, 0], [null, 3], ["", "x"]],
  shortCircuit: [
    (a) => {
      let n = 0;
      const bump = () => ++n;
      a && bump();
      a || bump() + bump();
      a ?? bump();
      return n;
    },
    [1],
    [0],
    [null],
  ],
  assignments: [
    (a) => {
      let x = a;
      x += 2;
      x *= 3;
      x **= 2;
      x -= 1;
      x /= 2;
      x %= 7;
      x <<= 1;
      x |= 1;
      let y = null as number | null, z = 0, w = 1;
      y ??= 4;
      z ||= 5;
      w &&= 6;
      return [x, y, z, w, x++, ++x, x--, --x];
    },
    [1],
    [4],
  ],
  memberAssignments: [(o) => {
    o.a += 1;
    o["b"] = o.a++ + --o.a;
    o.c ??= 3;
    o.list[0] = o.list.length;
    o.list.length = 1;
    delete o.d;
    o.n.m ||= "deep";
    return [o, "d" in o];
  }, [{ a: 1, list: [7, 8], d: 4, n: { m: "" } }]],
  destructuring: [
    ({ a, b: [c, d = 9, ...rest], ...others }, [e, , f] = [1, 2, 3]) => {
      let x, y;
      ({ x, y = 5 } = { x: a } as { x: number; y?: number });
      [x, y] = [y, x];
      const o: Record<string, unknown> = {};
      [o.p, o["q"], ...(o.r as unknown[])] = [1, 2];
      return [a, c, d, rest, others, e, f, x, y, o];
    },
    [{ a: 1, b: [2], z: 3 }],
    [{ a: 1, b: [2, 3, 4, 5] }, [6, 7, 8]],
  ],
  destructuringProperties: [(o) => {
    [o.a, o.b] = [o.b, o.a];
    ({ c: o.c, d: o.list[1] = 8 } = { c: 5 } as { c: number; d?: number });
    return o;
  }, [{ a: 1, b: 2, list: [0, 0] }]],
  defaults: [(a, b = a * 2, { c = b + 1 } = {}) => [a, b, c], [1], [1, 5], [1, 5, { c: 9 }]],
  restAndSpread: [
    (...args) => {
      const f = (x: number, ...more: number[]) => x + more.length;
      return [f(...args as [number]), [...args, 0, ...args], { ...{ a: 1, b: 2 }, b: 3 }, Math.max(...args)];
    },
    [1, 2, 3],
    [9],
  ],
  templates: [(a, b) => `${a} and ${`${b}!`} are ${a === b ? "the same" : "not the same"}`, [1, 2], ["x", "x"]],
  closures: [(n) => {
    const fns = [];
    for (let i = 0; i < n; i++) fns.push(() => i);
    let count = 0;
    const counter = {
      inc: () => count++,
      get value() {
        return count;
      },
    };
    counter.inc();
    counter.inc();
    return [fns.map((f) => f()), counter.value];
  }, [3]],
  closureInBranch: [
    (n) => {
      let count = 0;
      const bump = (by: number) => {
        if (by > 1) count += by;
        else count--;
      };
      if (n > 0) bump(n);
      for (const x of [1, 2]) bump(x);
      return count;
    },
    [0],
    [1],
    [5],
  ],
  functionDeclarations: [
    (n) => {
      if (n < 0) return even(-n);
      return even(n);
      function even(x: number): boolean {
        return x === 0 ? true : odd(x - 1);
      }
      function odd(x: number): boolean {
        return x === 0 ? false : even(x - 1);
      }
    },
    [4],
    [7],
  ],
  varHoisting: [
    (n) => {
      if (n) {
        var x = n;
      }
      for (var i = 0; i < 2; i++) var y = i
      return [x, y!, i];
    },
    [1],
    [0],
  ],
  optionalChaining: [(o) => [o?.a, o?.a?.b, o?.a.b?.[0], o?.f?.(1), o?.["g"], o?.a?.b?.length, o?.m?.n.o.p], [{
    a: { b: [5] },
  }], [
    null,
  ], [{ a: { b: null } }]],
  optionalCall: [(o) => {
    const f = {
      times: 2,
      run(x: number) {
        return x * this.times;
      },
    };
    return [f.run?.(3), (f as unknown as { no?: (x: number) => number }).no?.(o), f?.run(4)];
  }, [1]],
  objects: [(a) => {
    const o = {
      a,
      "b c": 2,
      [`k${a}`]: 3,
      get twice() {
        if (a > 1) return a * 2;
        return -1;
      },
      set twice(v) {
        a = v;
      },
      method(x: number) {
        return this.a + x;
      },
      nested: { deep: [1, { x: 1 }] },
    };
    o.twice = 21;
    return [o.a, o["b c"], o.twice, o.method(3), JSON.stringify(o.nested), Object.keys(o)];
  }, [1]],
  classes: [
    (n) => {
      class Base {
        static made = 0;
        items: number[] = [];
        size = n > 1 ? n : 1;
        constructor(public readonly tag: string) {
          Base.made++;
          if (n > 2) this.items.push(n);
        }
        total() {
          let t = 0;
          for (const x of this.items) t += x;
          return t + this.size;
        }
        get first() {
          return this.items[0] ?? null;
        }
        static of(tag: string) {
          return new this(tag);
        }
      }
      class Derived extends Base {
        override total() {
          return super.total() * 2;
        }
        override get first() {
          return super.first;
        }
      }
      const d = Derived.of("t");
      return [d.total(), d.first, d.tag, Base.made, d instanceof Base];
    },
    [1],
    [5],
  ],
  tryCatch: [
    (a) => {
      const log = [];
      try {
        log.push("try");
        if (a === 1) throw new Error("one");
        if (a === 2) return log;
        log.push("end");
      } catch (error) {
        log.push((error as Error).message);
        if (a === 1) return log.concat("returned");
      } finally {
        log.push("finally");
      }
      return log;
    },
    [0],
    [1],
    [2],
  ],
  throws: [
    (a) => {
      if (a > 1) throw new RangeError(`${a} is too large`);
      return a;
    },
    [1],
    [2],
  ],
  arrayMethods: [
    (xs) => [
      xs.map((x: number) => x > 1 ? x : 0),
      xs.filter((x: number) => x % 2),
      xs.reduce((a: number, b: number) => a + b, 0),
      xs.some((x: number) => x > 2),
      xs.every((x: number) => x > 0 && x < 9),
      xs.find((x: number) => x > 1),
      xs.findIndex((x: number) => x > 100),
      [...xs].sort((a: number, b: number) => b - a),
      xs.flatMap((x: number) => [x, x]),
      xs.includes(2),
      xs.slice(1).concat([4]),
      Array.from({ length: 3 }, (_, i) => i * 2),
      [...xs.entries()],
    ],
    [[1, 2, 3]],
    [[]],
  ],
  setsAndMaps: [(xs) => {
    const seen = new Set<number>();
    const groups = new Map<boolean, number[]>();
    for (const x of xs) {
      if (seen.has(x)) continue;
      seen.add(x);
      const key = x > 2;
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key)!.push(x);
    }
    groups.forEach((list, key) => list.push(key ? 1 : 0));
    return [[...seen], [...groups], seen.size];
  }, [[1, 2, 2, 3, 4, 1]]],
  callApplyBind: [(a) => {
    function f(this: { k: number } | undefined, x: number, y = 0) {
      return (this?.k ?? 0) + x * 10 + y;
    }
    const bound = f.bind({ k: 1 }, 2);
    return [f.call({ k: a }, 1), f.apply({ k: a }, [1, 2]), bound(3)];
  }, [5]],
  thisInArrow: [
    function (this: { k: number }, a) {
      const f = () => this.k + a;
      if (a > 1) return f();
      return [1].map((x) => x + this.k);
    },
    [1],
    [2],
  ],
  recursion: [function fib(n: number): number {
    if (n < 2) return n;
    return fib(n - 1) + fib(n - 2);
  }, [10]],
  outerFunction: [(a) => [helper(a), [1, 5].map(helper)], [1], [3]],
  sequence: [(a) => {
    let b = 0;
    for (b = 1, a++; b < 5; b++, a += 2);
    return (b++, a, b);
  }, [1]],
  regexAndStrings: [
    (s) => s.replace(/(\w)(\w*)/g, (_: string, a: string, b: string) => a.toUpperCase() + b).split(" "),
    ["ab cd"],
  ],
  bigints: [
    (a) => {
      let x = a;
      x++;
      return [x * 2n, -x, x > 2n];
    },
    [1n],
    [5n],
  ],
  argumentsObject: [
    function () {
      if (arguments.length > 1) return arguments[1];
      return arguments.length;
    },
    [1],
    [1, 2],
  ],
  commaAndVoid: [(a) => (a++, void 0, a), [1]],
  inOperator: [(o) => ["a" in o, delete o.a, "a" in o, o instanceof Object], [{ a: 1 }]],
  emptyBodies: [
    (a) => {
      if (a) {}
      else {}
      while (a-- > 0);
      for (; a < 3; a++);
      return a;
    },
    [0],
    [4],
  ],
};

for (const [name, [fn, ...calls]] of Object.entries(programs)) {
  Deno.test(`rewritten program: ${name}`, async () => {
    const other = await rewritten(fn as Callable, { helper });
    for (const args of calls) {
      const self = { k: 100 };
      const expected = outcome(fn as Callable, args, self);
      if (name !== "throws") assert("value" in expected, `${args}: ${expected.error}`);
      assertEquals(
        outcome(other, args, self),
        expected,
        JSON.stringify(args, (_, x) => typeof x === "bigint" ? `${x}n` : x),
      );
    }
  });
}

Deno.test("rewriting keeps the lines of the text", async () => {
  await loadParser();
  for (const [, [fn]] of Object.entries(programs)) {
    const text = fn.toString();
    assertEquals(rewrite(text).text.split("\n").length, `(${text}\n)`.split("\n").length - 1, text);
  }
});

Deno.test("an unknown statement is refused with its position", async () => {
  await loadParser();
  const text = "async (x) => {\n  const y = await x;\n  return y;\n}";
  const { refusals } = rewrite(text);
  assertEquals(refusals.map(({ construct }) => construct), ["An async function", "await"]);
  assertEquals(refusals[1].position, text.indexOf("await"));
  assertThrows(() => rewrite("function f( {"), SyntaxError);
});
