/**
 * What can't be exported although PyTorch computes it, as tables for docs/limits.md: from the rows of tests/aten/rows, from
 * what PyTorch does with the calls that they have as refused (`op_rows.py --refused`), and from the records themselves.
 */
import { loadOps, refusalOf, type Row } from "../aten/harness.ts";
import { ops } from "../../src/aten/ops.ts";

const ROWS = new URL("../aten/rows/", import.meta.url);
const COMPUTED = new URL("../fixtures/refused.json", import.meta.url);

/** A line of a table. */
interface Line {
  readonly family: string;
  readonly operator: string;
  readonly text: string;
}

/** The tables as Markdown. */
export async function limitsTables(): Promise<string> {
  const refused: Line[] = [];
  const unlowered: Line[] = [];
  const runtime: Line[] = [];
  const computed = new Set(
    (JSON.parse(await Deno.readTextFile(COMPUTED)) as Row[]).map(({ op, args, kwargs }) => callOf(op, args, kwargs)),
  );
  for (const file of [...Deno.readDirSync(ROWS)].map(({ name }) => name).sort()) {
    const family = file.replace(/\.json$/, "");
    const rows = JSON.parse(await Deno.readTextFile(new URL(file, ROWS))) as Row[];
    const find = await loadOps(rows);
    for (const [index, row] of rows.entries()) {
      const line = (text: string): Line => ({ family, operator: row.op, text });
      if (row.limits?.onnx !== undefined) unlowered.push(line(row.limits.onnx));
      if (row.limits?.runtime !== undefined) runtime.push(line(row.limits.runtime));
      if (row.refused === undefined || !computed.has(callOf(row.op, row.args, row.kwargs))) continue;
      refused.push(line(refusalOf(find(row), row, index) ?? row.refused));
    }
  }
  const whole: Line[] = [];
  for await (const [name, op] of ops) {
    const reason = op.higherOrder?.unsupported;
    if (reason !== undefined) whole.push({ family: "", operator: name, text: reason });
  }
  return [
    "### Operators that are refused in any call",
    table(["operator", "why"], whole.map(({ operator, text }) => [`\`${operator}\``, text])),
    "### Calls that are refused although PyTorch computes them",
    table(["family", "operator", "what the error says"], distinct(refused)),
    "### Calls that the reference computes and ONNX has no form of",
    table(["family", "operator", "why"], distinct(unlowered)),
    "### Calls that onnxruntime computes otherwise, or refuses",
    table(["family", "operator", "what differs"], distinct(runtime)),
  ].join("\n\n");
}

function callOf(op: string, args: unknown, kwargs: unknown = {}): string {
  return JSON.stringify([op, args, kwargs]);
}

function distinct(lines: readonly Line[]): string[][] {
  const rows = lines.map(({ family, operator, text }) => [family, `\`${operator}\``, text]);
  return [...new Map(rows.map((row) => [row.join("|"), row])).values()];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cell = (text: string): string => text.replaceAll("\n", " ").replaceAll("|", "\\|");
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
