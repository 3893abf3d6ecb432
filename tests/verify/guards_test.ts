/** What programs found true of their inputs' sizes, which other sizes of a verification must keep. */
import { assertEquals } from "@std/assert";
import { exportProgram } from "../../src/export/export.ts";
import type { ExportedProgram } from "../../src/fx/mod.ts";
import { load } from "../../src/pt2/load.ts";
import { Bindings } from "../../src/verify/bindings.ts";
import { Guards } from "../../src/verify/guards.ts";

/** The MLP of the fixtures, with guards: its inputs have s18 rows, 3 in the sample, of 8 elements. */
async function guarded(guardsCode: readonly string[]): Promise<ExportedProgram> {
  return Object.create(await load("tests/fixtures/mlp.pt2"), { guardsCode: { value: guardsCode } });
}

Deno.test("guards: their sizes are found in the tree of inputs, and Python's functions are read", async () => {
  for (
    const [code, holding, broken] of [
      ["L['tensor_x'].size()[0] % 3 == 0", 6, 7],
      ["max(1, 4*(L['input_dict']['tensor_x'].size()[0]//4)) == L['input_dict']['tensor_x'].size()[0]", 8, 9],
      ["L['input_list'][0].size()[0] != 4 and not L['tensor_x'].size()[0] > 10", 5, 4],
      ["math.ceil(torch.sym_float(L['tensor_x'].size()[0]) / 2) == 2", 3, 5],
    ] as const
  ) {
    const guards = new Guards(await guarded([code]));
    assertEquals(guards.broken(new Bindings([["s18", holding]])), null, code);
    assertEquals(guards.broken(new Bindings([["s18", broken]])), code);
  }
});

Deno.test("guards: what tests something else than sizes, or can't be read, is left out", async () => {
  const codes = ["L['other'].size()[0] == 1", "len(L['input_list']) == 1", "__import__('os').system('true')", "(("];
  const guards = new Guards(await guarded(codes));
  assertEquals(guards.broken(new Bindings([["s18", 5]])), null);
});

for (
  const [code, size] of [
    ["L['tensor_x'].size()[0] % 3 == 0", "s18=6"],
    ["L['tensor_x'].size()[0] != 4", "s18=6"],
  ] as const
) {
  Deno.test(`guards: a second size that keeps ${code} is verified`, async () => {
    const program = await exportProgram(await guarded([code]), [], null, { verify: true, ep: "wasm" });
    assertEquals(program.verification!.passed, true);
    assertEquals(program.verification!.runs.map(({ inputs }) => inputs), ["sample", size]);
    await program.release();
  });
}

Deno.test("guards: one that holds for the sample's size alone is told", async () => {
  const code = "L['tensor_x'].size()[0] == 3";
  const program = await exportProgram(await guarded([code]), [], null, { verify: true, ep: "wasm" });
  assertEquals(program.verification!.notes, [
    `No other size of s18 was compared. The program was captured for sizes where ${code}`,
  ]);
  await program.release();
});
