/** Names of artifacts, and where they are written. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { join, toFileUrl } from "@std/path";
import { Artifacts, artifactTime } from "../../src/export/artifacts.ts";

const now = (): Date => new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 6));

Deno.test("times are in UTC, to the millisecond, without what file systems refuse", () => {
  assertEquals(artifactTime(now()), "2026-01-02_03-04-05-006");
});

Deno.test("an artifact's path is its folder's, whichever way that is written", () => {
  const name = "onnx_export_2026-01-02_03-04-05-006_success.md";
  assertEquals(new Artifacts(".", { now }).path("success.md"), name);
  assertEquals(new Artifacts("", { now }).path("success.md"), name);
  assertEquals(new Artifacts("a/b", { now }).path("success.md"), `a/b/${name}`);
  assertEquals(new Artifacts("a/b/", { now }).path("success.md"), `a/b/${name}`);
});

Deno.test("writing makes the folder; what can't be written is told with its path", async () => {
  const folder = await Deno.makeTempDir();
  const artifacts = new Artifacts(join(folder, "a", "b"), { now });
  const path = await artifacts.write("x.md", "ä");
  assertEquals(await Deno.readTextFile(path), "ä");
  assertEquals(artifacts.paths, [path]);
  assertEquals(
    await Deno.readTextFile(
      await new Artifacts(toFileUrl(join(folder, "c")), { now }).write("z.md", "z")
        .then((url) => new URL(url)),
    ),
    "z",
  );
  assertEquals([...Deno.readDirSync(join(folder, "a", "b"))].length, 1);
  const error = await assertRejects(() => new Artifacts(path, { now }).write("y.md", ""), Error);
  assert(error.message.includes(path), error.message);
  await Deno.remove(folder, { recursive: true });
});
