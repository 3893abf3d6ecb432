/** The lines of the user's program that nodes come from, numbered so that drawing and tables can refer to them. */
import { allNodes, type ExportedProgram } from "../../fx/mod.ts";
import { type Origin, userSource } from "../../ir/mod.ts";
import type { Model } from "../../onnx/model.ts";
import type { SourceEntry } from "./report.ts";

/** Source lines in the order in which the program reaches them. */
export class Sources {
  readonly entries: SourceEntry[] = [];
  private readonly byLine: Map<string, number> = new Map();
  /** Many nodes share a stack trace, which takes long to read. */
  private readonly byTrace: Map<string, number | null> = new Map();

  constructor(program: ExportedProgram | null, model: Model | null) {
    for (const node of program ? allNodes(program.graph) : []) {
      const index = this.indexOf(node.origin);
      if (index !== null) this.entries[index].nodes.push(node.name);
    }
    for (const node of model ? model.allNodes() : []) {
      const index = this.indexOf(node.origin);
      if (index !== null) this.entries[index].onnx++;
    }
  }

  /** The number of the line that a node comes from; null where that is not recorded. */
  indexOf(origin: Origin | null): number | null {
    if (!origin) return null;
    const known = this.byTrace.get(origin.stackTrace);
    if (known !== undefined) return known;
    const index = this.enter(origin);
    this.byTrace.set(origin.stackTrace, index);
    return index;
  }

  /** `model.py:12: y = f(x)`; empty where it is not recorded. */
  text(origin: Origin | null): string {
    const index = this.indexOf(origin);
    if (index === null) return "";
    const { place, code } = this.entries[index];
    return code === "" ? place : `${place}: ${code}`;
  }

  private enter(origin: Origin): number | null {
    const line = userSource(origin);
    if (!line) return null;
    const place = `${line.file}:${line.line}`;
    const known = this.byLine.get(place);
    if (known !== undefined) return known;
    this.byLine.set(place, this.entries.length);
    return this.entries.push({ place, code: line.code, nodes: [], onnx: 0 }) - 1;
  }
}
