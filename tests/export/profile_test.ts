/** Profiles: who gets which time and memory, and the trace. */
import { assert, assertEquals } from "@std/assert";
import { exportProgram } from "../../src/export/export.ts";
import { formatTrace, Profiler } from "../../src/export/profile.ts";
import { StepRunner } from "../../src/export/steps.ts";
import { fixture } from "../fixtures.ts";

/** A profiler whose clock and memory are set by the test. */
function profiler(): { readonly at: { ms: number; bytes: number | null }; readonly profiler: Profiler } {
  const at = { ms: 100, bytes: 1000 as number | null };
  return { at, profiler: new Profiler(() => at.ms, () => at.bytes) };
}

Deno.test("a node's time and memory are its own, without those of nodes in its graphs", () => {
  const { at, profiler: p } = profiler();
  p.enter("torch.ops.higher_order.cond", "cond");
  [at.ms, at.bytes] = [103, 1010];
  p.enter("torch.ops.aten.add.Tensor", "add");
  [at.ms, at.bytes] = [110, 1510];
  p.leave();
  [at.ms, at.bytes] = [111, 1511];
  p.leave();
  p.enter("torch.ops.aten.add.Tensor", "add_1");
  at.ms = 113;
  p.leave();
  assertEquals(p.result([]).operators, [
    { operator: "aten.add.Tensor", calls: 2, ms: 9, longest: 7, node: "add", bytes: 500 },
    { operator: "higher_order.cond", calls: 1, ms: 4, longest: 4, node: "cond", bytes: 11 },
  ]);
});

Deno.test("where memory can't be told it is null, not zero", () => {
  const { at, profiler: p } = profiler();
  at.bytes = null;
  p.enter("torch.ops.aten.add.Tensor", "add");
  p.leave();
  assertEquals(p.result([]).operators[0].bytes, null);
});

Deno.test("a trace has steps, the nodes in them and the memory, in microseconds from the first step", async () => {
  const { at, profiler: p } = profiler();
  const steps = new StepRunner(() => {}, false, p.meters);
  await steps.run("Translate to ONNX", () => {
    at.ms = 101;
    p.enter("torch.ops.aten.add.Tensor", "add");
    [at.ms, at.bytes] = [101.5, 3000];
    p.leave();
  });
  await steps.run("Verify", () => Promise.reject(new Error("no"))).catch(() => {});
  const trace = JSON.parse(formatTrace(steps.records, p));
  const place = { pid: 1, tid: 1 };
  assertEquals(trace.traceEvents.slice(2), [
    { ph: "C", name: "memory", ...place, ts: 0, args: { bytes: 1000 } },
    { ph: "X", cat: "step", name: "Translate to ONNX", ...place, ts: 0, dur: 1500, args: { status: "done" } },
    { ph: "C", name: "memory", ...place, ts: 1500, args: { bytes: 3000 } },
    { ph: "C", name: "memory", ...place, ts: 1500, args: { bytes: 3000 } },
    { ph: "X", cat: "step", name: "Verify", ...place, ts: 1500, dur: 0, args: { status: "failed" } },
    { ph: "C", name: "memory", ...place, ts: 1500, args: { bytes: 3000 } },
    { ph: "X", cat: "operator", name: "aten.add.Tensor", ...place, ts: 1000, dur: 500, args: { node: "add" } },
  ]);
});

Deno.test("profile: true writes a trace of every node, within the step that translates; a failed export has one too", async () => {
  for (const [name, nodes] of [["mlp.pt2", 10], ["custom.pt2", 3]] as const) {
    const artifactsDir = await Deno.makeTempDir();
    await exportProgram(fixture(name), [], null, { profile: true, artifactsDir }).then(
      (program) => {
        assertEquals(program.artifacts.length, 1);
        return program.release();
      },
      (error) =>
        assert(name === "custom.pt2" && /The profile is .*_profile\.json\n.*Repeat it with/.test(error.message), error),
    );
    const [{ name: file }, ...more] = [...Deno.readDirSync(artifactsDir)];
    assertEquals(more, []);
    const { traceEvents } = JSON.parse(await Deno.readTextFile(`${artifactsDir}/${file}`));
    const of = (cat: string): { name: string; ts: number; dur: number }[] =>
      traceEvents.filter((event: { cat?: string }) => event.cat === cat);
    const step = of("step").find((event) => event.name === "Translate to ONNX")!;
    const calls = of("operator").filter((event) => event.name.startsWith(name === "mlp.pt2" ? "aten." : "shop."));
    assertEquals(calls.length, name === "mlp.pt2" ? nodes : 3);
    for (const { ts, dur } of calls) assert(ts >= step.ts - 0.001 && ts + dur <= step.ts + step.dur + 0.001);
    assert(traceEvents.some((e: { ph: string; args: { bytes?: number } }) => e.ph === "C" && e.args.bytes! > 1e6));
    await Deno.remove(artifactsDir, { recursive: true });
  }
});

Deno.test("without report and profile, nothing is written and no memory is asked for", async () => {
  const artifactsDir = await Deno.makeTempDir();
  const memory = (): number => {
    throw new Error("asked");
  };
  const program = await exportProgram(fixture("mlp.pt2"), [], null, { artifactsDir, instruments: { memory } });
  await program.release();
  assertEquals([...Deno.readDirSync(artifactsDir)], []);
  await Deno.remove(artifactsDir);
});
