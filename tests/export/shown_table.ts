/**
 * The lines that the error of fixtures/custom.pt2 shows, as a user takes them: tests compare them with the error, and they
 * are type-checked with the tests.
 */
import { type CustomTranslationTable, float } from "../../mod.ts";

/** The table. */
// deno-fmt-ignore
export const customTranslationTable: CustomTranslationTable = {
  "shop::scaled_add": (b, { x, y, alpha, clamp = false /* the operator's default */ }) => b.op("scaled_add", [x, y], { alpha: float(alpha), clamp: Number(clamp) }, "shop"),
  "shop::split_sign": (b, { x, factor }) => b.ops("split_sign", [x], 2, { factor }, "shop"),
};
