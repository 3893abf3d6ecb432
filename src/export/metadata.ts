/**
 * The metadata that PyTorch's exporter leaves in a model: where each node, input, output and weight comes from. Tools read
 * these strings, so they are Python's `repr` and `str` to the character.
 */
import { allNodes, type ExportedProgram, formatConstraints } from "../fx/mod.ts";
import { formatSignature } from "../fx/print.ts";
import { stringRepr } from "../fx/python.ts";
import { framesOf, type Origin } from "../ir/mod.ts";
import type { Model, OnnxGraph } from "../onnx/model.ts";

/** How source positions are kept: as recorded, without the exporting machine's folders, or not at all. */
export type SourceMap = "embed" | "relative" | "none";

/** Writes the metadata of nodes and graph; inputs, outputs and weights got theirs when they were made. */
export function addMetadata(model: Model, program: ExportedProgram, sourceMap: SourceMap): void {
  const { metadata } = model.graph;
  metadata.set("pkg.torch.export.ExportedProgram.graph_signature", formatSignature(program));
  metadata.set("pkg.torch.export.ExportedProgram.range_constraints", formatConstraints(program.constraints));
  const rewrite = sourceMap === "relative" ? relativePaths(originsOf(program)) : (trace: string): string => trace;
  const describe = (graph: OnnxGraph): void => {
    for (const node of graph.nodes()) {
      if (node.origin) {
        addOrigin(node.metadata, node.origin, sourceMap === "none" ? null : rewrite(node.origin.stackTrace));
      }
      for (const inner of node.subgraphs()) describe(inner);
    }
  };
  describe(model.graph);
  for (const one of model.functions.values()) describe(one.graph);
}

function addOrigin(metadata: Map<string, string>, origin: Origin, stackTrace: string | null): void {
  const scopes = origin.modules.map((m) => `${m.path}: ${m.className}`);
  const list = (items: readonly string[]): string => `[${items.map(stringRepr).join(", ")}]`;
  metadata.set("namespace", [...scopes, `${origin.node}: ${origin.target}`].join("/"));
  metadata.set(
    "pkg.torch.onnx.class_hierarchy",
    list([...origin.modules.map((m) => m.className), origin.target]),
  );
  metadata.set("pkg.torch.onnx.fx_node", origin.text);
  metadata.set("pkg.torch.onnx.name_scopes", list([...origin.modules.map((m) => m.path), origin.node]));
  if (stackTrace !== null) metadata.set("pkg.torch.onnx.stack_trace", stackTrace);
}

function originsOf(program: ExportedProgram): Origin[] {
  return [...allNodes(program.graph)].flatMap((node) => node.origin ? [node.origin] : []);
}

/** `/site-packages/` and `/dist-packages/` with what comes before them. */
const PACKAGES = /^.*(?=\/(?:site|dist)-packages\/)/;
const ABSOLUTE = /^(?:[A-Za-z]:)?\//;

/**
 * A function that takes the exporting machine's folders out of a stack trace: up to `/site-packages/` for installed code,
 * up to the deepest folder that the program's own files have in common for these.
 */
function relativePaths(origins: readonly Origin[]): (stackTrace: string) => string {
  const own = new Set<string>();
  for (const trace of new Set(origins.map((o) => o.stackTrace))) {
    for (const { file } of framesOf(trace)) {
      const path = normalize(file);
      if (ABSOLUTE.test(path) && !PACKAGES.test(path)) own.add(path);
    }
  }
  const root = commonFolder([...own]);
  const shorten = (file: string): string => {
    const path = normalize(file);
    if (PACKAGES.test(path)) return path.replace(PACKAGES, "");
    // Where there is no common folder, as between drives, the start of the path goes.
    return ABSOLUTE.test(path) ? path.slice(root.length).replace(ABSOLUTE, "") : path;
  };
  const known = new Map<string, string>();
  return (stackTrace) => {
    let result = known.get(stackTrace);
    if (result === undefined) {
      result = stackTrace.replace(/^(\s*File ")([^"]*)(", line \d+)/gm, (_, a, file, c) => `${a}${shorten(file)}${c}`);
      known.set(stackTrace, result);
    }
    return result;
  };
}

function normalize(file: string): string {
  return file.replaceAll("\\", "/");
}

/** The deepest folder that all paths lie in, with its closing slash. */
function commonFolder(paths: readonly string[]): string {
  if (paths.length === 0) return "/";
  const split = paths.map((p) => p.split("/").slice(0, -1));
  let depth = 0;
  while (split.every((parts) => depth < parts.length && parts[depth] === split[0][depth])) depth++;
  return split[0].slice(0, depth).map((part) => `${part}/`).join("");
}
