/**
 * What is done to a program before it is translated: calls that stand for something else are replaced, writes are gone.
 * Most programs need none of it, and none of it is loaded for them.
 */
import type { CustomTranslationTable } from "../aten/custom.ts";
import { isSupported, type Op, OpTable } from "../aten/mod.ts";
import { allNodes, calledBy, type ExportedProgram, type FxGraph, type FxNode } from "../fx/mod.ts";
import type { Fx2OnnxError } from "../ir/mod.ts";

/** A program that only computes, and the records of its operators. */
export interface Prepared {
  readonly program: ExportedProgram;
  readonly table: OpTable;
  /** The user's own among them. */
  readonly custom: readonly Op[];
  /** Operators that are not supported, calls that could not be replaced, and what is wrong with the program itself. */
  readonly errors: readonly Fx2OnnxError[];
  /** What the user should know of it. */
  readonly warnings: readonly string[];
}

/**
 * Expands a program and makes it functional. Shapes that its release of PyTorch recorded wrongly are corrected in place.
 *
 * @param translations a user's own operators
 * @throws {OptionError} for an entry of it that is no translation
 * @throws {LoweringError} located, where a mutation can't be expressed
 */
export async function prepare(program: ExportedProgram, translations?: CustomTranslationTable): Promise<Prepared> {
  const custom = translations ? (await import("../aten/custom.ts")).customOps(translations, program.graph) : [];
  const table = await OpTable.for(program.graph, custom);
  const needs = needsOf(program.graph, table);
  const errors: Fx2OnnxError[] = [];
  const warnings: string[] = [];
  let result = program;
  if (needs.trainMode) {
    const { trainModeWarning } = await import("./train_mode.ts");
    warnings.push(...[trainModeWarning(program.graph, table)].filter((text) => text !== null));
  }
  if (needs.correction) {
    const { correctMetas, decompositionFaults } = await import("./correct.ts");
    correctMetas(program.graph, table);
    errors.push(...decompositionFaults(program));
  }
  if (needs.expansion) {
    const { expand } = await import("./expand.ts");
    const expanded = expand(program, table);
    result = expanded.program;
    errors.push(...expanded.errors);
  }
  if (needs.expansion || needs.functionalization) {
    const { functionalize } = await import("./functionalize.ts");
    result = await functionalize(result, table);
  }
  if (needs.refusal || result !== program) {
    const { preflight } = await import("./preflight.ts");
    errors.unshift(...preflight(result.graph, table));
  }
  return { program: result, table, custom, errors, warnings };
}

/** Modules that are one call of a function of PyTorch. */
const FUNCTIONS: ReadonlyMap<string, string> = new Map([["torch.nn.modules.rnn.LSTM", "lstm"]]);

/**
 * The call of a function of PyTorch that a node is a part of since it was decomposed; null where the node is itself what was
 * called. Each part bears the function's name; before torch 2.4, only that of its module.
 */
export function partOf({ target, metadata, origin }: FxNode): { readonly call: string; readonly name: string } | null {
  const recorded = metadata.get("torch_fn");
  const module = origin?.modules.at(-1);
  const name = recorded?.replace(/^.*\./, "") ?? FUNCTIONS.get(module?.className ?? "");
  if (name === undefined || target.includes(`.${name}.`)) return null;
  return { call: recorded ?? module!.path, name };
}

/** Which passes have something to do. */
interface Needs {
  correction: boolean;
  expansion: boolean;
  functionalization: boolean;
  refusal: boolean;
  trainMode: boolean;
}

function needsOf(graph: FxGraph, table: OpTable): Needs {
  const needs: Needs = {
    correction: false,
    expansion: false,
    functionalization: false,
    refusal: false,
    trainMode: false,
  };
  for (const node of allNodes(graph)) {
    const resolved = table.resolve(node.target);
    needs.correction ||= partOf(node) !== null || resolved?.op.corrects !== undefined;
    const rules = resolved?.op.higherOrder;
    needs.expansion ||= rules?.expand !== undefined || rules?.batch !== undefined;
    // Without a record, it may be a form that follows from another, and writes its results.
    needs.functionalization ||= !resolved || resolved.inplace || resolved.op.writes !== undefined;
    // Looked at closely, by the names of the arguments, only where something is true.
    needs.trainMode ||= node.args.includes(true) && /\bbool\?? train(?:ing)?\b/.test(resolved?.op.schema ?? "");
    needs.refusal ||= !calledBy(node).every((target) => isSupported(target, table));
  }
  return needs;
}
