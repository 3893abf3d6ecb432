/**
 * Regions of `torch.vmap`. A captured region is written for one element of a batch: tensors enter without their batch
 * dimension, results get it back when they leave. Nodes that see no element are computed before the region. What is
 * elementwise throughout is computed for the whole batch at once; anything else becomes a map over the batch.
 */
import { fullMeta, isRandom } from "../aten/calls.ts";
import type { Op, OpTable } from "../aten/mod.ts";
import { isElementwise } from "../aten/rules.ts";
import { type FxArg, type FxGraph, type FxNode, FxValue, mapValues, type TensorMeta } from "../fx/mod.ts";
import { LoweringError } from "../ir/mod.ts";
import { call } from "../sym/mod.ts";
import type { Expander } from "./expand.ts";

const MAP = "torch.ops.higher_order.map_impl";
const MOVE = "torch.ops.aten.movedim.int";
const UNSQUEEZE = "torch.ops.aten.unsqueeze.default";
const EXPAND = "torch.ops.aten.expand.default";
const ASSERT = "torch.ops.aten._assert_scalar.default";

/** A region: the node that opens it, and those up to the one that closes it. */
export interface Region {
  readonly open: FxNode;
  readonly nodes: readonly FxNode[];
}

/** The region that opens at a position, or null. */
export function regionAt(table: OpTable, nodes: readonly FxNode[], at: number): Region | null {
  if (roleOf(table, nodes[at]) !== "open") return null;
  let depth = 1;
  for (let i = at + 1; i < nodes.length; i++) {
    const role = roleOf(table, nodes[i]);
    if (role === "open") depth++;
    if (role === "close" && --depth === 0) return { open: nodes[at], nodes: nodes.slice(at + 1, i) };
  }
  return null;
}

function roleOf(table: OpTable, node: FxNode): string | undefined {
  return table.resolve(node.target)?.op.higherOrder?.batch;
}

/** A tensor of which elements enter. */
interface Entered {
  readonly element: FxValue;
  readonly tensor: FxArg;
  readonly dim: number;
}

/** A result of all elements. */
interface Left {
  readonly node: FxNode;
  readonly result: FxValue;
  readonly value: FxArg;
  readonly dim: number;
}

/** Records what a region computes, for the whole batch. */
export function batchRegion(x: Expander, region: Region): void {
  new Batch(x, region).run();
}

class Batch {
  /** Values that there is one of per element. */
  private readonly perElement: Set<FxValue> = new Set();
  private readonly entered: Entered[] = [];
  private readonly left: Left[] = [];
  /** Nodes that compute what there is one of per element. */
  private readonly inner: FxNode[] = [];
  private readonly size: FxArg;

  constructor(private readonly x: Expander, private readonly region: Region) {
    this.size = x.read(region.open.args[0]);
  }

  run(): void {
    const { nodes, open } = this.region;
    for (let i = 0; i < nodes.length; i++) {
      const nested = regionAt(this.x.table, nodes, i);
      if (nested) {
        this.sort(nodes.slice(i, i + nested.nodes.length + 2));
        i += nested.nodes.length + 1;
      } else this.visit(nodes[i]);
    }
    const draws = this.inner.some((node) => isRandom(node, this.x.table));
    if (draws && open.args[1] === "same") {
      throw new LoweringError("A vmap with randomness='same' over random operators can't be exported", {
        hint: "Draw the random numbers outside of vmap",
      });
    }
    const each = this.left.filter(({ value }) => value instanceof FxValue && this.perElement.has(value));
    for (const left of this.left) if (!each.includes(left)) this.repeat(left);
    if (each.length === 0) return;
    if (this.inner.every((node) => this.isDirect(node))) this.direct(each);
    else this.map(each);
  }

  private visit(node: FxNode): void {
    const [first, ...rest] = node.args;
    switch (roleOf(this.x.table, node)) {
      case "enter": {
        if (first instanceof FxValue && this.perElement.has(first)) {
          throw new LoweringError("A vmap over what another vmap has an element of can't be exported", {
            hint: "Move the inner vmap's operand out of the outer one",
          });
        }
        const tensor = this.x.read(first);
        const element = node.outputs[0];
        this.entered.push({ element, tensor, dim: dimension(rest[0], rankOf(tensor)) });
        this.perElement.add(element);
        break;
      }
      case "leave": {
        const result = node.outputs[0];
        this.left.push({ node, result, value: first, dim: dimension(rest[2], rankOf(result)) });
        break;
      }
      default:
        this.sort([node]);
    }
  }

  /** Nodes that belong together are computed per element, or once before the region. */
  private sort(nodes: readonly FxNode[]): void {
    const isInner = nodes.some((node) => [...node.operands()].some((value) => this.perElement.has(value)));
    if (isInner) {
      this.inner.push(...nodes);
      for (const node of nodes) for (const value of node.outputs) this.perElement.add(value);
      return;
    }
    const writes = nodes.find((node) => this.x.table.resolve(node.target)?.inplace);
    if (writes) {
      throw new LoweringError(`${writes.name} writes to a tensor that all elements of a vmap share`, {
        hint: "Write to it before or after vmap",
      });
    }
    this.x.copyAll(nodes);
  }

  /** A result that is the same for all elements. */
  private repeat(left: Left): void {
    const { x } = this;
    const value = x.read(left.value);
    const one = x.call(UNSQUEEZE, [value, 0n]);
    const sizes: FxArg[] = [this.size, ...new Array<bigint>(rankOf(value)).fill(-1n)];
    this.leave(left, x.call(EXPAND, [one, sizes]));
  }

  /** The result with its batch dimension, which is the first one of `value`, in its place. */
  private leave({ node, result, dim }: Left, value: FxArg): void {
    const { x } = this;
    x.replace(node, [dim === 0 ? value : x.call(MOVE, [value, 0n, BigInt(dim)], x.nameOf(node, result))]);
  }

  /** The tensors that elements are taken from, with the batch dimension first. */
  private batches(): FxArg[] {
    return this.entered.map(({ tensor, dim }) => dim === 0 ? tensor : this.x.call(MOVE, [tensor, BigInt(dim), 0n]));
  }

  /** Whether a node computes for a whole batch what it computes for an element. */
  private isDirect(node: FxNode): boolean {
    const resolved = this.x.table.resolve(node.target);
    if (!resolved || resolved.inplace || this.x.adapt) return false;
    if (resolved.op.effectFree) return true;
    // With operands of several dtypes, the number of dimensions counts for the result's.
    const dtypes = new Set([...node.operands()].flatMap(({ meta }) => meta?.kind === "tensor" ? [meta.dtype] : []));
    return isElementwise(resolved.op) && dtypes.size === 1 && node.outputs.length === 1;
  }

  /** Sizes must be equal: an operator on whole batches would let one of size 1 pass. */
  private checkSizes(): void {
    const [first, ...others] = this.entered.map(({ tensor, dim }) => tensorMeta(tensor).shape[dim]);
    for (const size of others) {
      const isSame = call("eq", [first, size]);
      if (isSame === true) continue;
      const message = `A vmap runs over ${size} elements of one tensor and ${first} of another`;
      if (isSame === false) throw new RangeError(message);
      // Recorded calls have sizes as expressions.
      this.x.node(ASSERT, [isSame as unknown as FxArg, message], []);
    }
  }

  private direct(each: readonly Left[]): void {
    const { x } = this;
    this.checkSizes();
    const values = new Map<FxValue, FxValue>();
    for (const [i, batch] of this.batches().entries()) values.set(this.entered[i].element, batch as FxValue);
    const names = new Map(
      each.flatMap(({ node, result, value, dim }) =>
        dim === 0 ? [[value as FxValue, x.nameOf(node, result)] as const] : []
      ),
    );
    for (const node of this.inner) {
      if ((x.resolve(node.target) as Op).effectFree) continue;
      const rank = rankOf(node.outputs[0]);
      const read = (arg: FxArg): FxArg =>
        Array.isArray(arg) ? arg.map(read) : mapValues(arg, (value) => {
          const batch = values.get(value);
          if (!batch) return x.read(value);
          // Operands are aligned from the last dimension on.
          let aligned: FxArg = batch;
          for (let r = rankOf(value); r < rank; r++) aligned = x.call(UNSQUEEZE, [aligned, 1n]);
          return aligned;
        });
      const kwargs = new Map([...node.kwargs].map(([name, arg]) => [name, read(arg)]));
      const name = names.get(node.outputs[0]) ?? x.nameOf(node, node.outputs[0]);
      x.trace.origin = node.origin;
      values.set(node.outputs[0], x.call(node.target, node.args.map(read), name, kwargs) as FxValue);
    }
    for (const left of each) this.leave(left, values.get(left.value as FxValue)!);
  }

  private map(each: readonly Left[]): void {
    const { x } = this;
    const extra = new Map<FxValue, FxValue>();
    for (const node of this.inner) {
      for (const value of node.operands()) {
        if (this.perElement.has(value)) continue;
        const outer = x.read(value);
        if (outer instanceof FxValue) extra.set(value, outer);
      }
    }
    const batches = this.batches();
    const graph = this.body(each, [...extra.keys()]);
    const results = each.map((left) => {
      const meta = graph.outputs[each.indexOf(left)] as FxValue;
      const { dtype, shape } = tensorMeta(meta);
      const size = tensorMeta(left.result).shape[left.dim];
      const name = left.dim === 0 ? x.nameOf(left.node, left.result) : x.freshName(`${left.result.name}_map`);
      return new FxValue(name, fullMeta({ dtype, shape: [size, ...shape] }));
    });
    x.node(MAP, [graph, batches, [...extra.values()]], results);
    for (const [i, left] of each.entries()) this.leave(left, results[i]);
  }

  /** The graph for one element. */
  private body(each: readonly Left[], extra: readonly FxValue[]): FxGraph {
    const { x } = this;
    return x.building(x.freshName("vmap_body"), () => {
      const elements = [...this.entered.map(({ element }) => element), ...extra];
      const inputs = new Map(elements.map((value): [FxValue, FxArg] => [value, x.input(value)]));
      let outputs: FxArg[] = [];
      x.reading(inputs, () => {
        x.reserve(this.inner);
        x.copyAll(this.inner);
        outputs = each.map(({ value }) => x.read(value));
      });
      return outputs;
    });
  }
}

function tensorMeta(value: FxArg): TensorMeta {
  if (!(value instanceof FxValue) || value.meta.kind !== "tensor") {
    throw new TypeError("What enters or leaves a vmap must be a tensor");
  }
  return value.meta;
}

function rankOf(value: FxArg): number {
  return tensorMeta(value).shape.length;
}

/** A dimension counted from the first. */
function dimension(arg: FxArg | undefined, rank: number): number {
  if (typeof arg !== "bigint") throw new TypeError("The dimension of a vmap must be an int");
  const dim = Number(arg);
  if (dim < -rank || dim >= rank) throw new RangeError(`Dimension ${dim} is out of range for ${rank} dimensions`);
  return dim < 0 ? dim + rank : dim;
}
