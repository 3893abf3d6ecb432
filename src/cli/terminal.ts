/** What the commands show on stderr: steps with their time, a progress bar while bytes are copied, colours per NO_COLOR. */
import type { StepEvent } from "../export/options.ts";

const CODES = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const;

/** Whether stderr shows colours: a terminal, and no NO_COLOR. */
function usesColor(): boolean {
  return Deno.stderr.isTerminal() && !Deno.noColor;
}

/** The text in a colour, where colours are shown. */
export function paint(text: string, color: keyof typeof CODES): string {
  return usesColor() ? `\x1b[${CODES[color]}m${text}\x1b[0m` : text;
}

/** Milliseconds as people read them. */
export function formatTime(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

/** Bytes as people read them. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let n = bytes / 1000, i = 0;
  for (; n >= 1000 && i < units.length - 1; i++) n /= 1000;
  return `${n.toFixed(1)} ${units[i]}`;
}

/** The largest copy for which no bar is worth showing, in bytes. */
const SMALL_COPY = 64 * 2 ** 20;

/** Shows the steps of one export. */
export class StepView {
  private bar: { value: number; max: number; stop(): Promise<void> } | null = null;
  private opening = false;

  /** @param quiet shows nothing but warnings */
  constructor(private readonly quiet: boolean) {}

  readonly onStep = (step: StepEvent): void => {
    if (this.quiet || step.status === "start") return;
    const mark = step.status === "done" ? "✅" : "❌";
    const detail = step.detail === undefined ? "" : ` ${step.detail}`;
    console.error(`${mark} ${step.name} ${paint(`(${formatTime(step.ms)})`, "dim")}${detail}`);
  };

  readonly onWarning = (message: string): void => {
    console.error(`${paint("warning:", "yellow")} ${message}`);
  };

  /** Progress of a large copy, when stderr is a terminal. */
  readonly onProgress = (done: number, total: number): void => {
    if (this.quiet || total < SMALL_COPY || !Deno.stderr.isTerminal()) return;
    if (this.bar) this.bar.value = done;
    else if (!this.opening) {
      this.opening = true;
      void this.open(done, total);
    }
  };

  /** Ends what is still shown. */
  async close(): Promise<void> {
    await this.bar?.stop();
    this.bar = null;
  }

  private async open(value: number, max: number): Promise<void> {
    const { ProgressBar } = await import("@std/cli/unstable-progress-bar");
    this.bar = new ProgressBar({ max, value, writable: Deno.stderr.writable, keepOpen: true });
  }
}
