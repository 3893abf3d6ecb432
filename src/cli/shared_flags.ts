/** Flags that several commands have because they export or load a program. */
import { type ExportOptions, EXTERNAL_DATA_MODES } from "../export/options.ts";
import type { Flag } from "./args.ts";

/** The user's own operators. */
export const TABLE_FLAG = {
  name: "custom-translation-table",
  value: "FILE",
  about: "a module with translations of operators by name, which is run (see README)",
} as const satisfies Flag;

/** Where models are run. */
export const EP_FLAG = {
  name: "ep",
  value: "P",
  allowed: ["auto", "webgpu", "wasm"],
  about: "where the model is run",
  default: "auto",
} as const satisfies Flag;

/** How far outputs may be from their reference. */
export const TOLERANCE_FLAGS = [
  {
    name: "rtol",
    value: "R",
    about: "relative tolerance of verification: a number, or by dtype, float16=1e-2,float32=1e-4",
    default: "that of the dtype",
  },
  { name: "atol", value: "A", about: "absolute tolerance, likewise", default: "that of the dtype" },
] as const satisfies readonly Flag[];

/** Which program of an archive. */
export const MODEL_FLAG = {
  name: "model",
  value: "NAME",
  about: "which model of an archive that holds several",
} as const satisfies Flag;

/** Where weights go. */
export const EXTERNAL_DATA_FLAG = {
  name: "external-data",
  value: "M",
  allowed: EXTERNAL_DATA_MODES,
  about: "where weights go",
  default: "auto",
} as const satisfies Flag;

/** The user's own operators. Imported for the command's user only: it is code. */
export async function tableOf(file: string | undefined): Promise<Pick<ExportOptions, "customTranslationTable">> {
  if (file === undefined) return {};
  const { importTable } = await import("./translation_table.ts");
  return { customTranslationTable: await importTable(file) };
}
