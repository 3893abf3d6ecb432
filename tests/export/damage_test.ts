/**
 * Damaged archives, from reading to the written file: whatever is wrong, the export either gives a model that is valid, or
 * fails with a located error of ours and leaves nothing behind.
 */
import { assert, assertEquals, assertInstanceOf, assertMatch } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { exportProgram } from "../../src/export/export.ts";
import { Fx2OnnxError } from "../../src/ir/mod.ts";
import { checkModel } from "../../src/onnx/check.ts";
import * as schemas from "../../src/onnx/op_schema.ts";
import { fixture } from "../fixtures.ts";
import * as p from "../io/assemble.ts";
import { torchSave } from "../pt2/build.ts";
import {
  ENGINE_ERROR,
  type Entries,
  entryName,
  mutate,
  randomNumbers,
  readEntries,
  spansOf,
  withText,
  writeEntries,
} from "./mutations.ts";

const MUTANTS = 150;

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Exports to a file. Returns the error, or null when a valid model was written. */
async function attempt(bytes: Uint8Array<ArrayBuffer>, folder: string, what: string): Promise<Fx2OnnxError | null> {
  const output = join(folder, "x.onnx");
  try {
    const program = await exportProgram(bytes, [], output);
    assertEquals(checkModel(program.model, schemas), [], what);
    await Deno.remove(output);
    return null;
  } catch (error) {
    assertInstanceOf(error, Fx2OnnxError, `${what}: ${error}`);
    assert(!ENGINE_ERROR.test(error.message), `${what}: ${error.message}`);
    return error;
  } finally {
    assertEquals([...Deno.readDirSync(folder)].map((entry) => entry.name), [], what);
  }
}

/** Sees to it that the failures are told, and that damage is found at all. */
function assertMost(found: number, of: number): void {
  assert(found > of / 3, `Only ${found} of ${of} damaged archives were refused`);
}

for (const name of ["mlp", "convnet", "transformer", "inplace"]) {
  Deno.test(`damage: values of ${name} changed`, async () => {
    const entries = await readEntries(await Deno.readFile(fixture(`${name}.pt2`)));
    const random = randomNumbers(name.length);
    await inFolder(async (folder) => {
      let refused = 0;
      for (const end of ["models/model.json", "weights_config.json"]) {
        const entry = [...entries.keys()].find((key) => key.endsWith(end))!;
        const text = new TextDecoder().decode(entries.get(entry)!);
        const spans = spansOf(text);
        for (let i = 0; i < MUTANTS; i++) {
          const mutant = mutate(text, spans, spans[Math.floor(random() * spans.length)], random);
          const error = await attempt(await withText(entries, entry, mutant.text), folder, `${end}: ${mutant.what}`);
          if (error) refused++;
        }
      }
      assertMost(refused, 2 * MUTANTS);
    });
  });
}

Deno.test("damage: bytes of an archive flipped or cut", async () => {
  const good = await Deno.readFile(fixture("mlp.pt2"));
  await inFolder(async (folder) => {
    assertEquals(await attempt(good, folder, "the good one"), null);
    let refused = 0;
    for (let at = 0; at < good.length; at += 61) {
      const bytes = good.slice();
      bytes[at] ^= 1 << (at % 8);
      if (await attempt(bytes, folder, `byte ${at} flipped`)) refused++;
    }
    assertMost(refused, good.length / 61);
    for (let length = 0; length < good.length; length += 997) {
      assert(await attempt(good.slice(0, length), folder, `cut to ${length} bytes`));
    }
  });
});

Deno.test("damage: entries of an archive missing", async () => {
  const entries = await readEntries(await Deno.readFile(fixture("mlp.pt2")));
  // What PyTorch itself can do without.
  const optional = /sample_inputs|\.data\/|byteorder|constants_config/;
  await inFolder(async (folder) => {
    for (const name of entries.keys()) {
      const rest: Entries = new Map([...entries].filter(([other]) => other !== name));
      const error = await attempt(await writeEntries(rest), folder, `without ${name}`);
      if (!optional.test(name)) assert(error, `An archive without ${name} was exported`);
    }
  });
});

const cli = fromFileUrl(new URL("../../cli.ts", import.meta.url));

Deno.test("damage: the command tells one line, exits with 1, executes nothing and leaves nothing behind", async () => {
  const entries = await readEntries(await Deno.readFile(fixture("mlp.pt2")));
  const model = entryName(entries, "models/model.json");
  const text = new TextDecoder().decode(entries.get(model)!);
  await inFolder(async (folder) => {
    const executed = join(folder, "executed");
    const call = await torchSave(p.call("os", "system", p.text(`touch ${executed}`)));
    const table: [string, Uint8Array, RegExp][] = [
      ["cut", (await writeEntries(entries)).slice(0, 5000), /the archive/],
      ["code", await withText(entries, model, text.replaceAll("Symbol('s18'", "__import__('s18'")), /__import__/],
      ["pickle", await writeEntries(new Map([...entries, [entryName(entries, "model.pt"), call]])), /names os\.system/],
      [
        "nowhere",
        await withText(entries, model, text.replace('"name": "cat"', '"name": "nowhere"')),
        /models\/model\.json at .*"nowhere"/,
      ],
    ];
    for (const [what, bytes, expected] of table) {
      const input = join(folder, `${what}.pt2`);
      await Deno.writeFile(input, bytes);
      const args = ["run", "-A", cli, "export", input, "-o", join(folder, "x.onnx")];
      const output = await new Deno.Command(Deno.execPath(), { args, env: { NO_COLOR: "1" } }).output();
      const stderr = new TextDecoder().decode(output.stderr);
      assertEquals(output.code, 1, what);
      const errors = stderr.split("\n").filter((line) => line.startsWith("error:"));
      assertEquals(errors.length, 1, stderr);
      assertMatch(errors[0], expected, what);
      assert(errors[0].includes(input), errors[0]);
      await Deno.remove(input);
      assertEquals([...Deno.readDirSync(folder)].map((entry) => entry.name), [], what);
    }
  });
});
