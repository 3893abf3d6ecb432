/** What is done to a program before it is translated: calls that stand for something else are replaced, writes are gone. */
import { OpTable } from "../aten/mod.ts";
import { type ExportedProgram, targetsOf } from "../fx/mod.ts";
import type { Fx2OnnxError } from "../ir/mod.ts";
import { expand } from "./expand.ts";
import { functionalize } from "./functionalize.ts";

export { expand, type Expanded } from "./expand.ts";
export { functionalize } from "./functionalize.ts";

/** A program that only computes, and the records of its operators. */
export interface Prepared {
  readonly program: ExportedProgram;
  readonly table: OpTable;
  /** Calls that could not be replaced. */
  readonly errors: readonly Fx2OnnxError[];
}

/**
 * Expands a program and makes it functional.
 *
 * @throws {LoweringError} located, where a mutation can't be expressed
 */
export async function prepare(program: ExportedProgram): Promise<Prepared> {
  const table = await OpTable.load(targetsOf(program.graph));
  const { program: expanded, errors } = expand(program, table);
  return { program: await functionalize(expanded, table), table, errors };
}
