/** What a strategy of capture is. */
import type { Recorded, Session } from "./session.ts";

/** One way to capture a model. */
export interface Strategy {
  /** As progress and reports show it. */
  readonly name: string;
  /** Whether the program computes what the model does for other inputs than the example, too. */
  readonly isSound: boolean;
  /** @throws {CaptureError} when the model can't be captured this way */
  capture(session: Session): Promise<Recorded>;
}
