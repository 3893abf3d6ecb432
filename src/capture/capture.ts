/**
 * Captures models that are written in TypeScript, by the strategies of PyTorch's exporter in their order. Where one fails the
 * next one is tried; what the user asked for wrongly is told at once. That one failed is normal, and told by its step only;
 * it is worth a warning where the one that works keeps to the example.
 */
import { CaptureError, Fx2OnnxError, OptionError } from "../ir/mod.ts";
import { type ModelArguments, type Recorded, Session } from "./session.ts";
import type { Strategy } from "./strategy.ts";
import { draft, trace } from "./strict/by_example.ts";
import { nonStrict, strict } from "./strict/strict.ts";
import { Subject } from "./subject.ts";

/** A captured model. */
export interface Captured extends Recorded {
  /** The strategy that worked. */
  readonly strategy: string;
}

/** The strategies in the order in which they are tried. */
export const STRATEGIES: readonly Strategy[] = [nonStrict, strict, draft, trace];

/** Runs one strategy as a step, which is shown. */
export type RunStrategy = (name: string, body: () => Promise<Recorded>) => Promise<Recorded>;

/**
 * Captures a model.
 *
 * @param run shows each strategy as a step
 * @throws {OptionError} when `dynamicShapes` does not fit the arguments
 * @throws {CaptureError} saying why each strategy failed
 */
export async function capture(
  model: unknown,
  given: ModelArguments,
  run: RunStrategy = (_, body) => body(),
): Promise<Captured> {
  const subject = new Subject(model);
  const failures: { readonly strategy: Strategy; readonly error: Error }[] = [];
  for (const strategy of STRATEGIES) {
    try {
      const session = await Session.open(subject, given);
      const better = strategy.isSound ? undefined : failures.findLast((failure) => failure.strategy.isSound);
      if (better) session.warnings.push(`Capture was not possible ${better.strategy.name}: ${better.error.message}`);
      const recorded = await run(strategy.name, () => strategy.capture(session));
      return { ...recorded, strategy: strategy.name };
    } catch (error) {
      if (!(error instanceof Fx2OnnxError) || error instanceof OptionError) throw error;
      failures.push({ strategy, error });
    }
  }
  throw new CaptureError(
    `${subject.name} can't be captured:\n` +
      failures.map(({ strategy, error }) => `- ${strategy.name}: ${error.message.replaceAll("\n", "\n  ")}`).join("\n"),
  );
}
