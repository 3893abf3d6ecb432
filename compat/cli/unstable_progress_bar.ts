/**
 * `ProgressBar` with the signature of `jsr:@std/cli/unstable-progress-bar`, over npm's cli-progress.
 *
 * @module
 */
import process from "node:process";
import { Writable } from "node:stream";
// @ts-types="./cli_progress.d.ts"
import cliProgress from "cli-progress";

/** What a formatter is told at each update. */
export interface ProgressBarFormatter {
  /** The time since the start, as `mm:ss`. */
  styledTime: string;
  /** The amount done of the whole, as `0.40/97.66 KiB`. */
  styledData: string;
  /** The bar itself, as `###-------`. */
  progressBar: string;
  /** The time since the start, in milliseconds. */
  time: number;
  /** The time at the update before. */
  previousTime: number;
  /** The amount done. */
  value: number;
  /** The amount done at the update before. */
  previousValue: number;
  /** The whole amount. */
  max: number;
}

/** Options of {@linkcode ProgressBar}. */
export interface ProgressBarOptions {
  /** Where the bar is drawn; standard error by default. */
  writable?: WritableStream<Uint8Array>;
  /** The amount done at the start; 0 by default. */
  value?: number;
  /** The whole amount. */
  max: number;
  /** The length of the bar in characters; 50 by default. */
  barLength?: number;
  /** The character of the part done; `#` by default. */
  fillChar?: string;
  /** The character of the part ahead; `-` by default. */
  emptyChar?: string;
  /** Whether the bar is removed at the end; false by default. */
  clear?: boolean;
  /** Makes the line of text; `[mm:ss] [###-------] [0.24/97.6 KiB]` by default. */
  formatter?: (formatter: ProgressBarFormatter) => string;
  /** Whether `writable` stays open at the end; true by default. */
  keepOpen?: boolean;
  /** The time between updates in milliseconds; 1000 by default. */
  interval?: number;
}

/**
 * Draws how far a job is, at regular intervals, until stopped.
 *
 * @example Usage
 * ```ts ignore
 * import { ProgressBar } from "@std/cli/unstable-progress-bar";
 *
 * const bar = new ProgressBar({ max: 100 });
 * bar.value += 50;
 * await bar.stop();
 * ```
 */
export class ProgressBar {
  #bar: cliProgress.SingleBar;
  #stream: Writable;
  #close: boolean;
  #value: number;
  #max: number;

  /** Draws the bar for the first time. */
  constructor(options: ProgressBarOptions) {
    const { max, value = 0, fillChar = "#", emptyChar = "-", barLength = 50 } = options;
    const format = options.formatter ?? defaultFormat;
    const startTime = Date.now();
    let previousTime = 0;
    let previousValue = value;
    this.#value = value;
    this.#max = max;
    this.#stream = options.writable === undefined ? process.stderr : Writable.fromWeb(options.writable);
    this.#close = options.writable !== undefined && options.keepOpen === false;
    this.#bar = new cliProgress.SingleBar({
      // cli-progress draws only on what it holds for a terminal; whether to draw at all is for the caller to say.
      stream: Object.assign(Object.create(this.#stream), { isTTY: true }),
      fps: 1000 / (options.interval ?? 1000),
      clearOnComplete: options.clear ?? false,
      emptyOnZero: true,
      format: (_, params) => {
        const time = Date.now() - startTime;
        const done = Math.trunc(Math.min(Math.max(params.value / params.total, 0), 1) * barLength) || 0;
        const line = format({
          styledTime: styledTime(time),
          styledData: styledData(params.value, params.total),
          progressBar: fillChar.repeat(done) + emptyChar.repeat(barLength - done),
          time,
          previousTime,
          value: params.value,
          previousValue,
          max: params.total,
        });
        previousTime = time;
        previousValue = params.value;
        return line;
      },
    });
    this.#bar.start(max, value);
  }

  /** The amount done. */
  get value(): number {
    return this.#value;
  }

  set value(value: number) {
    this.#value = value;
    this.#bar.update(value);
  }

  /** The whole amount. */
  get max(): number {
    return this.#max;
  }

  set max(max: number) {
    this.#max = max;
    this.#bar.setTotal(max);
  }

  /** Draws the last state, or removes the bar where `clear` was asked for. */
  async stop(): Promise<void> {
    this.#bar.stop();
    await new Promise<void>((resolve) => this.#stream.write("", () => resolve()));
    if (this.#close) await new Promise<void>((resolve) => this.#stream.end(() => resolve()));
  }
}

function defaultFormat(state: ProgressBarFormatter): string {
  return `[${state.styledTime}] [${state.progressBar}] [${state.styledData}]`;
}

function styledTime(time: number): string {
  const two = (n: number) => String(Math.trunc(n)).padStart(2, "0");
  return `${two(time / 60_000)}:${two(time / 1000 % 60)}`;
}

function styledData(value: number, max: number): string {
  const units = ["KiB", "MiB", "GiB", "TiB"];
  const power = Math.max(units.findLastIndex((_, i) => max >= 1024 ** (i + 1)), 0);
  const scaled = (n: number) => (n / 1024 ** (power + 1)).toFixed(2);
  return `${scaled(value)}/${scaled(max)} ${units[power]}`;
}
