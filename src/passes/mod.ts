/** What is done to a program before it is translated: calls that stand for something else are replaced, writes are gone. */
import { customOps, type CustomTranslationTable } from "../aten/custom.ts";
import { type Op, OpTable } from "../aten/mod.ts";
import { type ExportedProgram, targetsOf } from "../fx/mod.ts";
import type { Fx2OnnxError } from "../ir/mod.ts";
import { correctMetas, decompositionFaults } from "./correct.ts";
import { expand } from "./expand.ts";
import { functionalize } from "./functionalize.ts";

export { expand, type Expanded } from "./expand.ts";
export { functionalize } from "./functionalize.ts";

/** A program that only computes, and the records of its operators. */
export interface Prepared {
  readonly program: ExportedProgram;
  readonly table: OpTable;
  /** The user's own among them. */
  readonly custom: readonly Op[];
  /** Calls that could not be replaced, and what is wrong with the program itself. */
  readonly errors: readonly Fx2OnnxError[];
}

/**
 * Expands a program and makes it functional. Shapes that its release of PyTorch recorded wrongly are corrected in place.
 *
 * @param translations a user's own operators
 * @throws {OptionError} for an entry of it that is no translation
 * @throws {LoweringError} located, where a mutation can't be expressed
 */
export async function prepare(program: ExportedProgram, translations?: CustomTranslationTable): Promise<Prepared> {
  const custom = translations ? customOps(translations, program.graph) : [];
  const table = await OpTable.load(targetsOf(program.graph), custom);
  correctMetas(program.graph, table);
  const { program: expanded, errors } = expand(program, table);
  return {
    program: await functionalize(expanded, table),
    table,
    custom,
    errors: [...decompositionFaults(program), ...errors],
  };
}
