/** `--custom-translation-table FILE`: a module with translations of the user's own operators. */
import type { CustomTranslationTable } from "../aten/custom.ts";
import { OptionError } from "../ir/mod.ts";

/**
 * Imports a table: the module's `customTranslationTable`, or what it exports by default. The module runs with the
 * permissions of the command, so only the user's own may be named.
 *
 * @throws {OptionError} when the module can't be imported or has no table
 */
export async function importTable(file: string): Promise<CustomTranslationTable> {
  const { resolve, toFileUrl } = await import("@std/path");
  let module: Record<string, unknown>;
  try {
    module = await import(toFileUrl(resolve(file)).href);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new OptionError(`Cannot import the translation table ${file}: ${why}`, {}, { cause: error });
  }
  const table = module.customTranslationTable ?? module.default;
  if (typeof table !== "object" || table === null) {
    throw new OptionError(`${file} has no translation table`, {
      hint: 'Write: export const customTranslationTable = { "mylib::op": (b, { x }) => … }',
    });
  }
  return table as CustomTranslationTable;
}
