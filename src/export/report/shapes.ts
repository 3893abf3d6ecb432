/** The dynamic-shape table: which dims of the inputs vary, in which range, and what follows; why the others do not. */
import { type ExportedProgram, FxValue } from "../../fx/mod.ts";
import { type Dim, isSym, type Range, type Sym } from "../../sym/mod.ts";
import { type InputLeaf, inputLeaves } from "../../fx/input_leaves.ts";
import { frozenBecause } from "../dynamic_shapes.ts";
import type { Lowered } from "../lower.ts";
import type { DimRow, ShapeAnalysis } from "./report.ts";

/** A size of an output. */
interface OutputDim {
  /** `y[0]`, or the output itself where it is a number. */
  readonly place: string;
  readonly dim: Sym;
}

/**
 * What the sizes of a program's inputs are and drive.
 *
 * @param functional has the outputs, with those that mutations became
 * @param dimName the text of a size in the model
 */
export function analyzeShapes(
  program: ExportedProgram,
  functional: ExportedProgram,
  lowered: Lowered | null,
  dimName: (dim: Sym) => string,
): ShapeAnalysis {
  const outputs = outputDims(functional, lowered);
  const dims: DimRow[] = [];
  const inputSymbols = new Set<string>();
  const add = (leaf: InputLeaf, axis: number | null, dim: Dim): void => {
    if (!isSym(dim)) {
      // Size 0 and 1 too: another size is another program.
      const frozen = axis === null ? `Recorded as the constant ${dim}` : frozenBecause(program, leaf, axis, dim);
      dims.push({ input: leaf.where, axis, dim: String(dim), name: "", range: "", drives: [], frozen });
      return;
    }
    for (const name of dim.symbols()) inputSymbols.add(name);
    dims.push({
      input: leaf.where,
      axis,
      dim: String(dim),
      name: dimName(dim) === String(dim) ? "" : dimName(dim),
      range: rangeText(program.rangeConstraints.rangeOf(dim)),
      drives: outputs.filter((o) => share(o.dim, dim)).map((o) =>
        o.dim.key === dim.key ? o.place : `${o.place} = ${o.dim}`
      ),
      frozen: "",
    });
  };
  for (const leaf of leavesOf(program)) {
    const { meta } = leaf.spec.value;
    if (meta.kind === "tensor") { for (const [axis, dim] of meta.shape.entries()) add(leaf, axis, dim); }
    else if (meta.kind === "sym" && isSym(meta.expr)) add(leaf, null, meta.expr);
    else if (meta.kind !== "object") {
      const frozen = "A value that the program was captured with: it is part of the program";
      const dim = meta.kind === "sym" ? String(meta.expr) : constantText(meta.value);
      dims.push({ input: leaf.where, axis: null, dim, name: "", range: "", drives: [], frozen });
    }
  }
  const isOpen = (dim: Sym): boolean => ![...dim.symbols()].every((name) => inputSymbols.has(name));
  return { dims, dataDependent: outputs.filter((o) => isOpen(o.dim)).map((o) => `${o.place} = ${o.dim}`) };
}

/** The leaves of the inputs, by their names where the archive has no tree of them. */
function leavesOf(program: ExportedProgram): InputLeaf[] {
  if (program.moduleCallGraph[0]?.signature) return inputLeaves(program);
  return program.signature.inputSpecs.filter((spec) => spec.kind === "USER_INPUT").map((spec) => ({
    spec,
    where: spec.value.name,
    guard: `L['${spec.value.name}']`,
  }));
}

function outputDims(functional: ExportedProgram, lowered: Lowered | null): OutputDim[] {
  const dims: OutputDim[] = [];
  const names = new Map(lowered?.outputs.map(({ spec, value }) => [spec, value.name]));
  for (const spec of functional.signature.outputSpecs) {
    const { arg } = spec;
    if (!(arg instanceof FxValue)) continue;
    const name = names.get(spec) ?? arg.name;
    const { meta } = arg;
    if (meta.kind === "tensor") {
      for (const [axis, dim] of meta.shape.entries()) if (isSym(dim)) dims.push({ place: `${name}[${axis}]`, dim });
    } else if (meta.kind === "sym" && isSym(meta.expr)) dims.push({ place: name, dim: meta.expr });
  }
  return dims;
}

function share(a: Sym, b: Sym): boolean {
  const symbols = b.symbols();
  return [...a.symbols()].some((name) => symbols.has(name));
}

/** `[2, 64]`, `[0, ∞)`. */
function rangeText({ min, max }: Range): string {
  return `${min === -Infinity ? "(-∞" : `[${min}`}, ${max === Infinity ? "∞)" : `${max}]`}`;
}

function constantText(value: unknown): string {
  return value === null ? "None" : typeof value === "object" ? "a constant" : String(value);
}
