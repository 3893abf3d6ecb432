/**
 * The examples of the documentation: those of doc comments, of the README and of the pages under docs/ run. Their folder is
 * a temporary one with a link to the fixtures, so that what they write does not lie about.
 */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";

const root = fromFileUrl(new URL("../", import.meta.url));

Deno.test("every example runs", async () => {
  const folder = await Deno.makeTempDir({ prefix: "fx2onnx_docs_" });
  try {
    await Deno.mkdir(join(folder, "tests"));
    await Deno.symlink(join(root, "tests", "fixtures"), join(folder, "tests", "fixtures"), { type: "dir" });
    await Deno.symlink(join(root, "tests", "torch_save"), join(folder, "tests", "torch_save"), { type: "dir" });
    const paths = ["mod.ts", "testing.ts", "src", "README.md", "docs"].map((path) => join(root, path));
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "--doc", "--config", join(root, "deno.json"), ...paths],
      cwd: folder,
      env: { NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder().decode(stdout);
    assert(success, text + new TextDecoder().decode(stderr));
    const [, passed] = /ok \| (\d+) passed \| 0 failed/.exec(text)!;
    assert(Number(passed) > 40, `only ${passed} examples were found`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("every command of the README runs, in its order", async () => {
  const folder = await Deno.makeTempDir({ prefix: "fx2onnx_readme_" });
  try {
    for (
      const name of ["cli.ts", "mod.ts", "torch.ts", "src", "examples", "tests", "compat", "deno.json", "deno.lock"]
    ) {
      await Deno.symlink(join(root, name), join(folder, name));
    }
    const readme = await Deno.readTextFile(join(root, "README.md"));
    const blocks = [...readme.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, text]) => text);
    const lines = blocks.flatMap((text) => text.split("\n")).filter((line) => line.startsWith("deno run -A cli.ts "));
    assert(lines.length >= 8, `only ${lines.length} commands were found`);
    for (const line of lines) {
      const args = line.replace(/ +#.*$/, "").split(" ").slice(1);
      const { code, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: folder }).output();
      assertEquals(code, 0, `${line}\n${new TextDecoder().decode(stderr)}`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("links of the documentation lead somewhere", async () => {
  const pages = ["README.md", ...[...Deno.readDirSync(join(root, "docs"))].map(({ name }) => `docs/${name}`)];
  const anchors = new Map<string, Set<string>>();
  for (const page of pages) anchors.set(page, anchorsOf(await Deno.readTextFile(join(root, page))));
  const broken: string[] = [];
  for (const page of pages) {
    const text = await Deno.readTextFile(join(root, page));
    for (const [, link] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(link)) continue;
      const [path, anchor] = link.split("#");
      const target = path === "" ? page : page.startsWith("docs/") ? resolveIn("docs", path) : path;
      const exists = await Deno.stat(join(root, target)).then(() => true, () => false);
      if (!exists || anchor !== undefined && !anchors.get(target)?.has(anchor)) broken.push(`${page}: ${link}`);
    }
  }
  assertEquals(broken, []);
});

function resolveIn(folder: string, path: string): string {
  return path.startsWith("../") ? path.slice(3) : `${folder}/${path}`;
}

/** Names of headings, as GitHub makes them. */
function anchorsOf(markdown: string): Set<string> {
  const headings = markdown.replace(/^```[\s\S]*?^```/gm, "").matchAll(/^#+ (.*)$/gm);
  return new Set([...headings].map(([, text]) => text.toLowerCase().replace(/[^\w\- ]/g, "").replaceAll(" ", "-")));
}
