/** Models written in TypeScript from the command line: a file to start from, and files that are exported. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { inFolder, run } from "./run.ts";

const root = fromFileUrl(new URL("../../", import.meta.url));

/** A file with the library imported by where it lies: there is no configuration beside it. */
async function write(folder: string, name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await Deno.writeTextFile(path, text.replaceAll("@fx2onnx/fx2onnx/torch", join(root, "torch.ts")));
  return path;
}

Deno.test("the file that new writes is exported and verified", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "model.ts");
    assertEquals((await run("new", path)).code, 0);
    const again = await run("new", path);
    assertEquals([again.code, again.stderr.includes("exists already: use --force")], [1, true]);
    await write(folder, "model.ts", await Deno.readTextFile(path));
    const { code, stdout, stderr } = await run("export", path, "--verify", "--ep", "wasm");
    assertEquals(code, 0, stderr);
    assertStringIncludes(stdout, "inputs: x float32[batch, 16]");
    assertStringIncludes(stdout, "outputs: probabilities float32[batch, 4]");
    assert((await Deno.stat(join(folder, "model.onnx"))).isFile);
  });
});

Deno.test("a file may export its model, arguments and options by name", async () => {
  await inFolder(async (folder) => {
    const path = await write(
      folder,
      "double.ts",
      `import { type Tensor, torch } from "@fx2onnx/fx2onnx/torch";
       export default (x: Tensor): Tensor => x.mul(2);
       export const args = [torch.ones([2, 3])];
       export const dynamicShapes = [{ 1: "width" }];`,
    );
    const { code, stdout, stderr } = await run("export", path, "--input-names", "left", "--verify", "--ep", "wasm");
    assertEquals(code, 0, stderr);
    assertStringIncludes(stdout, "inputs: left float32[2, width]");
  });
});

Deno.test("a file that gives no model, and one that can't be captured, are told with what to do", async () => {
  await inFolder(async (folder) => {
    for (
      const [text, expected] of [
        ["export const x = 1;", "has no default export"],
        ["export default 3;", "is not a model"],
        ["export default { model: (x) => x, args: 3 };", "args must be an array"],
        ["export default (x) => x.missing();\nexport const args = [1];", "missing"],
        ["throw new Error('while it loads');", "while it loads"],
      ] as const
    ) {
      const path = await write(folder, "model.js", text);
      const { code, stderr } = await run("export", path, "-o", join(folder, "x.onnx"));
      assertEquals(code, 1, stderr);
      assertStringIncludes(stderr, expected);
      assertEquals(await Deno.stat(join(folder, "x.onnx")).then(() => true, () => false), false);
    }
  });
});
