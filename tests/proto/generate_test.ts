/** The committed src/proto/ is what Buf and protobuf-es make of proto/onnx.proto. */
import { assert, assertEquals } from "@std/assert";
import { dirname, fromFileUrl, join } from "@std/path";

const root = fromFileUrl(new URL("../../", import.meta.url));

Deno.test("src/proto is what proto/ generates", async () => {
  const temp = await Deno.makeTempDir({ prefix: "fx2onnx_proto_" });
  try {
    // The template writes to ../src/proto of the base folder.
    const base = join(temp, "proto");
    await Deno.mkdir(base);
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-lock", "--quiet", "npm:@bufbuild/buf@1.74.0/buf", "generate", "--output", base],
      cwd: join(root, "proto"),
      // The template names `deno`, which need not be on the path of who runs this.
      env: { PATH: `${dirname(Deno.execPath())}:${Deno.env.get("PATH") ?? ""}` },
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    const generated = await texts(join(temp, "src", "proto"));
    const committed = await texts(join(root, "src", "proto"));
    assert(generated.size > 0);
    assertEquals([...committed.keys()], [...generated.keys()]);
    for (const [name, text] of generated) {
      assert(committed.get(name) === text, `src/proto/${name} is not up to date: run \`deno task proto\``);
    }
  } finally {
    await Deno.remove(temp, { recursive: true });
  }
});

async function texts(folder: string): Promise<Map<string, string>> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(folder)) names.push(entry.name);
  return new Map(
    await Promise.all(
      names.sort().map(async (name) => [name, await Deno.readTextFile(join(folder, name))] as [string, string]),
    ),
  );
}
