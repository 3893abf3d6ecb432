/** What both forms of a report show alike. */
import type { VerificationReport } from "../../verify/report.ts";

/** What a list of lossy casts means. */
export const CASTS = "Values that the narrower dtype can't hold change there; whether there are any is not known";

/** What a model was compared with. */
export function referenceText({ reference }: VerificationReport): string {
  if (reference === "eager") return "the eager interpreter";
  return reference === "wasm" ? "the same model on wasm" : "expected outputs";
}

/** Milliseconds. */
export function formatMs(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return `${ms.toFixed(ms < 10 ? 2 : ms < 100 ? 1 : 0)} ms`;
}

/** Bytes; growth has its sign. */
export function formatBytes(bytes: number | null, signed = false): string {
  if (bytes === null) return "–";
  const sign = bytes < 0 ? "−" : signed && bytes > 0 ? "+" : "";
  const size = Math.abs(bytes);
  if (size < 1000) return `${sign}${size} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let n = size / 1000, i = 0;
  for (; n >= 1000 && i < units.length - 1; i++) n /= 1000;
  return `${sign}${n.toFixed(1)} ${units[i]}`;
}

/** A difference. */
export function formatDifference(x: number): string {
  return Number.isFinite(x) ? x === 0 ? "0" : x.toExponential(2) : String(x);
}

/** `1 node`, `2 nodes`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
