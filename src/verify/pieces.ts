/**
 * Values inside a model, given by as many sessions as their size asks for: in program order, each session giving the values
 * of one piece and computing only what they need. A piece that the runtime fails at is halved.
 */
import { Fx2OnnxError } from "../ir/mod.ts";
import type { Model, OnnxValue } from "../onnx/model.ts";
import type { Tensor } from "../tensor/mod.ts";
import { observe, type Observed } from "./observe.ts";
import { fromRuntime } from "./subject.ts";

/** A value to show, and about how many bytes it takes. */
export interface Shown {
  readonly value: OnnxValue;
  readonly bytes: number;
}

/** Runs a copy of the model. */
export type RunObserved = (observed: Observed) => Promise<ReadonlyMap<string, Tensor>>;

/** What a session gave. */
export interface Given {
  readonly observed: Observed;
  readonly results: ReadonlyMap<string, Tensor>;
}

/** Failures after which no smaller piece is tried. */
const MAX_FAILURES = 8;

/** The values of one model for one set of inputs. Only the last piece that was asked for is in memory. */
export class Pieces {
  /** Why values could not be shown, each reason once. */
  readonly failures: Set<string> = new Set();
  private failed = 0;
  private readonly pieces: OnnxValue[][];
  private current:
    | { readonly values: ReadonlySet<OnnxValue>; readonly tensors: ReadonlyMap<OnnxValue, Tensor> }
    | null = null;
  /** @param limit bytes of values that one session may give */
  constructor(
    private readonly model: Model,
    shown: readonly Shown[],
    limit: number,
    private readonly run: RunObserved,
  ) {
    this.pieces = [];
    let room = 0;
    for (const { value, bytes } of shown) {
      if (bytes > room || this.pieces.length === 0) {
        this.pieces.push([]);
        room = limit;
      }
      room -= bytes;
      this.pieces.at(-1)!.push(value);
    }
  }

  /** How many sessions it takes when none fails. */
  get count(): number {
    return this.pieces.length;
  }

  /** Runs the model once for all values and its outputs; null when they are too many or the runtime fails. */
  async all(): Promise<Given | null> {
    if (this.pieces.length > 1) return null;
    const [values = []] = this.pieces;
    try {
      const observed = observe(this.model, values);
      const results = await this.run(observed);
      this.take(values, observed, results);
      return { observed, results };
    } catch (error) {
      this.fail(error);
      if (values.length > 0) this.halve(0);
      return null;
    }
  }

  /** A value as the model states it; null when the runtime can't give it. */
  async get(value: OnnxValue): Promise<Tensor | null> {
    while (!this.current?.values.has(value)) {
      const at = this.pieces.findIndex((piece) => piece.includes(value));
      if (at < 0 || this.failed > MAX_FAILURES) return null;
      const piece = this.pieces[at];
      this.current = null;
      try {
        const observed = observe(this.model, piece, { only: true });
        this.take(piece, observed, await this.run(observed));
      } catch (error) {
        this.fail(error);
        this.halve(at);
      }
    }
    return this.current.tensors.get(value) ?? null;
  }

  private take(piece: readonly OnnxValue[], observed: Observed, results: ReadonlyMap<string, Tensor>): void {
    const tensors = new Map<OnnxValue, Tensor>();
    for (const value of piece) {
      const tensor = results.get(observed.outputs.get(value)!);
      if (tensor) tensors.set(value, fromRuntime(tensor, value.meta));
    }
    this.current = { values: new Set(piece), tensors };
  }

  /** Two pieces of one; a single value is given up. */
  private halve(at: number): void {
    const piece = this.pieces[at];
    const middle = piece.length >> 1;
    this.pieces.splice(at, 1, ...(middle === 0 ? [] : [piece.slice(0, middle), piece.slice(middle)]));
  }

  private fail(error: unknown): void {
    if (!(error instanceof Fx2OnnxError || error instanceof RangeError)) throw error;
    this.failures.add(error.message);
    this.failed++;
  }
}
