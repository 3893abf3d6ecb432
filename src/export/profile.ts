/**
 * `profile: true`: time and memory of an export's steps, and of the translation by operator. The trace is in Chrome's Trace
 * Event Format, which https://ui.perfetto.dev and chrome://tracing open.
 */
import type { NodeTimer } from "./lower_graph.ts";
import type { Instruments } from "./options.ts";
import { operatorName } from "./report/operators.ts";
import type { StepRecord } from "./steps.ts";

/** The translation of one node. */
interface NodeSlice {
  readonly operator: string;
  readonly node: string;
  readonly start: number;
  ms: number;
}

/** What the nodes of one operator took. */
export interface OperatorTime {
  /** `aten.linear.default`. */
  readonly operator: string;
  calls: number;
  /** Milliseconds, without nodes of nested graphs. */
  ms: number;
  /** Longest call, in milliseconds. */
  longest: number;
  /** The node of the longest call. */
  node: string;
  /** Bytes by which the process grew meanwhile; null where that can't be told. */
  bytes: number | null;
}

/** What an export took. */
export interface Profile {
  readonly steps: readonly StepRecord[];
  /** Longest first. */
  readonly operators: readonly OperatorTime[];
}

/** Measures the translation of nodes. */
export class Profiler implements NodeTimer {
  readonly slices: NodeSlice[] = [];
  private readonly times: Map<string, OperatorTime> = new Map();
  private readonly open: { readonly slice: NodeSlice; inner: number }[] = [];
  /** Memory when a node began or ended last: the growth since then is that of the innermost open node. */
  private last: number | null = null;

  constructor(private readonly clock: () => number, private readonly memory: () => number | null) {}

  /** A profiler with the given instruments, or those of the system. */
  static async create({ clock, memory }: Instruments): Promise<Profiler> {
    const probe = memory ?? (await import("../io/file.ts")).residentBytes;
    return new Profiler(clock ?? (() => performance.now()), probe);
  }

  /** What the runner of the steps is to measure with. */
  get meters(): { readonly clock: () => number; readonly memory: () => number | null } {
    return { clock: this.clock, memory: this.memory };
  }

  enter(target: string, node: string): void {
    const operator = operatorName(target);
    this.grow();
    this.open.push({ slice: { operator, node, start: this.clock(), ms: 0 }, inner: 0 });
    this.slices.push(this.open.at(-1)!.slice);
  }

  leave(): void {
    this.grow();
    const { slice, inner } = this.open.pop()!;
    slice.ms = this.clock() - slice.start;
    const around = this.open.at(-1);
    if (around) around.inner += slice.ms;
    const time = this.timeOf(slice.operator);
    const own = slice.ms - inner;
    time.calls++;
    time.ms += own;
    if (time.node === "" || own > time.longest) [time.longest, time.node] = [own, slice.node];
  }

  /** What was measured. */
  result(steps: readonly StepRecord[]): Profile {
    return { steps, operators: [...this.times.values()].sort((a, b) => b.ms - a.ms) };
  }

  private grow(): void {
    const now = this.memory();
    const open = this.open.at(-1);
    if (open && now !== null && this.last !== null) {
      const time = this.timeOf(open.slice.operator);
      time.bytes = (time.bytes ?? 0) + now - this.last;
    }
    this.last = now;
  }

  private timeOf(operator: string): OperatorTime {
    let time = this.times.get(operator);
    if (!time) this.times.set(operator, time = { operator, calls: 0, ms: 0, longest: 0, node: "", bytes: null });
    return time;
  }
}

/** A trace of steps, nodes and memory. Times count from the first step. */
export function formatTrace(steps: readonly StepRecord[], profiler: Profiler): string {
  const origin = steps[0]?.start ?? 0;
  const at = (ms: number): number => round((ms - origin) * 1000);
  const place = { pid: 1, tid: 1 };
  const events: Record<string, unknown>[] = [
    { ph: "M", name: "process_name", ...place, args: { name: "fx2onnx" } },
    { ph: "M", name: "thread_name", ...place, args: { name: "export" } },
  ];
  const memory = (ms: number, bytes: number | null): void => {
    if (bytes !== null) events.push({ ph: "C", name: "memory", ...place, ts: at(ms), args: { bytes } });
  };
  for (const { name, status, start, ms, before, after } of steps) {
    memory(start, before);
    events.push({ ph: "X", cat: "step", name, ...place, ts: at(start), dur: round(ms * 1000), args: { status } });
    memory(start + ms, after);
  }
  for (const { operator, node, start, ms } of profiler.slices) {
    events.push({
      ph: "X",
      cat: "operator",
      name: operator,
      ...place,
      ts: at(start),
      dur: round(ms * 1000),
      args: { node },
    });
  }
  // One event a line: a trace can be read and compared as text.
  return `{"displayTimeUnit":"ms","traceEvents":[\n${events.map((event) => JSON.stringify(event)).join(",\n")}\n]}\n`;
}

/** Microseconds, to the nanosecond. */
function round(us: number): number {
  return Math.round(us * 1000) / 1000;
}
