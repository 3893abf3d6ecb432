/** Where recorded nodes come from: the lines of the user's program, and the modules that were being called. */
import { operatorText } from "../fx/mod.ts";
import { Fx2OnnxError, locationOf, LoweringError, type ModuleScope, type Origin } from "../ir/mod.ts";
import { GuardError } from "./guards.ts";
import { type Frame, framesNow, traceText } from "./frames.ts";

/** The origin of a node that was recorded. */
export class TraceOrigin implements Origin {
  node: string;
  readonly modules: readonly ModuleScope[];
  /** Innermost frame last. */
  readonly frames: readonly Frame[];
  /** The node as torch.fx formats it, set when the program is whole. */
  text = "";
  private readonly torchTarget: string;

  constructor(node: string, target: string, modules: readonly ModuleScope[]) {
    this.node = node;
    this.torchTarget = target;
    this.modules = modules;
    this.frames = framesNow();
  }

  get target(): string {
    return operatorText(this.torchTarget);
  }

  get stackTrace(): string {
    return traceText(this.frames);
  }

  /** Runs `body`; what it throws is located in the user's program. */
  locate<R>(body: () => R): R {
    try {
      return body();
    } catch (error) {
      const { node: _, ...location } = { ...locationOf(this), source: this.frames.at(-1) };
      if (error instanceof GuardError) error.location = location;
      if (!(error instanceof TypeError || error instanceof RangeError) || error instanceof Fx2OnnxError) throw error;
      throw new LoweringError(error.message, location, { cause: error });
    }
  }
}
