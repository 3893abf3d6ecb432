/**
 * What is published: it works in a consumer's empty folder, importing it loads little and nothing foreign, and its
 * documentation is complete.
 */
import { assert, assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import { dirname, fromFileUrl, join, toFileUrl } from "@std/path";
import { fixture } from "./fixtures.ts";

const root = fromFileUrl(new URL("../", import.meta.url));

/** What importing the library may load, in bytes, minified. */
const MAX_STATIC = 300_000;

async function deno(args: string[], cwd: string = root): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd,
    env: { NO_COLOR: "1" },
  }).output();
  assert(success, `deno ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

async function inTemp(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "fx2onnx_publish_" });
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function copy(from: string, to: string): Promise<void> {
  if ((await Deno.stat(from)).isFile) {
    await Deno.mkdir(dirname(to), { recursive: true });
    return await Deno.copyFile(from, to);
  }
  for await (const entry of Deno.readDir(from)) await copy(join(from, entry.name), join(to, entry.name));
}

Deno.test("a consumer exports and verifies from an empty folder with nothing but what is published", async () => {
  await inTemp(async (folder) => {
    const config = JSON.parse(await Deno.readTextFile(join(root, "deno.json")));
    for (const path of config.publish.include) await copy(join(root, path), join(folder, "published", path));
    const app = join(folder, "app");
    await Deno.mkdir(app);
    // `links` stands in for the registry: the package is found by its name, and resolves its own imports.
    await Deno.writeTextFile(
      join(app, "deno.json"),
      JSON.stringify({
        imports: { [config.name]: `jsr:${config.name}@^${config.version}` },
        links: ["../published"],
      }),
    );
    await Deno.writeTextFile(
      join(app, "main.ts"),
      `import * as onnx from "${config.name}";
       const options: onnx.ExportOptions = { verify: true, ep: "wasm" };
       const program = await onnx.export(Deno.args[0], [], "mlp.onnx", options);
       console.log(program.verification?.passed, program.model.graph.inputs.length);
       await program.release();`,
    );
    const args = ["run", "-A", "--check", "--no-lock", "--cached-only", "main.ts", fixture("mlp.pt2")];
    assertStringIncludes(await deno(args, app), "true 3");
    assert((await Deno.stat(join(app, "mlp.onnx"))).size > 0);
  });
});

interface Info {
  roots: string[];
  modules: Array<{
    specifier: string;
    dependencies?: Array<{ specifier: string; code?: { specifier: string }; isDynamic?: boolean }>;
  }>;
}

Deno.test("importing the library loads files of its own only, and no kernel", async () => {
  const info: Info = JSON.parse(await deno(["info", "--json", "mod.ts"]));
  const modules = new Map(info.modules.map((module) => [module.specifier, module]));
  const reached = new Set(info.roots);
  for (const specifier of reached) {
    for (const { code, isDynamic } of modules.get(specifier)?.dependencies ?? []) {
      if (code && !isDynamic) reached.add(code.specifier);
    }
  }
  const own = toFileUrl(root).href;
  assertEquals([...reached].filter((specifier) => !specifier.startsWith(own)), []);
  assertEquals(
    [...reached].filter((specifier) => /\/(verify|proto|cli|optimize)\/|kernel|serialize/.test(specifier)),
    [],
  );
  assert(reached.size > 50, "the graph was not followed");
});

Deno.test("importing the library loads less than 300 kB, minified", async () => {
  await inTemp(async (folder) => {
    await deno(["bundle", "--quiet", "--minify", "--code-splitting", "--outdir", folder, "mod.ts"]);
    const reached = new Set(["mod.js"]);
    let bytes = 0;
    for (const file of reached) {
      const text = await Deno.readTextFile(join(folder, file));
      bytes += new TextEncoder().encode(text).byteLength;
      const statics = /(?:^|[;}])\s*(?:im|ex)port\s*(?:[^()"']*?\bfrom\s*)?"\.\/([^"]+)"/g;
      for (const [, imported] of text.matchAll(statics)) reached.add(imported);
    }
    assert(reached.size > 5, "the chunks were not followed");
    assertLess(bytes, MAX_STATIC);
  });
});

Deno.test("every public symbol is documented, and so is every type that it names", async () => {
  await deno(["doc", "--lint", "mod.ts", "testing.ts", "cli.ts"]);
});
