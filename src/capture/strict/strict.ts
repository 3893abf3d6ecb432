/**
 * Capture of models in their rewritten form: without strictness, where conditions must be known; strictly, where they become
 * branches and loops of the program, as TorchDynamo makes of Python's bytecode; and by the example's way.
 */
import { isSym } from "../../sym/mod.ts";
import { sourceText } from "../../ir/mod.ts";
import { currentTracer } from "../../trace/context.ts";
import * as F from "../functional.ts";
import * as nn from "../nn/mod.ts";
import type { Recorded, Session } from "../session.ts";
import type { Strategy } from "../strategy.ts";
import { Tensor } from "../tensor.ts";
import * as torch from "../torch.ts";
import { TensorBase } from "../base.ts";
import type { Undecided } from "./branches.ts";
import { PageReader } from "./page.ts";
import { Library, type SourceReader } from "./prepare.ts";
import { type Place, refusal, UnreadFunction } from "./refusal.ts";
import { type Policy, Runtime } from "./runtime.ts";
import { InspectorReader } from "./source.ts";

const NOWHERE: Place = { file: "", line: 0, code: "" };

/** What models in TypeScript import. */
const OWN = { torch, F, nn, Tensor };

/** Runs a model in its rewritten form, as often as it takes to read all functions that it calls. */
export class RewrittenModel implements Disposable {
  readonly session: Session;
  private readonly reader: SourceReader & Partial<Disposable>;
  private readonly library: Library;

  private constructor(session: Session, reader: SourceReader) {
    this.session = session;
    this.reader = reader;
    this.library = new Library(reader, [torch, F, nn, Tensor, TensorBase]);
  }

  /** Reads the functions of a session's model. */
  static async open(session: Session): Promise<RewrittenModel> {
    const reader = await InspectorReader.open() ?? new PageReader(OWN);
    const model = new RewrittenModel(session, reader);
    for (const module of session.subject.modules.values()) await model.library.readMethods(module);
    return model;
  }

  /** Closes what reads functions. */
  [Symbol.dispose](): void {
    this.reader[Symbol.dispose]?.();
  }

  /** Records the model. */
  record(policyOf: () => Policy, dynamic = true): Promise<Recorded> {
    return this.untilRead(() => this.session.record((args) => this.run(policyOf(), args), dynamic));
  }

  /** Runs the model with tensors that have values. */
  compute(policyOf: () => Policy, args: readonly unknown[]): Promise<unknown> {
    return this.untilRead(() => Promise.resolve(this.run(policyOf(), args)));
  }

  private run(policy: Policy, args: readonly unknown[]): unknown {
    const runtime = new Runtime(currentTracer(), policy, this.library, (value) => new Tensor(value));
    return runtime.run(NOWHERE, this.session.subject, args);
  }

  private async untilRead<R>(attempt: () => Promise<R>): Promise<R> {
    while (true) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof UnreadFunction)) throw error;
        await this.library.read(error.fn);
      }
    }
  }
}

/** Warns once of each message and place. */
export function warningsTo(session: Session): Policy["warn"] {
  return (message, place) => {
    const text = `${message}: ${sourceText(place)}`;
    if (!session.warnings.includes(text)) session.warnings.push(text);
  };
}

/** A condition as messages show it. */
export function conditionText(condition: Undecided): string {
  return isSym(condition) ? String(condition) : `a tensor (${condition.name})`;
}

/** `torch.export.export(…, strict=False)`: the model's own code runs on tensors without values, whose sizes are symbols. */
export const nonStrict: Strategy = {
  name: "with torch.export.export(…, strict=False)",
  isSound: true,
  async capture(session) {
    using model = await RewrittenModel.open(session);
    return await model.record(() => ({
      strategy: "non-strict",
      records: false,
      decide(condition, place): never {
        throw refusal(
          `Which way a condition goes depends on ${
            conditionText(condition)
          }, which is not known while the model is captured`,
          place,
          "Strict capture keeps both ways: use numbers and tensors that it can follow, or torch.where",
        );
      },
      warn: warningsTo(session),
    }));
  },
};

/** `torch.export.export(…, strict=True)`: conditions on tensors and sizes become branches and loops of the program. */
export const strict: Strategy = {
  name: "with torch.export.export(…, strict=True)",
  isSound: true,
  async capture(session) {
    using model = await RewrittenModel.open(session);
    return await model.record(() => ({
      strategy: "strict",
      records: true,
      decide: () => null,
      warn: warningsTo(session),
    }));
  },
};
