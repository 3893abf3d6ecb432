/** The runtime's log is read without a line of anyone else's, by one reader after the other, and nothing stays behind. */
import { assertEquals, assertRejects } from "@std/assert";
import { type LogFile, readLog } from "../../src/verify/runtime_log.ts";

/** Stands for `node:fs`: what is passed on is kept. */
function file(): LogFile & { readonly written: (string | number)[] } {
  const written: (string | number)[] = [];
  return {
    written,
    writeSync(to, data) {
      written.push(to, typeof data === "string" ? data : new TextDecoder().decode(data));
      return data.length;
    },
  };
}

const line = (text: string): string => `2026-01-02 03:04:05.6 [V:onnxruntime:, a.cc:1 f] ${text}\n`;

Deno.test("only lines of the runtime are taken", async () => {
  const fs = file();
  const plain = fs.writeSync;
  const log = await readLog(() => {
    assertEquals(fs.writeSync(2, line("one")), line("one").length);
    fs.writeSync(2, "a warning of another library\n");
    fs.writeSync(1, new TextEncoder().encode(line("two")));
    fs.writeSync(7, line("into a file"));
    return Promise.resolve();
  }, fs);
  assertEquals(log, line("one") + line("two"));
  assertEquals(fs.written, [2, "a warning of another library\n", 7, line("into a file")]);
  assertEquals(fs.writeSync, plain);
});

Deno.test("readers take turns, and a failure leaves everything as it was", async () => {
  const fs = file();
  const plain = fs.writeSync;
  const read = (name: string): Promise<string> =>
    readLog(async () => {
      fs.writeSync(2, line(`${name} 1`));
      await new Promise((resolve) => setTimeout(resolve, 1));
      fs.writeSync(2, line(`${name} 2`));
      if (name === "b") throw new Error("b failed");
    }, fs);
  const [a, b, c] = [read("a"), read("b"), read("c")];
  await assertRejects(() => b, Error, "b failed");
  assertEquals([await a, await c], [line("a 1") + line("a 2"), line("c 1") + line("c 2")]);
  assertEquals([fs.writeSync, fs.written], [plain, []]);
});
