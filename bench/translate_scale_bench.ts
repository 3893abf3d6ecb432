/**
 * How the time of an export grows with the number of nodes: a program of 100,000 nodes must take less than 12 times the time
 * of one of 10,000. Run as a script, it tells the time of each step and fails where the growth is larger.
 *
 * Run: `deno bench -A bench/translate_scale_bench.ts`, or `deno run -A bench/translate_scale_bench.ts`
 */
import { exportProgram } from "../src/export/export.ts";
import type { StepEvent } from "../src/export/options.ts";
import { syntheticArchive } from "./synthetic_program.ts";

const SIZES = [10_000, 100_000] as const;
/** Times as long that ten times as many nodes may take. */
const GROWTH = 12;

async function run(bytes: Uint8Array, times?: Map<string, number>): Promise<void> {
  const onStep = ({ name, status, ms }: StepEvent): void => {
    if (status === "done") times?.set(name, ms);
  };
  const program = await exportProgram(bytes, [], null, { onStep });
  const start = performance.now();
  await program.toBytes();
  times?.set("Serialize", performance.now() - start);
  program.release();
}

if (import.meta.main) {
  const steps: Map<string, number>[] = [];
  await run(await syntheticArchive(1000));
  for (const size of SIZES) {
    const bytes = await syntheticArchive(size);
    const runs: Map<string, number>[] = [];
    for (let i = 0; i < (size === SIZES[0] ? 4 : 2); i++) {
      const times = new Map<string, number>();
      await run(bytes, times);
      runs.push(times);
    }
    runs.sort((a, b) => total(a) - total(b));
    steps.push(runs[0]);
  }
  const [few, many] = steps;
  const line = (name: string, a: number, b: number): void =>
    console.log(
      `${name.padEnd(22)} ${a.toFixed(0).padStart(7)} ms ${b.toFixed(0).padStart(8)} ms  ${(b / a).toFixed(1)}`,
    );
  for (const [name, time] of few) line(name, time, many.get(name)!);
  line("all", total(few), total(many));
  if (total(many) >= GROWTH * total(few)) {
    console.error(`100,000 nodes take more than ${GROWTH} times as long as 10,000`);
    Deno.exit(1);
  }
} else {
  for (const size of SIZES) {
    const bytes = await syntheticArchive(size);
    Deno.bench(`${size} nodes`, { group: "scale", baseline: size === SIZES[0], n: 1, warmup: 1 }, async () => {
      await run(bytes);
    });
  }
}

function total(times: ReadonlyMap<string, number>): number {
  return [...times.values()].reduce((a, b) => a + b);
}
