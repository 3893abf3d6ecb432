/** Non-strict capture: the model's own code runs on tensors without values, whose sizes are symbols. */
import type { Strategy } from "./strategy.ts";

/** `torch.export.export(…, strict=False)`. */
export const nonStrict: Strategy = {
  name: "with torch.export.export(…, strict=False)",
  capture: (session) => session.record((args) => session.subject.call(args)),
};
