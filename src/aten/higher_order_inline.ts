/**
 * Operators that stand for the graph they are given, or for another call: they are replaced by its nodes before anything else
 * is done, so that what the graph writes to is seen.
 */
import { type FxArg, FxGraph, type FxNode, FxValue, OperatorArg } from "../fx/mod.ts";
import type { DType } from "../tensor/mod.ts";
import { DTypeArg } from "../fx/mod.ts";
import { defineHigherOrder, type Expansion, type HigherOrderRules, resultNames, slotsOf } from "./higher_order.ts";

/** The graph among the arguments, on all that comes after it. */
const inlined: HigherOrderRules = {
  expand(x, node) {
    const at = node.args.findIndex((arg) => arg instanceof FxGraph);
    if (at < 0) throw new TypeError("The operator is not given its graph");
    const operands = node.args.slice(at + 1).filter((arg) => !(arg instanceof Map) && typeof arg !== "string").flat();
    return x.inline(node.args[at] as FxGraph, operands.map((arg) => x.read(arg as FxArg)), resultNames(node));
  },
};

/** `wrap_with_set_grad_enabled(enabled, graph, …operands)`: gradients are not exported. */
export const wrapWithSetGradEnabled = defineHigherOrder("higher_order::wrap_with_set_grad_enabled", inlined);
/** `strict_mode(graph, operands)` */
export const strictMode = defineHigherOrder("higher_order::strict_mode", inlined);
/** `hints_wrapper(graph, operands, kwargs, hints=…)`: hints to compilers. */
export const hintsWrapper = defineHigherOrder("higher_order::hints_wrapper", inlined);
/** `invoke_subgraph(graph, identifier, …operands)`: nodes that become equal are shared later. */
export const invokeSubgraph = defineHigherOrder("higher_order::invoke_subgraph", inlined);
/** `invoke_quant(graph, …operands, scheme=…)`: a hint to compilers. */
export const invokeQuant = defineHigherOrder("higher_order::invoke_quant", inlined);
/** `invoke_quant_packed(graph, …operands)` */
export const invokeQuantPacked = defineHigherOrder("higher_order::invoke_quant_packed", inlined);
/** `tag_activation_checkpoint(graph, …operands)`: how gradients are computed. */
export const tagActivationCheckpoint = defineHigherOrder("higher_order::tag_activation_checkpoint", inlined);
/** `wrap_activation_checkpoint(graph, …operands)` */
export const wrapActivationCheckpoint = defineHigherOrder("higher_order::wrap_activation_checkpoint", inlined);
/** `wrap(graph, …operands)` */
export const wrap = defineHigherOrder("higher_order::wrap", inlined);
/** `run_const_graph(graph, operands)`: what a compiler computes once. */
export const runConstGraph = defineHigherOrder("higher_order::run_const_graph", inlined);

/** Calls that leave no trace in the results. */
const nothing: HigherOrderRules = { expand: () => [] };

/** Switches the recording of gradients. */
export const setGradEnabled = defineHigherOrder("torch._C::_set_grad_enabled", nothing);
/** Part of `vmap`: loads Python code. */
export const lazyLoadDecompositions = defineHigherOrder(
  "torch._functorch.predispatch::lazy_load_decompositions",
  nothing,
);

const TO_DTYPE = "torch.ops.aten.to.dtype";

function toDType(x: Expansion, arg: FxArg, dtype: DType): FxArg {
  const isOther = arg instanceof FxValue && arg.meta.kind === "tensor" && arg.meta.dtype !== dtype;
  return isOther ? x.call(TO_DTYPE, [arg, new DTypeArg(dtype)]) : arg;
}

function operatorAt(node: FxNode, index: number): string {
  const arg = node.args[index];
  if (!(arg instanceof OperatorArg)) throw new TypeError(`Argument ${index} must be an operator`);
  return arg.target;
}

/** `out_dtype(operator, dtype, …operands)`: the operator on operands of the wider of their dtype and the given one. */
export const outDtype = defineHigherOrder("higher_order::out_dtype", {
  uses: [TO_DTYPE],
  expand(x, node) {
    const dtype = node.args[1];
    if (!(dtype instanceof DTypeArg)) throw new TypeError("Argument 1 must be a dtype");
    const operands = node.args.slice(2).map((arg) => toDType(x, x.read(arg), dtype.dtype));
    return [toDType(x, x.call(operatorAt(node, 0), operands), dtype.dtype)];
  },
});

/** `with_effects(token, operator, …operands)`: the token only keeps calls in order. */
export const withEffects = defineHigherOrder("higher_order::with_effects", {
  expand(x, node) {
    const target = operatorAt(node, 1);
    const op = x.resolve(target);
    const token = x.read(node.args[0]);
    const slots = slotsOf(node).slice(1);
    if (op?.effectFree) return [token, ...slots.map(() => null)];
    if (!op || op.higherOrder) throw new TypeError(`The effects of ${target} can't be exported`);
    const result = x.call(
      target,
      node.args.slice(2).map((arg) => x.read(arg)),
      slots.length === 1 ? slots[0]?.name : undefined,
    );
    return [token, ...Array.isArray(result) ? result : [result]];
  },
});

const CLONE = "torch.ops.aten.clone.default";
const SLICE = "torch.ops.aten.slice.Tensor";
const AS_STRIDED = "torch.ops.aten.as_strided.default";

/** A copy of a tensor, its elements in the same order, that a call may write to. */
function copied(x: Expansion, arg: FxArg): FxValue {
  if (!(arg instanceof FxValue)) throw new TypeError("An operator must write to a tensor");
  const copy = new FxValue(x.freshName(`${arg.name}_copy`), arg.meta);
  x.node(CLONE, [arg], copy);
  return copy;
}

/**
 * The call that a functional one stands for: the operator writes to copies, and functionalization sees to what becomes of
 * them. Gives the results, then the copies.
 */
function calledOn(
  x: Expansion,
  node: FxNode,
  args: ReadonlyMap<string, FxArg>,
  copies: readonly FxValue[],
): readonly FxArg[] {
  const target = operatorAt(node, 0);
  const own = slotsOf(node).slice(0, slotsOf(node).length - copies.length);
  const results = own.map((slot) => slot && new FxValue(slot.name, slot.meta));
  x.node(target, [], results.length === 1 ? results[0] : results, args);
  return [...results, ...copies];
}

/** `auto_functionalized(operator, …operands by name)`: results, then the new values of what it writes to. */
export const autoFunctionalized = defineHigherOrder("higher_order::auto_functionalized", {
  uses: [CLONE],
  expand(x, node) {
    const args = new Map([...node.kwargs].map(([name, arg]) => [name, x.read(arg)] as const));
    const target = operatorAt(node, 0);
    const op = x.resolve(target);
    if (!op || op.higherOrder) throw new TypeError(`Operator ${target} is not known`);
    const names = op.writes?.args ?? op.parsed.args.filter((arg) => arg.alias?.write).map((arg) => arg.name);
    const copies: FxValue[] = [];
    for (const name of names) {
      const given = args.get(name) ?? null;
      const made = [given].flat().map((arg) => arg === null ? null : copied(x, arg));
      copies.push(...made.filter((copy) => copy !== null));
      args.set(name, Array.isArray(given) ? made : made[0]);
    }
    return calledOn(x, node, args, copies);
  },
});

/**
 * `auto_functionalized_v2(operator, …, _NAME_base_index=…, _all_bases=…)`: results, then the new values of all bases. What
 * is written to is a base or a view of one, which further arguments describe.
 */
export const autoFunctionalizedV2 = defineHigherOrder("higher_order::auto_functionalized_v2", {
  uses: [CLONE, SLICE, AS_STRIDED],
  expand(x, node) {
    const given = node.kwargs.get("_all_bases");
    if (!Array.isArray(given)) throw new TypeError("Argument _all_bases must be a list");
    const bases = given.map((base: FxArg) => copied(x, x.read(base)));
    const read = (name: string): FxArg => x.read(node.kwargs.get(name) ?? null);
    const written = (prefix: string): FxArg => {
      const index = read(`${prefix}_base_index`);
      if (index === null) return null;
      const base = bases.at(Number(index));
      if (typeof index !== "bigint" || !base) throw new TypeError(`Argument ${prefix}_base_index must name a base`);
      const parts = (...names: string[]): FxArg[] => names.map((name) => read(`${prefix}_${name}`));
      if (node.kwargs.has(`${prefix}_slice_dim`)) {
        return x.call(SLICE, [base, ...parts("slice_dim", "slice_start", "slice_end")]);
      }
      if (node.kwargs.has(`${prefix}_stride`)) {
        return x.call(AS_STRIDED, [base, ...parts("size", "stride", "storage_offset")]);
      }
      return base;
    };
    const args = new Map<string, FxArg>();
    for (const [key, arg] of node.kwargs) {
      const match = /^_(.+)_(base_index|length)$/.exec(key);
      if (!key.startsWith("_")) args.set(key, x.read(arg));
      else if (match?.[2] === "length") {
        const places = arg === null
          ? null
          : Array.from({ length: Number(arg) }, (_, i) => written(`_${match[1]}_${i}`));
        args.set(match[1], places);
      } else if (match && !isElement(node, match[1])) args.set(match[1], written(`_${match[1]}`));
    }
    return calledOn(x, node, args, bases);
  },
});

/** Whether a name is that of an element of an argument that is a list, as `xs_0` of `xs`. */
function isElement(node: FxNode, name: string): boolean {
  const list = /^(.+)_\d+$/.exec(name)?.[1];
  return list !== undefined && node.kwargs.has(`_${list}_length`);
}

/** `print(format, …operands)` */
export const print = defineHigherOrder("higher_order::print", {
  unsupported: "ONNX has no operator that prints: remove the print call before exporting the program",
});
/** `call_torchbind(object, method, …operands)` */
export const callTorchbind = defineHigherOrder("higher_order::call_torchbind", {
  unsupported: "ONNX has no custom objects: replace the method of the object by tensor operators",
});
/** A kernel written in Triton. */
export const tritonKernelWrapperFunctional = defineHigherOrder("higher_order::triton_kernel_wrapper_functional", {
  unsupported: "A Triton kernel is machine code to ONNX: replace it by tensor operators",
});
/** A kernel written in Triton that writes to its operands. */
export const tritonKernelWrapperMutation = defineHigherOrder("higher_order::triton_kernel_wrapper_mutation", {
  unsupported: "A Triton kernel is machine code to ONNX: replace it by tensor operators",
});
/** A part of the program that was compiled by AOTInductor. */
export const aotiCallDelegate = defineHigherOrder("higher_order::aoti_call_delegate", {
  unsupported: "A compiled part of a program can't be exported: save the program before it is compiled",
});
/** A part of the program that was lowered to an ExecuTorch backend. */
export const executorchCallDelegate = defineHigherOrder("higher_order::executorch_call_delegate", {
  unsupported: "A compiled part of a program can't be exported: save the program before it is lowered to a backend",
});
