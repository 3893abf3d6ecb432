/**
 * The architecture's rules about who may import what, over the module graph that `deno info` reports: folders import
 * only what stands above them, third parties enter at one place each, only a few files know the system they run on, and
 * what a command does not need is not loaded at start-up.
 */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, join, relative, toFileUrl } from "@std/path";

const root = fromFileUrl(new URL("../", import.meta.url));

/** The folders of src/, lowest first: a folder imports itself and what stands before it. */
const folders = [
  "proto",
  "io",
  "sym",
  "tensor",
  "torch_save",
  "ir",
  "fx",
  "onnx",
  "aten",
  "trace",
  "pt2",
  "passes",
  "capture",
  "optimize",
  "verify",
  "export",
  "cli",
];

/** Packages and the folders of src/ that may import them; the entries and src/cli reach them through these. */
const thirdParties: Array<[pattern: RegExp, allowed: string[]]> = [
  [/^onnxruntime-/, ["verify"]],
  [/^@bufbuild\//, ["proto", "onnx"]],
  [/^@dagrejs\//, ["export"]],
  [/^acorn$/, ["capture"]],
  [/^(@std\/|jsr:)/, ["cli"]],
  [/^(npm:|https?:)/, []],
];

/** Folders that few may import although they stand above many. */
const restricted = new Map([["proto", ["onnx"]]]);

interface Import {
  specifier: string;
  /** The path from the repository's root, or undefined outside it. */
  path?: string;
  dynamic: boolean;
  typeOnly: boolean;
}

type Modules = Map<string, Import[]>;

interface Reference {
  specifier: string;
  error?: string;
}

interface Info {
  modules: Array<{
    specifier: string;
    error?: string;
    dependencies?: Array<{ specifier: string; code?: Reference; type?: Reference; isDynamic?: boolean }>;
  }>;
}

async function sources(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(join(root, folder))) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) found.push(...await sources(path));
    else if (entry.name.endsWith(".ts")) found.push(path);
  }
  return found.sort();
}

async function entries(): Promise<string[]> {
  const config = JSON.parse(await Deno.readTextFile(join(root, "deno.json")));
  return Object.values<string>(config.exports).map((path) => path.replace("./", ""));
}

/** The imports of every file of src/ and of the entries, asked for at once: a process per file would take minutes. */
async function graph(): Promise<{ modules: Modules; missing: string[] }> {
  const files = [...await entries(), ...await sources("src")];
  const temp = await Deno.makeTempDir({ prefix: "fx2onnx_layering_" });
  try {
    const all = join(temp, "all.ts");
    await Deno.writeTextFile(all, files.map((file) => `import "${toFileUrl(join(root, file))}";\n`).join(""));
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--config", join(root, "deno.json"), all],
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    const modules: Modules = new Map();
    const missing: string[] = [];
    for (const module of (JSON.parse(new TextDecoder().decode(stdout)) as Info).modules) {
      const path = local(module.specifier);
      if (path === undefined) continue;
      if (module.error !== undefined) missing.push(`${path}: ${module.error}`);
      modules.set(
        path,
        (module.dependencies ?? []).map((dependency) => ({
          specifier: dependency.specifier,
          path: local((dependency.code ?? dependency.type)?.specifier ?? ""),
          dynamic: dependency.isDynamic ?? false,
          typeOnly: dependency.code === undefined,
        })),
      );
    }
    assertEquals(files.filter((file) => !modules.has(file)), []);
    return { modules, missing };
  } finally {
    await Deno.remove(temp, { recursive: true });
  }
}

function local(specifier: string): string | undefined {
  if (!specifier.startsWith("file:")) return undefined;
  const path = relative(root, fromFileUrl(specifier)).replaceAll("\\", "/");
  return path.startsWith("..") ? undefined : path;
}

function folderOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1];
}

/** What breaks the order of folders or the rules on third parties. */
function misplaced(modules: Modules): string[] {
  const found: string[] = [];
  for (const [file, imports] of modules) {
    const folder = folderOf(file);
    if (folder === undefined) continue;
    if (!folders.includes(folder)) found.push(`${file}: src/${folder} has no place in the order of folders`);
    for (const { specifier, path } of imports) {
      const rule = thirdParties.find(([pattern]) => pattern.test(specifier));
      if (rule !== undefined && !rule[1].includes(folder)) found.push(`${file} imports ${specifier}`);
      if (path === undefined || path.startsWith("compat/")) continue;
      const target = folderOf(path);
      if (target === folder) continue;
      const above = target !== undefined && folders.indexOf(target) < folders.indexOf(folder);
      const allowed = target === undefined || (restricted.get(target)?.includes(folder) ?? true);
      if (!above || !allowed) found.push(`${file} imports ${path}`);
    }
  }
  return found;
}

/** What loading a file loads with it, with the import that leads there. */
function loaded(modules: Modules, entry: string): Map<string, string> {
  const reached = new Map([[entry, entry]]);
  for (const file of reached.keys()) {
    for (const { specifier, path, dynamic, typeOnly } of modules.get(file) ?? []) {
      const target = path ?? specifier;
      if (!dynamic && !typeOnly && !reached.has(target)) reached.set(target, `${reached.get(file)} > ${target}`);
    }
  }
  return reached;
}

/** What an entry loads at start-up though it is meant to be loaded on first use. */
function eager(modules: Modules, entry: string): string[] {
  const lazy = new Set<string>();
  for (const [file, imports] of modules) {
    if (folderOf(file) !== "aten") continue;
    for (const { path, dynamic } of imports) if (dynamic && path !== undefined) lazy.add(path);
  }
  return [...loaded(modules, entry)]
    .filter(([target]) => /^(onnxruntime-|@bufbuild\/|@dagrejs\/|src\/proto\/)|kernel/.test(target) || lazy.has(target))
    .map(([, way]) => way);
}

/** A source without its comments and plain strings, in which names can be looked for. */
function code(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g, " ");
}

function usesDeno(source: string): boolean {
  return /\bDeno\s*(\.|\[|\?\.)/.test(code(source));
}

const { modules, missing } = await graph();

Deno.test("everything that is imported or exported exists", () => {
  assertEquals(missing, []);
});

Deno.test("each folder imports only what stands above it", () => {
  assertEquals(misplaced(modules), []);
});

Deno.test("only src/io/file.ts and src/cli know Deno and Node", async () => {
  const found: string[] = [];
  for (const [file, imports] of modules) {
    // The inspector and the compiler that capture needs load where they are, and are refused where not.
    if (file === "src/capture/strict/source.ts") continue;
    if (file === "cli.ts" || file === "src/io/file.ts" || file.startsWith("src/cli/") || file.startsWith("compat/")) {
      continue;
    }
    for (const { specifier } of imports) if (specifier.startsWith("node:")) found.push(`${file} imports ${specifier}`);
    if (missing.some((text) => text.startsWith(`${file}:`))) continue;
    if (usesDeno(await Deno.readTextFile(join(root, file)))) found.push(`${file} uses Deno`);
  }
  assertEquals(found, []);
});

Deno.test("loading an entry loads no runtime, no protobuf, no kernel and no operator", async () => {
  for (const entry of await entries()) {
    // Models in TypeScript call any operator, and can't wait for it.
    const found = eager(modules, entry).filter((way) => entry !== "torch.ts" || !/src\/aten\/\w+\.ts$/.test(way));
    assertEquals(found, [], entry);
  }
});

Deno.test("the rules find what breaks them", () => {
  const plain = { dynamic: false, typeOnly: false };
  const broken: Modules = new Map([
    ["mod.ts", [{ specifier: "./src/aten/mod.ts", path: "src/aten/mod.ts", ...plain }]],
    ["src/aten/mod.ts", [
      { specifier: "./norm.ts", path: "src/aten/norm.ts", ...plain, dynamic: true },
      { specifier: "./unary.ts", path: "src/aten/unary.ts", ...plain },
    ]],
    ["src/aten/unary.ts", [{ specifier: "./norm.ts", path: "src/aten/norm.ts", ...plain }]],
    ["src/aten/norm.ts", [{ specifier: "../proto/onnx_pb.ts", path: "src/proto/onnx_pb.ts", ...plain }]],
    ["src/io/zip.ts", [
      { specifier: "../ir/errors.ts", path: "src/ir/errors.ts", dynamic: false, typeOnly: true },
      { specifier: "onnxruntime-web/wasm", dynamic: true, typeOnly: false },
    ]],
    ["src/odd/a.ts", []],
  ]);
  assertEquals(misplaced(broken), [
    "src/aten/norm.ts imports src/proto/onnx_pb.ts",
    "src/io/zip.ts imports src/ir/errors.ts",
    "src/io/zip.ts imports onnxruntime-web/wasm",
    "src/odd/a.ts: src/odd has no place in the order of folders",
  ]);
  assertEquals(eager(broken, "mod.ts"), [
    "mod.ts > src/aten/mod.ts > src/aten/unary.ts > src/aten/norm.ts",
    "mod.ts > src/aten/mod.ts > src/aten/unary.ts > src/aten/norm.ts > src/proto/onnx_pb.ts",
  ]);
  assert(usesDeno("await Deno.open(path)") && usesDeno("x = Deno?.args"));
  assert(!usesDeno("/** Deno.open */ // Deno.open\n throw new Error('Deno.open')"));
});
