/** Runs the steps of an export, each timed and told to whoever shows progress. */
import type { StepEvent } from "./options.ts";

/** Runs steps one after the other. */
export class StepRunner {
  /** @param verbose whether steps tell what they gave */
  constructor(private readonly onStep: (step: StepEvent) => void, private readonly verbose: boolean = false) {}

  /**
   * Runs one step; a failure is told and passed on.
   *
   * @param detail says what the step gave
   */
  async run<T>(name: string, body: () => T | Promise<T>, detail?: (result: T) => string): Promise<T> {
    const start = performance.now();
    this.onStep({ name, status: "start", ms: 0 });
    try {
      const result = await body();
      const ms = performance.now() - start;
      this.onStep({ name, status: "done", ms, ...(this.verbose && detail ? { detail: detail(result) } : {}) });
      return result;
    } catch (error) {
      this.onStep({ name, status: "failed", ms: performance.now() - start });
      throw error;
    }
  }
}
