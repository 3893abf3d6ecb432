/**
 * What releases of PyTorch are known to record wrongly. A result whose recorded shape contradicts its operator is corrected
 * where the operator's record says how; a program that was decomposed by a wrong rule computes something else than the
 * model, and is refused.
 */
import { complete } from "../aten/bind.ts";
import type { Op, OpTable } from "../aten/mod.ts";
import { allNodes, type ExportedProgram, type FxArg, type FxGraph, type FxNode, type FxValue } from "../fx/mod.ts";
import { locationOf, LoweringError } from "../ir/mod.ts";
import { contiguousStrides } from "../tensor/mod.ts";
import { isTensor, plainArg } from "./derived_forms.ts";
import { partOf } from "./mod.ts";

/** Corrects recorded shapes in place. */
export function correctMetas(graph: FxGraph, table: OpTable): void {
  for (const node of allNodes(graph)) {
    const op = table.resolve(node.target)?.op;
    if (!op?.corrects) continue;
    const metas = node.outputs.map(({ meta }) => meta);
    if (!metas.every((meta) => meta.kind === "tensor")) continue;
    for (const [i, { dtype, shape }] of (op.corrects(metas, argsOf(node, op)) ?? []).entries()) {
      node.outputs[i].meta = { ...metas[i], dtype, shape, strides: contiguousStrides(shape) };
    }
  }
}

/** A call's arguments by name, with metas for tensors. */
// deno-lint-ignore no-explicit-any -- arguments are typed by the schema at the definition
function argsOf(node: FxNode, op: Op): any {
  const plain = (arg: FxArg): FxArg => plainArg(arg, (v) => v);
  const kwargs = new Map([...node.kwargs].map(([name, arg]) => [name, plain(arg)]));
  const bound = Object.entries(complete(op, isTensor, node.args.map(plain), kwargs));
  return Object.fromEntries(bound.map(([name, value]) => [name, isTensor(value) ? value.meta : value]));
}

/** Dims that the results of a function of PyTorch have at most. */
const MOST_DIMS: ReadonlyMap<string, number> = new Map([["lstm", 3]]);

/**
 * What is wrong with a decomposed program: torch up to 2.8 gives the states of an LSTM a dim too many, and squeezes the batch
 * where it means the sequence.
 */
export function decompositionFaults({ graph, torchVersion }: ExportedProgram): LoweringError[] {
  const outputs = new Set(graph.outputs);
  const faults = new Map<string, LoweringError>();
  for (const node of graph.nodes()) {
    const part = partOf(node);
    const most = MOST_DIMS.get(part?.name ?? "");
    if (part === null || most === undefined || faults.has(part.call)) continue;
    const isResult = (value: FxValue): boolean =>
      outputs.has(value) || [...value.uses.keys()].some((user) => partOf(user as FxNode)?.call !== part.call);
    const wrong = node.outputs.find((value) =>
      value.meta.kind === "tensor" && value.meta.shape.length > most && isResult(value)
    );
    if (!wrong || wrong.meta.kind !== "tensor") continue;
    faults.set(
      part.call,
      new LoweringError(
        `Torch ${torchVersion} decomposed ${part.name} wrongly: its result ${wrong.name} is recorded as ` +
          `[${wrong.meta.shape.join(", ")}], but has at most ${most} dimensions`,
        {
          ...node.origin ? locationOf(node.origin) : {},
          hint: "Save the program without run_decompositions(), or decompose it with torch 2.9 or later",
        },
      ),
    );
  }
  return [...faults.values()];
}
