/**
 * Which integers an input may hold: those that are used as indices must lie in what they index. Found by following the
 * input through operators that keep its values to those that index with it.
 */
import { argumentsByName } from "../aten/arguments.ts";
import { opName, type OpTable } from "../aten/mod.ts";
import { type ExportedProgram, type FxArg, FxGraph, type FxNode, FxValue, graphsOf } from "../fx/mod.ts";
import { type Dim, isSym, prod, type Ranges } from "../sym/mod.ts";
import { isInt } from "../tensor/mod.ts";

/** Integers from `min` up to but not including each of `below`. */
export interface IntBound {
  readonly min: number;
  /** Sizes that are indexed: the least holds. Empty: nothing is known. */
  readonly below: readonly Dim[];
  /** Whether the values index something. Then they had better differ: writing twice to one place has no defined result. */
  readonly isIndex: boolean;
}

type Arguments = ReadonlyMap<string, FxArg>;

/** Operators whose results hold only values of their first tensor (or list of tensors), by base name. */
const KEEPS: ReadonlySet<string> = new Set(
  ("to _to_copy type type_as alias clone contiguous detach lift_fresh_copy view _unsafe_view reshape view_copy unsqueeze " +
    "squeeze flatten unflatten ravel expand expand_copy expand_as broadcast_to permute transpose t swapaxes movedim select " +
    "slice narrow split split_with_sizes chunk unbind tensor_split unfold repeat tile repeat_interleave flip roll cat concat " +
    "stack hstack vstack index_select gather index take diagonal sort topk abs clamp_max broadcast_tensors meshgrid")
    .split(" "),
);

/** Operators that index along `dim` of `self` with `index`. */
const ALONG_DIM: ReadonlySet<string> = new Set(
  ("gather scatter scatter_add scatter_reduce index_select index_add index_copy index_fill index_reduce take_along_dim")
    .split(" "),
);

/** Elementwise operators whose second operand must not be 0 (or, for shifts and powers, negative). */
const POSITIVE_OTHER: ReadonlySet<string> = new Set(
  ("div divide true_divide floor_divide remainder fmod pow bitwise_left_shift bitwise_right_shift __lshift__ __rshift__")
    .split(" "),
);

/** The bounds of each integer user input that something is known of. */
export function integerBounds(program: ExportedProgram, table: OpTable): Map<FxValue, IntBound> {
  const bounds = new Map<FxValue, IntBound>();
  for (const { kind, value } of program.signature.inputSpecs) {
    if (kind !== "USER_INPUT" || value.meta.kind !== "tensor" || !isInt(value.meta.dtype)) continue;
    const bound = follow(value, table, program.rangeConstraints);
    if (bound) bounds.set(value, bound);
  }
  return bounds;
}

function follow(input: FxValue, table: OpTable, ranges: Ranges): IntBound | null {
  const below: Dim[] = [];
  let min = -Infinity;
  let isIndex = false;
  const seen = new Set<FxValue>([input]);
  for (const value of seen) {
    for (const user of value.uses.keys()) {
      const node = user as FxNode;
      const name = (opName(node.target) ?? "").replace(/^\w+::|\..*$/g, "");
      const args = argumentsByName(node, table);
      for (const size of indexedSizes(name, args, value)) {
        below.push(size);
        min = Math.max(min, 0);
        isIndex = true;
      }
      const range = neededRange(name, args, value, node, ranges);
      if (range) {
        min = Math.max(min, range.min);
        if (Number.isFinite(range.max)) below.push(range.max + 1);
      }
      const [first] = args.values();
      const keeps = KEEPS.has(name) && (first === value || (Array.isArray(first) && first.includes(value)));
      if (keeps) { for (const output of node.outputs) seen.add(output); }
      for (const input of givenInputs(node, value)) seen.add(input);
    }
  }
  return below.length > 0 || min > -Infinity ? { min: Math.max(min, 0), below, isIndex } : null;
}

/** Inputs of the graphs that a node is given which stand for a value, or for its elements. */
function givenInputs(node: FxNode, value: FxValue): FxValue[] {
  const graphs = graphsOf(node);
  if (graphs.length === 0) return [];
  const last = node.args.findLastIndex((arg) => arg instanceof FxGraph);
  const operands = node.args.slice(last + 1).flat();
  return graphs.flatMap(({ inputs }) =>
    inputs.length === operands.length ? inputs.filter((_, i) => operands[i] === value) : []
  );
}

/** The sizes that `value` indexes in a call. */
function indexedSizes(name: string, args: Arguments, value: FxValue): Dim[] {
  const shape = (argument: string): readonly Dim[] => {
    const of = args.get(argument);
    return of instanceof FxValue && of.meta.kind === "tensor" ? of.meta.shape : [];
  };
  const at = (sizes: readonly Dim[], dim: FxArg | undefined): Dim[] => {
    const d = typeof dim === "bigint" || typeof dim === "number" ? Number(dim) : NaN;
    const size = sizes.at(d);
    return Number.isNaN(d) || size === undefined ? [] : [size];
  };
  if (name === "embedding" || name === "embedding_bag" || name === "_embedding_bag") {
    return args.get("indices") === value ? at(shape("weight"), 0) : [];
  }
  if (ALONG_DIM.has(name)) {
    const self = shape("self");
    const index = args.get("index") ?? args.get("indices");
    return index === value ? at(self, args.get("dim") ?? 0) : [];
  }
  if (name === "take" || name === "put") return args.get("index") === value ? [prod(shape("self"))] : [];
  if (name === "nll_loss" || name === "nll_loss_forward" || name === "cross_entropy_loss" || name === "nll_loss_nd") {
    return args.get("target") === value ? at(shape("self"), shape("self").length === 1 ? 0 : 1) : [];
  }
  if (name === "one_hot") {
    const classes = args.get("num_classes");
    return args.get("self") === value && Number(classes) > 0 ? [Number(classes)] : [];
  }
  if (/^_?(unsafe_)?index(_put(_impl)?)?$/.test(name)) {
    const indices = args.get("indices");
    if (!Array.isArray(indices)) return [];
    // A mask takes as many dims as it has.
    const sizes: Dim[] = [];
    let dim = 0;
    for (const index of indices as readonly FxArg[]) {
      if (index === value) sizes.push(...at(shape("self"), dim));
      const meta = index instanceof FxValue ? index.meta : null;
      dim += meta?.kind === "tensor" && meta.dtype === "bool" ? meta.shape.length : 1;
    }
    return sizes;
  }
  return [];
}

/** The values that a call needs, where it does not index: a divisor, an exponent, a number that a size is made of. */
function neededRange(
  name: string,
  args: Arguments,
  value: FxValue,
  node: FxNode,
  ranges: Ranges,
): { min: number; max: number } | null {
  if (POSITIVE_OTHER.has(name) && (args.get("other") ?? args.get("exponent")) === value) {
    return { min: 1, max: Infinity };
  }
  if (name === "repeat_interleave" && args.get("repeats") === value) return { min: 0, max: Infinity };
  if (name === "bincount") return { min: 0, max: Infinity };
  if (name !== "item" && name !== "_local_scalar_dense") return null;
  const meta = node.outputs[0]?.meta;
  return meta?.kind === "sym" && meta.type === "int" && isSym(meta.expr) ? ranges.rangeOf(meta.expr) : null;
}
