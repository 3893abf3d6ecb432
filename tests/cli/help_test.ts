/** Help, suggestions and what is common to all commands. */
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { COMMON, defineCommand, Misuse, parseFlags } from "../../src/cli/args.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import { helpOf } from "../../src/cli/help.ts";
import { nearest } from "../../src/ir/nearest.ts";
import { fixture } from "../fixtures.ts";
import { run } from "./run.ts";

const FLAGS = [
  { name: "output", alias: "o", value: "FILE", about: "where it goes" },
  { name: "mode", value: "M", allowed: ["fast", "slow"], about: "how it is done", default: "fast" },
  { name: "dim", value: "A=B", about: "a pair", repeatable: true },
  { name: "level", alias: "depth", value: "N", about: "a number" },
  ...COMMON,
] as const;
const OPERANDS = { what: "input", min: 1, max: 2 };

function parse(...args: string[]) {
  return parseFlags(args, { flags: FLAGS, operands: OPERANDS });
}

Deno.test("flags are parsed as their table says", () => {
  const flags = parse("a", "-o", "x", "--mode=slow", "--dim", "a=b", "b", "--dim=c=d", "--depth", "3", "--json");
  assertEquals(flags.positionals, ["a", "b"]);
  assertEquals([flags.text("output"), flags.oneOf("mode"), flags.number("level")], ["x", "slow", 3]);
  assertEquals(flags.all("dim"), ["a=b", "c=d"]);
  assertEquals([flags.flag("json"), flags.flag("verbose"), flags.text("mode")], [true, false, "slow"]);
  assertEquals(parse("a", "--", "--mode").positionals, ["a", "--mode"]);
  const absent = parse("a");
  assertEquals([absent.text("output"), absent.oneOf("mode"), absent.all("dim"), absent.list("dim")], [
    undefined,
    undefined,
    [],
    undefined,
  ]);
});

for (
  const [args, message] of [
    [["a", "--outptu", "x"], "Unknown option --outptu"],
    [["a", "-x"], "Unknown option -x"],
    [["a", "--mode", "fats"], "Option --mode must be one of fast, slow, met fats"],
    [["a", "--output"], "Option --output needs a value"],
    [["a", "--output="], "Option --output needs a value"],
    [[], "No input is given"],
    [["a", "b", "c"], "Only 2 inputs can be given, met also c"],
  ] as const
) {
  Deno.test(`misuse: ${args.join(" ") || "nothing"}`, () => {
    const error = assertThrows(() => parse(...args), Misuse) as Misuse;
    assertEquals(error.message, message);
  });
}

Deno.test("a flag's value that is no number is misuse", () => {
  assertThrows(() => parse("a", "--level", "x").number("level"), Misuse, "must be a number, met x");
});

Deno.test("the nearest is suggested, and nothing where none is near", () => {
  const flags = ["--verify", "--verbose", "--output", "-o", "--out-dir"];
  for (
    const [word, found] of [
      ["--verfiy", "--verify"],
      ["--verif", "--verify"],
      ["--otput", "--output"],
      ["--out_dir", "--out-dir"],
      ["--verb", "--verbose"],
      ["--something", null],
      ["-x", null],
      ["--", null],
    ] as const
  ) assertEquals(nearest(word, flags), found, word);
});

Deno.test("help is made of the table", () => {
  const command = defineCommand({
    name: "make",
    synopsis: "INPUT",
    about: "Makes it",
    operands: OPERANDS,
    flags: FLAGS,
    examples: [["a -o b", "one"], ["a", "another"]],
    run: () => Promise.resolve(0),
  });
  assertEquals(
    helpOf(command),
    `Usage: fx2onnx make INPUT

Makes it

Options:
  -o, --output FILE         where it goes
      --mode M              how it is done: fast or slow (default fast)
      --dim A=B             a pair (repeatable)
      --level N             a number (also --depth)
      --json                one JSON object per input on stdout, nothing else
      --verbose             more detail, and where errors come from
  -h, --help                this text

Examples:
  fx2onnx make a -o b  # one
  fx2onnx make a       # another`,
  );
});

Deno.test("each command tells its options and gives examples that parse", async () => {
  const { stdout: list } = await run("--help");
  for (const [name, { load }] of COMMANDS) {
    assertStringIncludes(list, `  fx2onnx ${name}`);
    const { command } = await load();
    assertEquals(command.name, name);
    const { code, stdout, stderr } = await run(name, "-h");
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, new RegExp(`^Usage: fx2onnx ${name} `));
    assert(stdout.split("\n").every((line) => line.length <= 100), `lines of ${name}`);
    assert(command.examples.length > 0, name);
    for (const [args] of command.examples) {
      // The part before a redirection, in the words that a shell makes of it.
      const words = [...args.split(/ [>|]/)[0].matchAll(/'([^']*)'|(\S+)/g)].map(([, a, b]) => a ?? b);
      assertStringIncludes(stdout, `fx2onnx ${name} ${args}`.trimEnd());
      parseFlags(words, command);
    }
  }
});

Deno.test("an unknown command and an unknown value suggest the nearest", async () => {
  const command = await run("exprot");
  assertEquals(command.code, 2);
  assertStringIncludes(command.stderr, "Unknown command exprot; did you mean export?");
  const value = await run("export", "a.pt2", "--external-data", "inplace");
  assertStringIncludes(value.stderr, "met inplace; did you mean in-place?");
  assertEquals(value.stdout, "");
});

Deno.test("the version is the package's", async () => {
  const config = JSON.parse(await Deno.readTextFile(fromFileUrl(new URL("../../deno.json", import.meta.url))));
  assertEquals((await run("--version")).stdout, `fx2onnx ${config.version}\n`);
});

Deno.test("--verbose shows where an error comes from, and what caused it", async () => {
  const { code, stderr } = await run("inspect", fixture("ops"), "--verbose");
  assertEquals(code, 1);
  assertStringIncludes(stderr, "    at ");
});
