/** Places boxes and arrows with dagre and writes them as SVG, whose colours are the page's. The only user of dagre. */
import { type Arrow, type Box, type Drawing } from "./drawing.ts";
import { escapeHtml } from "./escape.ts";

/** Sizes, in pixels. */
const CHARACTER = 6.6;
const HEIGHT = 38;
const LEAST_WIDTH = 60;
const MARGIN = 12;
/** Longer labels are cut; pointing at the box shows all. */
const MOST_CHARACTERS = 34;

/** A drawing as an SVG element. Boxes link to `#source-N`. */
export async function graphSvg({ boxes, arrows }: Drawing): Promise<string> {
  const { graphlib, layout } = await import("@dagrejs/dagre");
  const graph = new graphlib.Graph();
  graph.setGraph({ rankdir: "TB", nodesep: 16, ranksep: 28 });
  for (const [i, box] of boxes.entries()) {
    const longest = Math.max(shorten(box.label).length, shorten(box.detail).length);
    graph.setNode(String(i), { width: Math.max(LEAST_WIDTH, longest * CHARACTER + 20), height: HEIGHT });
  }
  for (const { from, to } of arrows) graph.setEdge(String(from), String(to), {});
  layout(graph);
  const places = boxes.map((_, i) => graph.node(String(i)) as Place);
  const lines = arrows.map(({ from, to }) => (graph.edge(String(from), String(to)) as { points: Point[] }).points);
  // The layout's own size counts boxes only: arrows may bend around them.
  const xs = [...places.flatMap(({ x, width }) => [x - width / 2, x + width / 2]), ...lines.flat().map(({ x }) => x)];
  const ys = [...places.flatMap(({ y }) => [y - HEIGHT / 2, y + HEIGHT / 2]), ...lines.flat().map(({ y }) => y)];
  const [left, top] = [Math.floor(least(xs)) - MARGIN, Math.floor(least(ys)) - MARGIN];
  const [width, height] = [Math.ceil(most(xs)) + MARGIN - left, Math.ceil(most(ys)) + MARGIN - top];
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="Graph" width="${width}" height="${height}" ` +
    `viewBox="${left} ${top} ${width} ${height}">`,
    `<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">` +
    `<path d="M0 0 8 4 0 8z"/></marker></defs>`,
  ];
  for (const [i, arrow] of arrows.entries()) parts.push(arrowSvg(arrow, lines[i]));
  for (const [i, box] of boxes.entries()) parts.push(boxSvg(box, places[i]));
  parts.push("</svg>");
  return parts.join("\n");
}

function least(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => Math.min(a, b), Infinity);
}

function most(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => Math.max(a, b), -Infinity);
}

interface Point {
  readonly x: number;
  readonly y: number;
}

interface Place extends Point {
  readonly width: number;
  readonly height: number;
}

function arrowSvg({ title }: Arrow, points: readonly Point[]): string {
  return `<path class="arrow" d="${curve(points)}" marker-end="url(#tip)"><title>${escapeHtml(title)}</title></path>`;
}

/** A line through the points' middles, bent at the points. */
function curve(points: readonly Point[]): string {
  const at = ({ x, y }: Point): string => `${x.toFixed(1)} ${y.toFixed(1)}`;
  const middle = (a: Point, b: Point): Point => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
  const parts = [`M${at(points[0])}`];
  for (let i = 1; i < points.length - 1; i++) {
    const end = i === points.length - 2 ? points[i + 1] : middle(points[i], points[i + 1]);
    parts.push(`Q${at(points[i])} ${at(end)}`);
  }
  if (points.length === 2) parts.push(`L${at(points[1])}`);
  return parts.join("");
}

function boxSvg({ label, detail, title, kind, source }: Box, { x, y, width, height }: Place): string {
  const [left, top] = [(x - width / 2).toFixed(1), (y - height / 2).toFixed(1)];
  const middle = x.toFixed(1);
  const text = detail === ""
    ? `<text x="${middle}" y="${(y + 4).toFixed(1)}">${escapeHtml(shorten(label))}</text>`
    : `<text x="${middle}" y="${(y - 3).toFixed(1)}">${escapeHtml(shorten(label))}</text>` +
      `<text class="detail" x="${middle}" y="${(y + 12).toFixed(1)}">${escapeHtml(shorten(detail))}</text>`;
  const box = `<g class="box ${kind}"><title>${escapeHtml(title)}</title>` +
    `<rect x="${left}" y="${top}" width="${width.toFixed(1)}" height="${height}" rx="6"/>${text}</g>`;
  return source === null ? box : `<a href="#source-${source}">${box}</a>`;
}

function shorten(text: string): string {
  const characters = [...text];
  return characters.length <= MOST_CHARACTERS ? text : `${characters.slice(0, MOST_CHARACTERS - 1).join("")}…`;
}
