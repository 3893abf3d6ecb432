/**
 * Brings the programs of torch 2.1 to 2.5 to the current form of the format, so that one reader, with all its checks,
 * reads them all. Each release's step stands in a file of its own; an old program goes through all that follow it.
 */
import type { Field } from "../fields.ts";
import { from1 } from "./from_1.ts";
import { from2 } from "./from_2.ts";
import { from5_1 } from "./from_5_1.ts";
import { from5_3 } from "./from_5_3.ts";
import { from7_3 } from "./from_7_3.ts";
import { rewrite, type Step } from "./walk.ts";

/** The steps in order, each with the version that it starts from. */
const STEPS: readonly (readonly [version: string, step: (program: Field) => Step])[] = [
  ["1", () => from1],
  ["2", () => from2],
  ["5.1", () => from5_1],
  ["5.3", () => from5_3],
  ["7.3", from7_3],
];

/**
 * The program in the current form. What is no record of its version is refused here or left to the reader.
 *
 * @param version a schema version of a release before torch 2.6
 * @throws {ArchiveError} where a part that changes its form is not what it should be
 */
export function upgradeProgram(program: Field, version: string): Field {
  const first = STEPS.findIndex(([start]) => start === version);
  if (first < 0) throw new RangeError(`Cannot upgrade schema version ${version}: no release wrote it`);
  const steps = STEPS.slice(first).map(([, step]) => step(program));
  return program.replaced(rewrite("program", program, steps), ` (of schema version ${version}, brought to 8)`);
}
