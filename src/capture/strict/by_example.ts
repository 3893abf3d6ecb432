/**
 * Capture by the example's way. The model is run on the example first, and each condition's truth is kept; then it is recorded,
 * and conditions that only a run decides go the way that they went. That is not sound for other inputs, so each such
 * assumption is listed with its line and value.
 */
import { CaptureError, sourceText } from "../../ir/mod.ts";
import type { Recorded, Session } from "../session.ts";
import type { Strategy } from "../strategy.ts";
import { Tensor } from "../tensor.ts";
import { mapLeaves } from "../pytree.ts";
import { isLeaf } from "../session.ts";
import { type Place } from "./refusal.ts";
import type { Policy } from "./runtime.ts";
import { conditionText, RewrittenModel, warningsTo } from "./strict.ts";

/** What the example did. */
interface Log {
  readonly truths: { readonly truth: boolean; readonly place: Place }[];
  readonly items: unknown[];
}

/** Runs the example on copies of everything that the model might write to. */
async function example(model: RewrittenModel): Promise<Log> {
  const { session } = model;
  const { subject } = session;
  const tensors = new Set<Tensor>();
  for (const module of subject.modules.values()) {
    for (const [, tensor] of module.namedParameters({ removeDuplicate: false })) tensors.add(tensor);
    for (const [, tensor] of module.namedBuffers({ removeDuplicate: false })) tensors.add(tensor);
  }
  const values = [...tensors].map((tensor) => ({ tensor, value: tensor.value }));
  const snapshot = subject.snapshot();
  for (const { tensor } of values) tensor.value = tensor.clone().value;
  try {
    let log: Log = { truths: [], items: [] };
    const policyOf = (): Policy => {
      const current: Log = log = { truths: [], items: [] };
      return {
        strategy: "example",
        records: false,
        decide: () => null,
        known: (truth, place) => current.truths.push({ truth, place }),
        item(_tensor, compute) {
          const value = compute();
          current.items.push(value);
          return value;
        },
        warn: () => {},
      };
    };
    const copies = session.args.map((arg) =>
      mapLeaves(arg, isLeaf, (leaf) => leaf instanceof Tensor ? leaf.clone() : leaf)
    );
    await model.compute(policyOf, copies);
    return log;
  } finally {
    for (const { tensor, value } of values) tensor.value = value;
    snapshot.restore();
  }
}

/** Decides as the example did, and says so. */
function following(session: Session, log: Log, isFrozen: boolean): Policy {
  let items = 0;
  const assume = (message: string, place: Place): void => {
    const text = `Only known of the example: ${message}: ${sourceText(place)}`;
    if (!session.warnings.includes(text)) session.warnings.push(text);
  };
  return {
    strategy: "draft",
    records: false,
    decide(condition, place, nth) {
      const found = log.truths[nth];
      if (!found || found.place.line !== place.line) {
        throw new CaptureError("The example's way can't be followed: the model ran otherwise when it was recorded", {
          source: place,
          hint: "Capture it without random numbers or state that changes from call to call",
        });
      }
      assume(`${conditionText(condition)} is ${found.truth}`, place);
      return found.truth;
    },
    item(_tensor, compute, place) {
      const value = log.items[items++];
      if (!isFrozen) return compute();
      assume(`item() is ${value}`, place);
      return value;
    },
    warn: warningsTo(session),
  };
}

async function captureByExample(
  session: Session,
  attempts: readonly [isFrozen: boolean, dynamic: boolean][],
): Promise<Recorded> {
  using model = await RewrittenModel.open(session);
  const log = await example(model);
  let failure: unknown;
  for (const [isFrozen, dynamic] of attempts) {
    const known = session.warnings.length;
    try {
      return await model.record(() => following(session, log, isFrozen), dynamic);
    } catch (error) {
      failure ??= error;
      session.warnings.length = known;
      if (!(error instanceof CaptureError)) throw error;
    }
  }
  throw failure;
}

/**
 * `torch.export.draft_export`: conditions, and where it must be also numbers, that depend on data are taken as they were in
 * the example.
 */
export const draft: Strategy = {
  name: "with torch.export.draft_export",
  isSound: false,
  capture: (session) => captureByExample(session, [[false, true], [true, true]]),
};

/** As `torch.jit.trace` does: everything is as it was in the example. */
export const trace: Strategy = {
  name: "by tracing the example, as torch.jit.trace does",
  isSound: false,
  async capture(session) {
    if (session.isDynamic) {
      throw new CaptureError("Tracing keeps every size of the example, but sizes are to vary", {
        hint: "Leave out dynamicShapes to trace the model",
      });
    }
    const recorded = await captureByExample(session, [[true, false]]);
    session.warnings.push("The program is a trace of the example: sizes, numbers and ways are those of the example");
    return recorded;
  },
};
