/** Runs the steps of an export, each timed and told to whoever shows progress. */
import type { StepEvent } from "./options.ts";

/** Runs steps one after the other. */
export class StepRunner {
  constructor(private readonly onStep: (step: StepEvent) => void) {}

  /** Runs one step; a failure is told and passed on. */
  async run<T>(name: string, body: () => T | Promise<T>): Promise<T> {
    const start = performance.now();
    this.onStep({ name, status: "start", ms: 0 });
    try {
      const result = await body();
      this.onStep({ name, status: "done", ms: performance.now() - start });
      return result;
    } catch (error) {
      this.onStep({ name, status: "failed", ms: performance.now() - start });
      throw error;
    }
  }
}
