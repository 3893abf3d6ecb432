/**
 * Where weights go, from the archive to the files on disk: each layout of archives by each placement, read back as any
 * reader of ONNX would.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { dirname, join } from "@std/path";
import { exportProgram } from "../../src/export/export.ts";
import type { ExternalData } from "../../src/export/options.ts";
import { openFile } from "../../src/io/file.ts";
import { OptionError, VerificationError } from "../../src/ir/mod.ts";
import { parseModelProto, readModel } from "../../src/onnx/deserialize.ts";
import { verify, verifyProgram } from "../../src/verify/mod.ts";
import { fixture } from "../fixtures.ts";
import { expectedWeight, hugeArchive, LAYOUTS, WEIGHT_SPECS, weightArchive } from "./archives.ts";
import { entryName, readEntries, withText } from "./mutations.ts";

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function listing(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
}

/** Where a written model says that its initializers lie. */
async function places(path: string): Promise<Map<string, { location: string; offset: number } | null>> {
  const { graph } = await parseModelProto(await Deno.readFile(path));
  return new Map(graph!.initializer.map(({ name, externalData }) => {
    const entry = (key: string): string | undefined => externalData.find((e) => e.key === key)?.value;
    const location = entry("location");
    return [name, location === undefined ? null : { location, offset: Number(entry("offset") ?? 0) }] as const;
  }));
}

/** The weights of a written model must be those of the archive. */
async function assertWeights(path: string, what: string): Promise<void> {
  const open: Disposable[] = [];
  try {
    const { graph } = await readModel(await Deno.readFile(path), {
      externalData: async (location) => {
        const file = await openFile(join(dirname(path), location));
        open.push(file);
        return file;
      },
    });
    const found = new Map([...graph.initializers].map((value) => [value.name, value.initializer!]));
    for (const [name, spec] of Object.entries(WEIGHT_SPECS)) {
      // Tied weights are one initializer under the first name.
      if (name === "tied") {
        assert(!found.has(name), what);
        continue;
      }
      const expected = expectedWeight(spec);
      const tensor = await found.get(name)!.load();
      assertEquals([tensor.dtype, tensor.shape], [expected.dtype, spec.sizes], `${what}: ${name}`);
      assertEquals(tensor.toArray(), expected.values, `${what}: ${name}`);
    }
  } finally {
    for (const file of open) file[Symbol.dispose]();
  }
}

/** What `in-place` leaves in an archive as torch writes it; others are strided or too small. */
const STAY = ["plain", "part", "half", "whole", "fixed"];

for (const layout of LAYOUTS) {
  for (const externalData of ["auto", "always", "never", "in-place"] as const satisfies ExternalData[]) {
    Deno.test(`placement: ${externalData} from a ${layout} archive`, async () => {
      await inFolder(async (folder) => {
        const archive = join(folder, "m.pt2");
        await Deno.writeFile(archive, await weightArchive(layout));
        const path = join(folder, "out.onnx");
        const program = await exportProgram(archive, [], path, { externalData });
        program.release();
        const what = `${layout} ${externalData}`;
        await assertWeights(path, what);
        const where = await places(path);
        const used = new Set([...where.values()].map((place) => place?.location).filter((l) => l !== undefined));
        assertEquals(where.get("tiny"), null, "Small tensors stay in the model");
        if (externalData === "auto" || externalData === "never") {
          assertEquals([...used], []);
          assertEquals(listing(folder), ["m.pt2", "out.onnx"]);
          return;
        }
        for (const [name, place] of where) {
          if (place?.location === "out.onnx.data") assertEquals(place.offset % 4096, 0, `${what}: ${name}`);
        }
        if (externalData === "always") assertEquals([...used], ["out.onnx.data"]);
        else {
          const staying = [...where].filter(([, place]) => place?.location === "m.pt2").map(([name]) => name).sort();
          const movable = layout === "big-endian" || layout === "compressed" ? [] : [...STAY].sort();
          assertEquals(staying, movable, what);
        }
        assertEquals(
          listing(folder),
          used.has("out.onnx.data") ? ["m.pt2", "out.onnx", "out.onnx.data"] : ["m.pt2", "out.onnx"],
        );
      });
    });
  }
}

Deno.test("placement: the same archive gives the same bytes", async () => {
  await inFolder(async (folder) => {
    const archive = join(folder, "m.pt2");
    await Deno.writeFile(archive, await weightArchive("2.9"));
    for (const externalData of ["always", "in-place"] as const) {
      const outputs: Uint8Array[] = [];
      for (const name of ["a", "b"]) {
        await Deno.mkdir(join(folder, name), { recursive: true });
        await Deno.copyFile(archive, join(folder, name, "m.pt2"));
        const path = join(folder, name, "x.onnx");
        (await exportProgram(join(folder, name, "m.pt2"), [], path, { externalData })).release();
        outputs.push(await Deno.readFile(path), await Deno.readFile(`${path}.data`));
      }
      assertEquals(outputs.slice(0, 2), outputs.slice(2), externalData);
    }
  });
});

Deno.test("placement: a model with its weights elsewhere computes the same", async () => {
  await inFolder(async (folder) => {
    for (const externalData of ["always", "in-place"] as const) {
      await Deno.copyFile(fixture("convnet.pt2"), join(folder, "m.pt2"));
      const program = await exportProgram(join(folder, "m.pt2"), [], join(folder, "m.onnx"), { externalData });
      assertEquals((await verifyProgram(program, { ep: "wasm" })).passed, true);
      program.release();
    }
  });
});

Deno.test("placement: weights of over 2 GB are refused inline, and nothing is read or left", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "x.onnx");
    const never = async () => {
      await exportProgram(await hugeArchive(600, 1_000_000), [], path, { externalData: "never" });
    };
    await assertRejects(never, RangeError, "as one file: it would have 2400");
    assertEquals(listing(folder), []);
  });
});

Deno.test("placement: in place needs an archive that the model can point to", async () => {
  await inFolder(async (folder) => {
    const bytes = await weightArchive("2.9");
    const fromBytes = () => exportProgram(bytes, [], join(folder, "x.onnx"), { externalData: "in-place" });
    await assertRejects(fromBytes, OptionError, "Cannot leave weights in place: the program was not read from a file");
    await Deno.mkdir(join(folder, "models"));
    await Deno.writeFile(join(folder, "m.pt2"), bytes);
    const above = () =>
      exportProgram(join(folder, "m.pt2"), [], join(folder, "models", "x.onnx"), { externalData: "in-place" });
    await assertRejects(above, OptionError, "does not lie in");
    assertEquals(listing(folder), ["m.pt2", "models"]);
    assertEquals(listing(join(folder, "models")), []);
    const onto = () => exportProgram(join(folder, "m.pt2"), [], join(folder, "m.pt2"));
    await assertRejects(onto, OptionError, "archive");
    assertEquals(await Deno.readFile(join(folder, "m.pt2")), bytes);
  });
});

Deno.test("placement: a model whose archive was exchanged for another is told", async () => {
  await inFolder(async (folder) => {
    const [archive, path] = [join(folder, "m.pt2"), join(folder, "m.onnx")];
    await Deno.copyFile(fixture("mlp.pt2"), archive);
    (await exportProgram(archive, [], path, { externalData: "in-place" })).release();
    assertEquals((await verify(path, { program: archive, ep: "wasm" })).passed, true);
    const entries = await readEntries(await Deno.readFile(archive));
    const id = entryName(entries, ".data/serialization_id");
    await Deno.writeFile(archive, await withText(entries, id, "another"));
    await assertRejects(() => verify(path, { program: archive, ep: "wasm" }), VerificationError, "another archive");
  });
});

Deno.test("placement: no path of the machine is in the model", async () => {
  await inFolder(async (folder) => {
    await Deno.writeFile(join(folder, "m.pt2"), await weightArchive("2.9"));
    (await exportProgram(join(folder, "m.pt2"), [], join(folder, "m.onnx"), { externalData: "in-place" })).release();
    const text = new TextDecoder("latin1").decode(await Deno.readFile(join(folder, "m.onnx")));
    assert(!text.includes(folder));
  });
});
