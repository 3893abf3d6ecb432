/** Damaged and hostile archives of torch 2.1 to 2.5: refused with an error that says where, and nothing else happens. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { ExportedProgram } from "../../src/fx/mod.ts";
import { bytesSource } from "../../src/io/source.ts";
import { ArchiveError } from "../../src/ir/errors.ts";
import { readPt2 } from "../../src/pt2/mod.ts";
import * as p from "../io/assemble.ts";
import { type Data, floats, type Parts, pickledTensor, torchSave, tupleSpec, writeParts } from "./build.ts";
import { OLD_PROGRAM, OLD_VERSIONS, oldParts, oldText, type OldVersion, withText } from "./build_old.ts";

async function open(bytes: Uint8Array): Promise<ExportedProgram> {
  return await readPt2(bytesSource(bytes, "bad.pt2"));
}

async function write(parts: Parts): Promise<Uint8Array<ArrayBuffer>> {
  return await writeParts(withText(parts), "");
}

/** The message of an archive that must be refused. */
async function refusal(bytes: Uint8Array, expected: RegExp, what: string): Promise<void> {
  const error = await assertRejects(() => open(bytes), ArchiveError, "bad.pt2: ", what);
  assert(expected.test(error.message), `${what}: ${error.message}`);
  assert(error.message.length < 2000, `${what}: the message is too long`);
}

/** Whether an archive is read; whatever else is wrong with it must be an ArchiveError. */
async function isRead(bytes: Uint8Array): Promise<boolean> {
  try {
    await (await open(bytes)).sampleInputs();
    return true;
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    return false;
  }
}

const moduleOf = (parts: Parts): Data => parts[OLD_PROGRAM].graph_module;

Deno.test("old archives truncated anywhere", async () => {
  for (const version of OLD_VERSIONS) {
    const bytes = await write(await oldParts(version));
    for (let length = 0; length < bytes.length; length += 997) {
      await refusal(bytes.subarray(0, length), /Cannot open the archive/, `${version}, ${length} bytes`);
    }
  }
});

Deno.test("entries that are missing from old archives", async () => {
  for (const version of OLD_VERSIONS) {
    for (const name of Object.keys(await oldParts(version))) {
      if (name === "version" || name === "serialized_example_inputs.pt") continue;
      const parts = await oldParts(version);
      delete parts[name];
      await refusal(await write(parts), /entry is missing|a zip archive, but no program/, `${version} ${name}`);
    }
    const { version: _, ...unversioned } = await oldParts(version);
    assert(await isRead(await write(unversioned)), "the program says its version itself");
  }
});

Deno.test("every value of an old program replaced by one of another type", async () => {
  const paths = (data: Data, prefix: string[] = []): string[][] =>
    data === null || typeof data !== "object" ? [] : Object.keys(data).flatMap((key) => {
      const path = [...prefix, key];
      return [path, ...paths(data[key], path)];
    });
  const replacements = [3, "x", [], {}, null, [[{}]], -1.5, true];
  for (const version of OLD_VERSIONS) {
    const parts = await oldParts(version);
    const all = paths(parts[OLD_PROGRAM]);
    const step = Math.ceil(all.length / 400);
    let refused = 0, total = 0;
    for (let i = 0; i < all.length; i += step) {
      const copy = structuredClone(parts[OLD_PROGRAM]);
      let at = copy;
      for (const key of all[i].slice(0, -1)) at = at[key];
      at[all[i].at(-1)!] = replacements[total++ % replacements.length];
      if (!await isRead(await write({ ...parts, [OLD_PROGRAM]: copy }))) refused++;
    }
    // Most of what torch 2.1 and 2.2 wrote are nulls, some of which may be null of another kind.
    assert(total > 300 && refused > total / 2, `${version}: ${refused} of ${total}`);
  }
});

Deno.test("what an old program may not be", async () => {
  const since = (first: OldVersion): OldVersion[] => OLD_VERSIONS.slice(OLD_VERSIONS.indexOf(first));
  const from = / serialized_exported_program\.json \(of schema version \d(\.\d)?, brought to 8\)/;
  const node = (parts: Parts, result: string): Data =>
    moduleOf(parts).graph.nodes.find((n: Data) => JSON.stringify(n.outputs).includes(`"${result}"`));
  const table: [string, readonly OldVersion[], (parts: Parts) => void, RegExp][] = [
    ["two alternatives", OLD_VERSIONS, (parts) => node(parts, "mul").inputs[1].arg.as_int = 1, /one key, met 2/],
    ["no alternative", ["1", "2"], (parts) => node(parts, "mul").inputs[1].arg.as_tensor = null, /one key, met 0/],
    ["an undefined name", OLD_VERSIONS, (parts) => {
      node(parts, "mul").inputs[1].arg.as_tensor.name = "nowhere";
    }, /"nowhere" is not defined/],
    ["something that is none", OLD_VERSIONS, (parts) => {
      node(parts, "sum").inputs[1].arg.as_none = [1];
    }, /as_none: expected an empty list/],
    ["a tensor by its name alone", since("5.3"), (parts) => {
      node(parts, "index").inputs[1].arg.as_optional_tensors[1].as_tensor = "k";
    }, /as_tensor: expected an object, met the string "k"/],
    ["a tensor by a record", ["1", "2", "5.1"], (parts) => {
      node(parts, "index").inputs[1].arg.as_optional_tensors[1].as_tensor = { name: "k" };
    }, /as_tensor: expected a string, met an object/],
    ["an object", ["1"], (parts) => {
      node(parts, "mul").inputs[1].arg = { as_custom_obj: { blob: "AAAA" } };
    }, /script objects of archives before torch 2\.3 are not supported/],
    ["an object", ["2"], (parts) => {
      node(parts, "mul").inputs[1].arg = { as_custom_obj: { name: "_obj" } };
    }, /script objects of archives before torch 2\.3 are not supported/],
    ["a negative offset", ["1"], (parts) => {
      moduleOf(parts).graph.tensor_values.mul.meta.storage_offset = -1;
    }, /storage_offset: expected a non-negative integer/],
    ["an offset of the newer form", ["2"], (parts) => {
      moduleOf(parts).graph.tensor_values.mul.storage_offset = { as_int: 0 };
    }, /storage_offset: expected an integer, met an object/],
    ["a value without its record", ["1"], (parts) => {
      delete moduleOf(parts).graph.tensor_values.mul.meta;
    }, /tensor_values\.mul: "meta" is missing/],
    ["a record of the newer form", ["1"], (parts) => {
      moduleOf(parts).graph.tensor_values.mul = moduleOf(parts).graph.tensor_values.mul.meta;
    }, /"meta" is missing/],
    ["a hint of the newer form", ["1"], (parts) => {
      moduleOf(parts).graph.sym_int_values.n.as_expr.hint = { as_int: 4 };
    }, /hint: expected an integer/],
    ["no dialect", ["2", "5.1", "5.3"], (parts) => delete parts[OLD_PROGRAM].dialect, /"dialect" is missing/],
    [
      "no ranges",
      OLD_VERSIONS,
      (parts) => delete parts[OLD_PROGRAM].range_constraints,
      /"range_constraints" is missing/,
    ],
    ["a range that holds nothing", OLD_VERSIONS, (parts) => {
      parts[OLD_PROGRAM].range_constraints.s0 = { min_val: 5, max_val: 4 };
    }, /from 5 to 4 holds no value/],
    ["a range to nowhere", OLD_VERSIONS, (parts) => {
      parts[OLD_PROGRAM].range_constraints.s0 = { min_val: 0.5, max_val: 4 };
    }, /range_constraints\.s0\.min_val: expected an integer/],
    ["code in a range", OLD_VERSIONS, (parts) => {
      parts[OLD_PROGRAM].range_constraints["__import__('os')"] = { min_val: 0, max_val: 1 };
    }, /range_constraints/],
    ["an input that is nothing", ["1"], (parts) => {
      moduleOf(parts).signature.user_inputs.pop();
    }, /graph\.inputs\[4\]: the signature does not say what the input is/],
    ["an input of another name", ["1"], (parts) => {
      moduleOf(parts).signature.user_inputs[0] = "y";
    }, /graph\.inputs\[3\]: the signature calls the input "y"/],
    ["a parameter that is no input", ["1"], (parts) => {
      moduleOf(parts).signature.inputs_to_parameters.z = "L__self___z";
    }, /"z" is not an input of the graph/],
    ["an output that is nothing", ["1"], (parts) => {
      moduleOf(parts).signature.user_outputs.pop();
    }, /graph\.outputs\[4\]: the signature does not say what the output is/],
    ["an update of nothing", ["1"], (parts) => {
      moduleOf(parts).signature.buffers_to_mutate = { mul: "L__self___b" };
    }, /graph\.outputs\[0\]: the signature does not say which buffer/],
    ["an update of no buffer", ["1"], (parts) => {
      moduleOf(parts).signature.buffers_to_mutate.updated = "L__self___w";
    }, /"L__self___w" is not an input of that kind/],
    ["a name that the state dict lacks", ["1"], (parts) => {
      moduleOf(parts).signature.inputs_to_parameters.w = "w";
    }, /weight "w" is not in the archive/],
    ["another tree of inputs", ["1"], (parts) => {
      moduleOf(parts).call_spec.in_spec = JSON.stringify([1, tupleSpec()]);
    }, /takes 0 values, the graph 2/],
    ["another protocol of trees", ["1"], (parts) => {
      moduleOf(parts).call_spec.in_spec = JSON.stringify([2, tupleSpec()]);
    }, /protocol "2" are not supported/],
    ["a tree that is no text", ["1"], (parts) => moduleOf(parts).call_spec.in_spec = 3, /in_spec: expected a string/],
    ["a tree that is no JSON", ["1"], (parts) => moduleOf(parts).call_spec.in_spec = "[1, ", /in_spec: Cannot parse/],
    ["another version than the entry says", OLD_VERSIONS, (parts) => {
      parts.version = parts.version === "1" ? "2" : "1";
    }, /Cannot read version: it is "[12]", but the program has schema version/],
    ["no version", OLD_VERSIONS, (parts) => delete parts[OLD_PROGRAM].schema_version, /"schema_version" is missing/],
  ];
  for (const [what, versions, damage, expected] of table) {
    for (const version of versions) {
      const parts = await oldParts(version);
      damage(parts);
      await refusal(await write(parts), expected, `${version}: ${what}`);
    }
  }
  const parts = await oldParts("2");
  moduleOf(parts).graph.nodes.reverse();
  await refusal(await write(parts), from, "the message says that the places are those of the newer form");
});

Deno.test("code in old expressions is refused", async () => {
  const texts = [
    "__import__('os').system('true')",
    "().__class__",
    "(lambda: 1)()",
    "s0 if s0 else 1",
    "s0.bit_length()",
    "",
    "s0 +",
    "10**1000000000000",
    "(".repeat(100_000),
    `s0${" + s0*s0".repeat(20_000)}`,
    "Add(Symbol('s0'), Integer(1))",
  ];
  for (const version of OLD_VERSIONS) {
    for (const text of texts) {
      const parts = await oldParts(version);
      moduleOf(parts).graph.sym_int_values.n.as_expr.expr_str = text;
      const place = /graph_module\.graph\.sym_int_values\.n\.as_expr\.expr_str: /;
      await refusal(await write(parts), place, `${version}: ${text.slice(0, 40)}`);
    }
  }
});

Deno.test("old programs that nest too deeply, or are long", async () => {
  const parts = await oldParts("1");
  const text = oldText(parts[OLD_PROGRAM]);
  const deep = text.replace('"as_int":3', `"as_graph":${'{"graph":'.repeat(5000)}`);
  await refusal(await write({ ...parts, [OLD_PROGRAM]: deep }), /levels deep/, "graphs");
  moduleOf(parts).graph.nodes[0].metadata.nn_module_stack = `a:(${"getattr(".repeat(50_000)},m.M)`;
  assert(await isRead(await write(parts)), "a stack that is too long to be taken apart is left out");
});

Deno.test("hostile pickles in the entries of old archives", async () => {
  const folder = await Deno.makeTempDir();
  const command = p.text(`touch ${folder}/executed`);
  for (const version of OLD_VERSIONS) {
    const suffix = version === "1" || version === "2" ? "json" : "pt";
    const entries = ["serialized_state_dict", ...(version === "1" ? [] : ["serialized_constants"])];
    for (const entry of entries.map((name) => `${name}.${suffix}`)) {
      const cases: [string, Uint8Array, RegExp][] = [
        ["a call", await torchSave(p.call("os", "system", command)), /names os\.system/],
        ["eval", await torchSave(p.dict(p.text("w"), p.call("builtins", "eval", command))), /names builtins\.eval/],
        ["a list", await torchSave(p.list(p.int(1))), /expected a dict of tensors/],
        ["JSON after all", new TextEncoder().encode("{}"), new RegExp(`${entry.replace(".", "\\.")}`)],
        [
          "too short",
          await torchSave(p.dict(p.text("w"), pickledTensor(0, 3000, [3000])), [floats(1, 2, 3)]),
          /storage 0 has 12 bytes/,
        ],
      ];
      for (const [what, bytes, expected] of cases) {
        const parts = await oldParts(version);
        parts[entry] = bytes;
        await refusal(await write(parts), expected, `${version} ${entry}: ${what}`);
      }
    }
    const parts = await oldParts(version);
    parts["serialized_example_inputs.pt"] = await torchSave(p.call("os", "system", command));
    const program = await open(await write(parts));
    // Samples are read when they are asked for; before torch 2.4 the entry is one like any other.
    await assertRejects(() => program.sampleInputs(), ArchiveError, "os.system");
  }
  assertEquals([...Deno.readDirSync(folder)], []);
  await Deno.remove(folder);
});
