/** Runs the steps of an export, each timed and told to whoever shows progress, and kept for the report. */
import type { Instruments, StepEvent } from "./options.ts";

/** The steps of an export, in their order. */
export const STEPS = {
  read: "Read the program",
  /** Followed by the strategy. */
  capture: "Capture the model",
  dump: "Dump the program",
  check: "Check all bytes",
  functionalize: "Make it functional",
  translate: "Translate to ONNX",
  optimize: "Optimize",
  functions: "Make modules functions",
  write: "Write the model",
  verify: "Verify",
} as const;

/** A step that has ended. */
export interface StepRecord {
  readonly name: string;
  readonly status: "done" | "failed";
  /** When it began, in milliseconds of the clock. */
  readonly start: number;
  /** Milliseconds. */
  readonly ms: number;
  /** Bytes of memory held when it began; null unless profiled. */
  readonly before: number | null;
  /** Bytes of memory held when it ended; null unless profiled. */
  readonly after: number | null;
  /** Why it failed, in a line; empty where it did not. */
  readonly failure: string;
}

/** What steps are measured with; `memory` only where an export is profiled. */
export type StepMeters = Pick<Instruments, "clock" | "memory">;

/** Runs steps one after the other. */
export class StepRunner {
  /** The steps that have ended, in order. */
  readonly records: StepRecord[] = [];
  private readonly clock: () => number;
  private readonly memory: () => number | null;

  /** @param verbose whether steps tell what they gave */
  constructor(
    private readonly onStep: (step: StepEvent) => void,
    private readonly verbose: boolean = false,
    meters: StepMeters = {},
  ) {
    this.clock = meters.clock ?? (() => performance.now());
    this.memory = meters.memory ?? (() => null);
  }

  /**
   * Runs one step; a failure is told and passed on.
   *
   * @param detail says what the step gave
   */
  async run<T>(name: string, body: () => T | Promise<T>, detail?: (result: T) => string): Promise<T> {
    const [start, before] = [this.clock(), this.memory()];
    const end = (status: StepRecord["status"], failure = ""): number => {
      const ms = this.clock() - start;
      this.records.push({ name, status, start, ms, before, after: this.memory(), failure });
      return ms;
    };
    this.onStep({ name, status: "start", ms: 0 });
    let result: T;
    try {
      result = await body();
    } catch (error) {
      const ms = end("failed", firstLine(error));
      this.onStep({ name, status: "failed", ms, ...(this.verbose ? { detail: messageOf(error) } : {}) });
      throw error;
    }
    const ms = end("done");
    this.onStep({ name, status: "done", ms, ...(this.verbose && detail ? { detail: detail(result) } : {}) });
    return result;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function firstLine(error: unknown): string {
  return messageOf(error).split("\n")[0];
}
