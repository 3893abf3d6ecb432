/**
 * The stand-ins of compat/ behave as the `jsr:@std/*` packages do in all that this package relies on. The cases hold for
 * the real packages too: where JSR can be reached, removing `links` from deno.json must leave this file passing.
 */
import {
  assert,
  assertAlmostEquals,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertGreater,
  assertInstanceOf,
  AssertionError,
  assertIsError,
  assertLess,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
} from "@std/assert";
import { parseArgs } from "@std/cli/parse-args";
import { ProgressBar } from "@std/cli/unstable-progress-bar";
import { basename, dirname, extname, fromFileUrl, isAbsolute, join, relative, resolve, toFileUrl } from "@std/path";

const passing: Array<[string, () => unknown]> = [
  ["assert", () => assert(1)],
  [
    "assertEquals deep",
    () => assertEquals({ a: [1, 2n, NaN], b: new Map([["k", 1]]) }, { a: [1, 2n, NaN], b: new Map([["k", 1]]) }),
  ],
  ["assertEquals typed array", () => assertEquals(new Uint8Array([1, 2]), new Uint8Array([1, 2]))],
  ["assertEquals zeros", () => assertEquals(0, -0)],
  ["assertNotEquals", () => assertNotEquals([1], [2])],
  ["assertStrictEquals", () => assertStrictEquals(NaN, NaN)],
  ["assertAlmostEquals", () => assertAlmostEquals(1, 1 + 1e-9)],
  ["assertAlmostEquals tolerance", () => assertAlmostEquals(1, 1.4, 0.5)],
  ["assertAlmostEquals infinite", () => assertAlmostEquals(Infinity, Infinity)],
  ["assertExists", () => assertExists(0)],
  ["assertInstanceOf", () => assertInstanceOf(new RangeError(), Error)],
  ["assertGreater", () => assertGreater(2, 1)],
  ["assertLess", () => assertLess(1n, 2n)],
  ["assertStringIncludes", () => assertStringIncludes("abc", "b")],
  ["assertMatch", () => assertMatch("abc", /b/)],
  ["assertArrayIncludes", () => assertArrayIncludes([[1], [2]], [[2]])],
  ["assertIsError", () => assertIsError(new TypeError("odd one"), TypeError, "odd")],
];

const failing: Array<[string, () => unknown]> = [
  ["assert", () => assert(0, "zero")],
  ["assertEquals", () => assertEquals<unknown>({ a: 1 }, { a: 1n })],
  ["assertEquals missing property", () => assertEquals<unknown>({ a: undefined }, {})],
  ["assertEquals array kinds", () => assertEquals<unknown>(new Uint8Array([1]), new Int8Array([1]))],
  ["assertNotEquals", () => assertNotEquals([1], [1])],
  ["assertStrictEquals", () => assertStrictEquals({}, {})],
  ["assertAlmostEquals", () => assertAlmostEquals(1, 1.001)],
  ["assertAlmostEquals NaN", () => assertAlmostEquals(NaN, 1)],
  ["assertExists", () => assertExists(null)],
  ["assertInstanceOf", () => assertInstanceOf(new Error(), RangeError)],
  ["assertGreater", () => assertGreater(1, 1)],
  ["assertLess", () => assertLess(1, 1)],
  ["assertStringIncludes", () => assertStringIncludes("abc", "d")],
  ["assertMatch", () => assertMatch("abc", /d/)],
  ["assertArrayIncludes", () => assertArrayIncludes([1], [2])],
  ["assertThrows without a throw", () => assertThrows(() => 1)],
  ["assertThrows of another class", () => assertThrows(() => fail(), RangeError)],
  ["assertThrows with another message", () => assertThrows(() => fail("one"), AssertionError, "two")],
  ["fail", () => fail()],
];

Deno.test("assert: what holds passes", async (t) => {
  for (const [name, run] of passing) await t.step(name, () => void run());
});

Deno.test("assert: what does not hold throws an AssertionError", async (t) => {
  for (const [name, run] of failing) {
    await t.step(name, () => {
      let error: unknown;
      try {
        run();
      } catch (e) {
        error = e;
      }
      if (!(error instanceof AssertionError)) throw new Error(`Expected an AssertionError, not ${error}`);
    });
  }
});

Deno.test("assert: assertThrows and assertRejects return the error", async () => {
  const error = new RangeError("Cannot read x: truncated");
  assertStrictEquals(
    assertThrows(
      () => {
        throw error;
      },
      RangeError,
      "truncated",
    ),
    error,
  );
  assertStrictEquals(await assertRejects(() => Promise.reject(error), RangeError, "Cannot"), error);
  await assertRejects(() => assertRejects(() => Promise.resolve()), AssertionError);
  await assertRejects(
    () =>
      assertRejects(() => {
        throw error;
      }),
    AssertionError,
  );
});

const options = {
  boolean: ["verify", "color"],
  string: ["output", "dim", "_"],
  collect: ["dim"],
  negatable: ["color"],
  alias: { output: "o", verify: "v" },
} as const;

const parses: Array<[string[], Record<string, unknown>]> = [
  [[], { _: [] }],
  [["a.pt2", "12"], { _: ["a.pt2", "12"] }],
  [["-o", "x.onnx"], { output: "x.onnx", o: "x.onnx" }],
  [["--output=x=y"], { output: "x=y", o: "x=y" }],
  [["--output", "007"], { output: "007", o: "007" }],
  [["--output"], { output: "", o: "" }],
  [["--output", "--verify"], { output: "", o: "", verify: true, v: true }],
  [["--output", "a", "--output", "b"], { output: "b", o: "b" }],
  [["--dim", "a=b", "--dim", "c=d"], { dim: ["a=b", "c=d"] }],
  [["--dim=a"], { dim: ["a"] }],
  [["-v", "x"], { verify: true, v: true, _: ["x"] }],
  [["--color"], { color: true }],
  [["--color", "--no-color"], { color: false }],
  [["--verify=false"], { verify: false, v: false }],
  [["--verify", "false", "x"], { verify: false, v: false, _: ["x"] }],
  [["--output", "x", "-v"], { output: "x", o: "x", verify: true, v: true }],
  [["--no-verify"], { "no-verify": true }],
  [["--no-x", "y"], { "no-x": "y" }],
  [["--other", "5"], { other: 5 }],
  [["a", "--", "--verify", "--no-x"], { _: ["a", "--verify", "--no-x"] }],
];

Deno.test("parseArgs: results", async (t) => {
  for (const [args, expected] of parses) {
    await t.step(args.join(" ") || "nothing", () => {
      const actual = parseArgs(args, options);
      assertEquals<unknown>({ ...actual }, { _: [], dim: [], verify: false, v: false, color: false, ...expected });
    });
  }
});

Deno.test("parseArgs: defaults", () => {
  const parse = (...args: string[]) =>
    parseArgs(args, {
      boolean: ["color"],
      string: ["opset"],
      negatable: ["color"],
      default: { color: true, opset: "21" },
    });
  assertEquals<unknown>({ ...parse() }, { _: [], color: true, opset: "21" });
  assertEquals<unknown>({ ...parse("--no-color", "--opset", "18") }, { _: [], color: false, opset: "18" });
});

Deno.test("parseArgs: unknown arguments are told and left out", () => {
  const flags: unknown[] = [];
  const positionals: unknown[] = [];
  const given = ["a", "--output", "x", "--typo=1", "--no-verify", "-q", "--constructor", "--dim", "d", "b"];
  const args = parseArgs(given, {
    ...options,
    unknown: (arg, key) => {
      if (key === undefined) positionals.push(arg);
      else flags.push([arg, key]);
      return key === undefined;
    },
  });
  assertEquals<unknown>(flags, [["--typo=1", "typo"], ["--no-verify", "no-verify"], ["-q", "q"], [
    "--constructor",
    "constructor",
  ]]);
  assertEquals<unknown>(positionals, ["a", "b"]);
  assertEquals(args._, ["a", "b"]);
  assertEquals<unknown>([args.typo, args["no-verify"], args.q, args.dim], [undefined, undefined, undefined, ["d"]]);
});

Deno.test("parseArgs: the double dash and stopping early", () => {
  assertEquals<unknown>({ ...parseArgs(["a", "--", "-b"], { "--": true }) }, { _: ["a"], "--": ["-b"] });
  assertEquals<unknown>({ ...parseArgs(["-a", "sub", "-b"], { boolean: ["a"], stopEarly: true }) }, {
    a: true,
    _: ["sub", "-b"],
  });
  assertEquals<unknown>({ ...parseArgs(["--aa", "sub", "--aa", "true"], { boolean: ["aa"], stopEarly: true }) }, {
    aa: true,
    _: ["sub", "--aa", "true"],
  });
});

async function drawn(run: (writable: WritableStream<Uint8Array>) => Promise<void>): Promise<string> {
  const chunks: Uint8Array[] = [];
  await run(new WritableStream({ write: (chunk) => void chunks.push(chunk) }));
  return await new Blob(chunks as Uint8Array<ArrayBuffer>[]).text();
}

Deno.test("ProgressBar draws its state at the start and at the end", async () => {
  const text = await drawn(async (writable) => {
    const bar = new ProgressBar({
      writable,
      max: 2048,
      barLength: 4,
      formatter: (f) => `${f.progressBar} ${f.value}/${f.max}`,
    });
    assertEquals(bar.value, 0);
    bar.value += 1024;
    bar.max = 4096;
    await bar.stop();
  });
  assertStringIncludes(text, "---- 0/2048");
  assertStringIncludes(text, "#--- 1024/4096");
  assertMatch(text, /\n$/);
});

Deno.test("ProgressBar's own format", async () => {
  const text = await drawn(async (writable) => {
    const bar = new ProgressBar({ writable, max: 2048, value: 1024, barLength: 10 });
    await bar.stop();
  });
  assertMatch(text, /\[\d\d:\d\d\] \[#####-----\] \[1\.00\/2\.00 KiB\]/);
});

Deno.test("ProgressBar leaves nothing where it clears", async () => {
  const text = await drawn(async (writable) => {
    const bar = new ProgressBar({ writable, max: 1, clear: true });
    await bar.stop();
  });
  assert(!text.endsWith("\n"));
});

Deno.test("path: names and rules", () => {
  assertEquals([join("a", "..", "b"), dirname("a/b.c"), basename("a/b.c"), basename("a/b.c", ".c"), extname("a/b.c")], [
    "b",
    "a",
    "b.c",
    "b",
    ".c",
  ]);
  assertEquals([relative("/a/b", "/a/c"), resolve("/a", "b"), isAbsolute("/a"), isAbsolute("a")], [
    "../c",
    "/a/b",
    true,
    false,
  ]);
  assertEquals(fromFileUrl(toFileUrl("/a b/c%")), "/a b/c%");
  assertThrows(() => toFileUrl("a"), TypeError);
  assertThrows(() => fromFileUrl("https://x/y"), TypeError);
});
