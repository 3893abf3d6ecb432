/** Archives of torch 2.1 to 2.5 are exported, and the models compute what the programs say. */
import { assert, assertEquals } from "@std/assert";
import { export as exportProgram } from "../../mod.ts";
import { OLD_PROGRAM, OLD_VERSIONS, OldForms, oldParts, type OldVersion, withText } from "../pt2/build_old.ts";
import { type Data, type Parts, writeParts } from "../pt2/build.ts";

/** Verifies the archive's model, and returns what its outputs are called. */
async function verified(parts: Parts, version: OldVersion): Promise<string[]> {
  const archive = await writeParts(withText(parts), "");
  const program = await exportProgram(archive, [], null, { verify: true, ep: "wasm" });
  try {
    const { passed, runs } = program.verification!;
    assert(passed && runs.length > 0, version);
    return (await program.modelProto()).graph!.output.map((value) => value.name);
  } finally {
    await program.release();
  }
}

Deno.test("archives of all old releases are exported and agree with the interpreter", async () => {
  for (const version of OLD_VERSIONS) {
    const outputs = await verified(await oldParts(version), version);
    const buffer = version === "1" ? "L__self___b_out" : "b_out";
    assertEquals(outputs, ["scaled", "index", "picked", "view", buffer], version);
  }
});

Deno.test("torch 2.1's attention, with results that nothing uses and numbers among them", async () => {
  const forms = new OldForms("1");
  const parts = await oldParts("1");
  const { graph } = parts[OLD_PROGRAM].graph_module;
  const q = forms.tensor("q");
  const unused = (i: number): string => `attention_unused_${i}`;
  const sym = (i: number): Data => forms.argument("as_sym_int", { as_name: unused(i), as_int: null });
  graph.nodes.push(
    forms.node("torch.ops.aten.view.default", [
      ["self", forms.tensor("w")],
      ["size", forms.argument("as_ints", [1, 1, 3, 1])],
    ], [q]),
    forms.node("torch.ops.aten._scaled_dot_product_flash_attention.default", [
      ["query", q],
      ["key", q],
      ["value", q],
      ["dropout_p", forms.argument("as_float", 0)],
      ["is_causal", forms.argument("as_bool", true)],
      ["return_debug_mask", forms.argument("as_bool", false)],
      ["scale", forms.none()],
    ], [
      forms.tensor("attended"),
      ...[1, 2, 3].map((i) => forms.tensor(unused(i))),
      ...[4, 5].map(sym),
      ...[6, 7, 8].map((i) => forms.tensor(unused(i))),
    ]),
    forms.node("torch.ops.aten.view.default", [
      ["self", forms.tensor("attended")],
      ["size", forms.argument("as_ints", [3])],
    ], [forms.tensor("flat")]),
  );
  graph.tensor_values.q = graph.tensor_values.attended = forms.meta(7, 1, 1, 3, 1);
  graph.tensor_values.flat = forms.meta(7, 3);
  graph.tensor_values[unused(1)] = forms.meta(7, 1, 1, 3);
  for (const i of [2, 3, 6, 7, 8]) graph.tensor_values[unused(i)] = forms.meta(i < 4 ? 4 : i < 8 ? 5 : 7);
  for (const i of [4, 5]) graph.sym_int_values[unused(i)] = forms.size(0);
  graph.outputs[1] = forms.tensor("flat");
  parts[OLD_PROGRAM].graph_module.signature.user_outputs[0] = "flat";
  assertEquals((await verified(parts, "1"))[0], "flat");
});
