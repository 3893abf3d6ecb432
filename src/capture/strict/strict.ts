/**
 * Strict capture: the model's own code is rewritten, so that conditions on tensors and sizes become branches and loops of the
 * program. What TorchDynamo does with Python's bytecode is done here with the source.
 */
import * as F from "../functional.ts";
import * as torch from "../torch.ts";
import { currentTracer } from "../../trace/context.ts";
import type { Recorded, Session } from "../session.ts";
import type { Strategy } from "../strategy.ts";
import { Tensor } from "../tensor.ts";
import { TensorBase } from "../base.ts";
import { type Callable, type Place, placeText, UnreadFunction } from "./refusal.ts";
import { Library } from "./prepare.ts";
import { type Policy, Runtime } from "./runtime.ts";
import { InspectorReader } from "./source.ts";

/** Runs a session's model in its rewritten form. */
export async function captureRewritten(
  session: Session,
  policyOf: () => Policy,
  dynamic = true,
): Promise<Recorded> {
  using reader = await InspectorReader.open();
  const library = new Library(reader, [torch, F, Tensor, TensorBase]);
  for (const module of session.subject.modules.values()) await library.readMethods(module);
  const nowhere: Place = { file: "", line: 0, code: "" };
  while (true) {
    try {
      return await session.record((args) => {
        const runtime = new Runtime(currentTracer(), policyOf(), library, (value) => new Tensor(value));
        return runtime.run(nowhere, session.subject, args);
      }, dynamic);
    } catch (error) {
      if (!(error instanceof UnreadFunction)) throw error;
      await library.read(error.fn as Callable);
    }
  }
}

/** `torch.export.export(…, strict=True)`. */
export const strict: Strategy = {
  name: "with torch.export.export(…, strict=True)",
  capture: (session) =>
    captureRewritten(session, () => ({
      strategy: "strict",
      records: true,
      decide: () => null,
      warn: (message, place) => {
        const text = `${message}: ${placeText(place)}`;
        if (!session.warnings.includes(text)) session.warnings.push(text);
      },
    })),
};
