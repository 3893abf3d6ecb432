/** The `ExportedProgram` of what a tracer recorded: the same type as a reader's, with the user's lines and modules on each node. */
import {
  allNodes,
  type ExportedProgram,
  formatNode,
  type FxArg,
  FxGraph,
  type FxNode,
  FxValue,
  type InputSpec,
  type ModuleCallEntry,
  type OutputSpec,
  type RangeConstraint,
  type SampleInput,
  symbolsOf,
  type TreeSpec,
} from "../fx/mod.ts";
import type { ModuleScope } from "../ir/mod.ts";
import type { Tensor } from "../tensor/mod.ts";
import { readLines } from "./frames.ts";
import { TraceOrigin } from "./origin.ts";
import type { Tracer } from "./tracer.ts";

/** What a front end knows of a program beside its graph. */
export interface ProgramParts {
  /** Where the program comes from, for messages. */
  readonly source: string;
  /** What the program returns, leaf by leaf. */
  readonly outputs: readonly unknown[];
  /** Buffers that were given a new value, by name. */
  readonly mutations: ReadonlyMap<string, unknown>;
  /** Of positional and keyword arguments. */
  readonly inSpec: TreeSpec;
  readonly outSpec: TreeSpec;
  /** Names of the positional arguments, and of those by keyword. */
  readonly argNames: readonly string[] | null;
  /** Paths of the modules, the root's not. */
  readonly modules: readonly string[];
  /** One per user input. */
  readonly samples: readonly SampleInput[];
  readonly warnings: readonly string[];
}

/** Puts a program together. Source lines are read for the stack traces of its nodes, as far as they can be read. */
export async function programOf(tracer: Tracer, parts: ProgramParts): Promise<ExportedProgram> {
  const { graph, symbols } = tracer;
  await readLines(tracer.origins.flatMap(({ frames }) => frames));
  const outputSpecs = outputsOf(tracer, parts);
  const inputSpecs = inputsOf(tracer);
  graph.inputs.splice(0, graph.inputs.length, ...inputSpecs.map(({ value }) => value));
  graph.outputs = outputSpecs.map(({ arg }) => arg);
  for (const node of allNodes(graph)) describe(node);
  const constraints = constraintsOf(tracer);
  const { stateDict, constants } = weightsOf(tracer);
  const root: ModuleCallEntry = {
    fqn: "",
    signature: { inSpec: parts.inSpec, outSpec: parts.outSpec, forwardArgNames: parts.argNames },
  };
  return {
    source: parts.source,
    graph,
    signature: { inputSpecs, outputSpecs },
    rangeConstraints: symbols.ranges,
    constraints,
    symbolHints: symbols.hints,
    moduleCallGraph: [root, ...parts.modules.map((fqn) => ({ fqn, signature: null }))],
    namedTuples: new Map(),
    stateDict,
    constants,
    sampleInputs: () => Promise.resolve(parts.samples),
    verifiers: ["TRAINING"],
    torchVersion: "",
    schemaVersion: "8.20",
    guardsCode: [],
    serializationId: null,
    warnings: parts.warnings,
  };
}

/** Parameters, buffers and constants, then the user's inputs. */
function inputsOf({ state, inputs }: Tracer): InputSpec[] {
  const ofKind = (kind: InputSpec["kind"]): InputSpec[] =>
    state.filter((one) => one.kind === kind).map(({ value, target, persistent }) => ({
      kind,
      value,
      target,
      persistent,
    }));
  const users = inputs.map((value): InputSpec => ({ kind: "USER_INPUT", value, target: null, persistent: null }));
  return [...ofKind("PARAMETER"), ...ofKind("BUFFER"), ...ofKind("CONSTANT_TENSOR"), ...users];
}

/** New values of buffers, then what the user gets. */
function outputsOf(tracer: Tracer, { outputs, mutations }: ProgramParts): OutputSpec[] {
  const mutated = [...mutations].map(([target, value]): OutputSpec => ({
    kind: "BUFFER_MUTATION",
    arg: tracer.argument(value),
    target,
  }));
  const users = outputs.map((value): OutputSpec => ({
    kind: "USER_OUTPUT",
    arg: literal(tracer.argument(value)),
    target: null,
  }));
  return [...mutated, ...users];
}

/** A whole number that a program returns is an int. */
function literal(arg: FxArg): FxArg {
  return typeof arg === "number" && Number.isSafeInteger(arg) ? BigInt(arg) : arg;
}

function weightsOf({ state }: Tracer): { stateDict: Map<string, Tensor>; constants: Map<string, Tensor> } {
  const stateDict = new Map<string, Tensor>(), constants = new Map<string, Tensor>();
  for (const { kind, target, persistent, tensor } of state) {
    const isInDict = kind === "PARAMETER" || kind === "BUFFER" && persistent === true;
    (isInDict ? stateDict : constants).set(target, tensor);
  }
  return { stateDict, constants };
}

/** Bounds of the symbols that occur in the program. */
function constraintsOf({ graph, symbols }: Tracer): RangeConstraint[] {
  const names = new Set<string>();
  const visit = ({ meta }: FxValue): void => symbolsOf(meta).forEach((name) => names.add(name));
  graph.inputs.forEach(visit);
  for (const node of allNodes(graph)) {
    node.outputs.forEach(visit);
    for (const arg of node.args) if (arg instanceof FxGraph) arg.inputs.forEach(visit);
  }
  const bound = (x: number): bigint | null => Number.isFinite(x) ? BigInt(x) : null;
  return [...names].filter((name) => !name.startsWith("zuf")).map((expr) => {
    const { min, max } = symbols.rangeOf(expr);
    return { expr, min: bound(min), max: bound(max) };
  });
}

/** What archives say of a node, and how it prints. */
function describe(node: FxNode): void {
  const { origin } = node;
  if (!(origin instanceof TraceOrigin)) return;
  origin.text = formatNode(node);
  const metadata = node.metadata as Map<string, string>;
  if (origin.frames.length > 0) metadata.set("stack_trace", origin.stackTrace);
  if (origin.modules.length > 0) metadata.set("nn_module_stack", stackText(origin.modules));
}

/** `L__self__,,__main__.M;L__self__lin,lin,torch.nn.modules.linear.Linear`, outermost module first. */
function stackText(modules: readonly ModuleScope[]): string {
  return modules.map(({ path, className }) => `L__self__${path.replaceAll(".", "_")},${path},${className}`).join(";");
}
