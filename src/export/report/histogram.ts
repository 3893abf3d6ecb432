/** Histograms of differences: as words for Markdown, as bars for the page. */
import { HISTOGRAM_EDGES, type OutputComparison } from "../../verify/report.ts";
import { plural } from "./format.ts";

/** Sizes of the bars, in pixels. */
const WIDTH = 11;
const HEIGHT = 34;
const GAP = 14;

/** What the elements in a bin have in common: `equal`, `< 1e-8`, `≥ 10`. */
function binText(bin: number): string {
  if (bin === 0) return "equal";
  return bin <= HISTOGRAM_EDGES.length ? `< ${HISTOGRAM_EDGES[bin - 1]}` : `≥ ${HISTOGRAM_EDGES.at(-1)}`;
}

/** The bins that hold elements: `equal 5, < 1e-7 1`; empty where values were not compared. */
export function histogramText(counts: readonly number[]): string {
  return counts.flatMap((count, bin) => count > 0 ? [`${binText(bin)}: ${count}`] : []).join(", ");
}

/** Two rows of bars, absolute and relative differences; empty where values were not compared. */
export function histogramSvg({ absHistogram, relHistogram }: OutputComparison): string {
  const rows = [["absolute", absHistogram], ["relative", relHistogram]] as const;
  if (rows.every(([, counts]) => counts.length === 0)) return "";
  const width = (HISTOGRAM_EDGES.length + 2) * WIDTH + 4;
  const parts = rows.map(([kind, counts], row) => barsSvg(kind, counts, row * (HEIGHT + GAP)));
  return `<svg class="histogram" role="img" aria-label="Differences" width="${width}" height="${2 * (HEIGHT + GAP)}">` +
    `${parts.join("")}</svg>`;
}

/** Heights go with the logarithm: a single element that is far off must be seen beside a million that are equal. */
function barsSvg(kind: string, counts: readonly number[], top: number): string {
  const highest = Math.log2(1 + Math.max(1, ...counts));
  const bars = counts.map((count, bin) => {
    const height = HEIGHT * Math.log2(1 + count) / highest;
    const title = `<title>${kind} difference ${binText(bin).replace("<", "&lt;")}: ${plural(count, "element")}</title>`;
    const x = 2 + bin * WIDTH, y = top + HEIGHT - height;
    // The background makes empty bins something to point at.
    return `<g>${title}<rect class="back" x="${x}" y="${top}" width="${WIDTH - 2}" height="${HEIGHT}"/>` +
      `<rect x="${x}" y="${y.toFixed(1)}" width="${WIDTH - 2}" height="${height.toFixed(1)}"/></g>`;
  });
  const scale = `= ${HISTOGRAM_EDGES[0]} … ${HISTOGRAM_EDGES.at(-1)} ${kind.slice(0, 3)}`;
  return `${bars.join("")}<text x="2" y="${top + HEIGHT + 10}">${scale}</text>`;
}
