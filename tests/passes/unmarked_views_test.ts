/**
 * Results share memory with arguments where PyTorch's do, also where schemas don't say so
 * (`tests/tools/unmarked_views.py`): else writes to them would be lost in silence.
 */
import { assert, assertEquals } from "@std/assert";
import { MetaInterpreter } from "../../src/aten/calls.ts";
import { type Op, OpTable } from "../../src/aten/mod.ts";
import type { Meta } from "../../src/tensor/mod.ts";

interface Case {
  readonly op: string;
  readonly args: unknown[];
  readonly shares: boolean[];
}

const text = await Deno.readTextFile(new URL("../fixtures/unmarked_views.json", import.meta.url));
const cases = JSON.parse(text) as Case[];
const table = await OpTable.load(cases.map(({ op }) => `torch.ops.aten.${op}`));
const metas = new MetaInterpreter();

/** Integers are told from floats. */
function argument(written: unknown): unknown {
  if (Array.isArray(written)) return written.map(argument);
  return typeof written === "object" && written !== null && "int" in written ? BigInt(written.int as number) : written;
}

/** For each result whether functionalization takes it for a view. */
function sharing(op: Op, args: unknown[]): boolean[] {
  const positional = op.parsed.args.filter((arg) => !arg.keywordOnly).length;
  const named = op.parsed.args.slice(positional).map(({ name }, i) => [name, args[positional + i]] as const);
  const given = new Map(named.filter(([, value]) => value !== undefined)) as Map<string, Meta>;
  const bound = metas.bind(op, args.slice(0, positional) as Meta[], given);
  const count = ([metas.apply(op, bound)].flat(2) as unknown[]).length;
  // deno-lint-ignore no-explicit-any -- arguments of a schema that only the record knows
  const known = bound as any;
  if (op.views) return op.views(metas, known).map((view) => view !== null);
  const isView = op.inverse !== undefined && (op.aliases?.(known[op.parsed.args[0].name], known) ?? true);
  return new Array(count).fill(isView);
}

for (const { op: name, args, shares } of cases) {
  const texts = JSON.stringify(args.map((arg) => typeof arg === "object" ? "…" : arg));
  Deno.test(`memory shared by ${name} ${texts} [${shares}]`, () => {
    const found = table.resolve(`torch.ops.aten.${name}`);
    assert(found, `${name} has no record`);
    assertEquals(sharing(found.op, args.map(argument)), shares);
  });
}
