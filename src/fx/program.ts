/** `torch.export.ExportedProgram` as data: graph, signature, ranges, lazy weights, samples. */
import type { Source } from "../io/source.ts";
import type { Ranges } from "../sym/mod.ts";
import type { Tensor } from "../tensor/mod.ts";
import type { FxArg } from "./args.ts";
import type { FxGraph, FxValue } from "./graph.ts";

/** `torch.export.graph_signature.InputKind`. */
export type InputKind = "USER_INPUT" | "PARAMETER" | "BUFFER" | "CONSTANT_TENSOR" | "CUSTOM_OBJ" | "TOKEN";

/** `torch.export.graph_signature.OutputKind`. */
export type OutputKind =
  | "USER_OUTPUT"
  | "LOSS_OUTPUT"
  | "BUFFER_MUTATION"
  | "PARAMETER_MUTATION"
  | "GRADIENT_TO_PARAMETER"
  | "GRADIENT_TO_USER_INPUT"
  | "USER_INPUT_MUTATION"
  | "TOKEN";

/** What graph input `i` is. */
export interface InputSpec {
  /** What the input is for. */
  readonly kind: InputKind;
  /** The graph input. A constant input has a value too, whose meta is `constant`. */
  readonly value: FxValue;
  /** Fully qualified name of a parameter, buffer, constant or custom object; null for user inputs. */
  readonly target: string | null;
  /** Whether a buffer is in the state_dict; null for other kinds. */
  readonly persistent: boolean | null;
}

/** What graph output `i` is. */
export interface OutputSpec {
  /** What the output is for. */
  readonly kind: OutputKind;
  /** The value, or a literal. */
  readonly arg: FxArg;
  /** The name of what is mutated or differentiated; null for user outputs. */
  readonly target: string | null;
}

/** `torch.export.graph_signature.ExportGraphSignature`: specs are parallel to the graph's inputs and outputs. */
export interface GraphSignature {
  /** One per graph input. */
  readonly inputSpecs: readonly InputSpec[];
  /** One per graph output. */
  readonly outputSpecs: readonly OutputSpec[];
}

/** A node of a pytree specification; `type` null is a leaf. */
export interface TreeSpec {
  /** Python class of the container: `builtins.tuple`, `builtins.dict`; null for a leaf. */
  readonly type: string | null;
  /** What the container needs beside its children, such as the keys of a dict. */
  readonly context: unknown;
  /** In the order of the leaves. */
  readonly children: readonly TreeSpec[];
}

/** How a module (the root has fqn ``) is called. */
export interface ModuleCallEntry {
  /** Path of the module in its root; the root's is empty. */
  readonly fqn: string;
  /** Trees of arguments and results; null where they were not kept. */
  readonly signature: {
    readonly inSpec: TreeSpec;
    readonly outSpec: TreeSpec;
    readonly forwardArgNames: readonly string[] | null;
  } | null;
}

/** Example inputs, one leaf per user input in the order of the signature. */
export type SampleInput = Tensor | bigint | number | boolean | string | null;

/** Bounds of a symbol, or of an expression of symbols as torch prints it; null is unbounded. */
export interface RangeConstraint {
  /** A symbol (`s18`) or an expression of symbols. */
  readonly expr: string;
  /** Smallest value; null is unbounded. */
  readonly min: bigint | null;
  /** Largest value; null is unbounded. */
  readonly max: bigint | null;
}

/** Constraints as torch prints them: `{s18: VR[0, int_oo]}`. */
export function formatConstraints(constraints: readonly RangeConstraint[]): string {
  const one = ({ expr, min, max }: RangeConstraint): string => `${expr}: VR[${min ?? "-int_oo"}, ${max ?? "int_oo"}]`;
  return `{${constraints.map(one).join(", ")}}`;
}

/** A captured program. Weights are lazy: nothing has read them yet. */
export interface ExportedProgram {
  /** Where it was loaded from, for messages. */
  readonly source: string;
  /** The archive that the weights lie in, if the program came from one. */
  readonly archive?: Source;
  /** What the program computes. */
  readonly graph: FxGraph;
  /** What the graph's inputs and outputs are. */
  readonly signature: GraphSignature;
  /** Bounds of the symbols. */
  readonly rangeConstraints: Ranges;
  /** The constraints as recorded, in their order: those that torch keeps when it loads the program. */
  readonly constraints: readonly RangeConstraint[];
  /** The sizes that symbols had in the example call, where they are recorded. */
  readonly symbolHints: ReadonlyMap<string, number>;
  /** How modules are called; the first entry is the root, with the program's own input and output trees. */
  readonly moduleCallGraph: readonly ModuleCallEntry[];
  /** Names of the fields of namedtuples in tree specifications, by class. */
  readonly namedTuples: ReadonlyMap<string, readonly string[]>;
  /** Parameters and persistent buffers by fully qualified name. Tied weights share one `Storage`. */
  readonly stateDict: ReadonlyMap<string, Tensor>;
  /** Constant tensors and non-persistent buffers by name. */
  readonly constants: ReadonlyMap<string, Tensor>;
  /**
   * The example inputs the archive holds, or null when it holds none that can be used.
   *
   * @throws {ArchiveError} when they are damaged or hostile
   */
  sampleInputs(): Promise<readonly SampleInput[] | null>;
  /** e.g. `TRAINING` or `ATEN`. */
  readonly verifiers: readonly string[];
  /** Release of PyTorch that wrote the archive, where it says so; else empty. */
  readonly torchVersion: string;
  /** Version of the archive's schema: `8.14`. */
  readonly schemaVersion: string;
  /** Python conditions that PyTorch checks before a call, as recorded. */
  readonly guardsCode: readonly string[];
  /** Text that identifies the archive, if it has one. */
  readonly serializationId: string | null;
  /** What a reader should know but need not act on. */
  readonly warnings: readonly string[];
}

/**
 * Whether a tensor of this name is one that the code makes, like `torch.tensor(1.5)` in a `forward`: export lifts it into the
 * program's constants under a name of its own. It is no weight, which could be exchanged.
 */
export function isLiteral(name: string): boolean {
  return /(?:^|[._])lifted_tensor_\d+$/.test(name);
}

/** The weight, buffer or constant that a graph input stands for; null for user inputs. */
export function tensorOf(program: ExportedProgram, spec: InputSpec): Tensor | null {
  if (spec.target === null) return null;
  return program.stateDict.get(spec.target) ?? program.constants.get(spec.target) ?? null;
}
