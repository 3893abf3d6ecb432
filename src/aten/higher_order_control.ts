/** Control flow: branches, loops and scans over graphs, as If, Loop and Scan. */
import { type FxArg, FxGraph, type FxNode, FxValue } from "../fx/mod.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { eq, ge, isSym, type Ranges, truthOf } from "../sym/mod.ts";
import { newData, Tensor } from "../tensor/mod.ts";
import type { CallArg } from "./bind.ts";
import { choose } from "./emit.ts";
import { defineHigherOrder, graphAt, type GraphEmitter, listAt, resultNames, slotsOf } from "./higher_order.ts";

/** A condition as a 0-d bool tensor. */
function condition(g: GraphEmitter, arg: CallArg<OnnxValue>): OnnxValue {
  return g.b.reshape(g.b.cast(g.value(arg), "bool"), []);
}

/** The truth of a condition on concrete values. */
function truth(arg: CallArg<Tensor>): boolean {
  const value = arg instanceof Tensor ? arg.item() : arg;
  if (typeof value === "boolean") return value;
  if (typeof value === "number" || typeof value === "bigint") return Number(value) !== 0;
  throw new TypeError("The condition must be a bool");
}

/** A condition that is known when the program is exported; null for others. */
function decided(arg: FxArg, ranges: Ranges): boolean | null {
  if (typeof arg === "boolean") return arg;
  if (!(arg instanceof FxValue)) return null;
  if (arg.meta.kind === "constant") return decided(arg.meta.value, ranges);
  if (arg.meta.kind !== "sym") return null;
  const { expr } = arg.meta;
  if (typeof expr === "number") return expr !== 0;
  return isSym(expr) && expr.kind !== "bool" ? null : truthOf(expr, ranges) ?? null;
}

/** Whether a result is recorded as what a graph gives for it. */
function hasSameSizes(slot: FxValue | null, given: FxArg): boolean {
  if (!(slot instanceof FxValue) || !(given instanceof FxValue)) return slot === null || slot.meta.kind !== "sym";
  const [a, b] = [slot.meta, given.meta];
  if (a.kind === "tensor" && b.kind === "tensor") {
    return a.shape.length === b.shape.length && a.shape.every((dim, i) => eq(dim, b.shape[i]) === true);
  }
  return a.kind === "sym" && b.kind === "sym" && String(a.expr) === String(b.expr);
}

/** How many results are tensors or numbers. */
function resultCount(node: FxNode): number {
  return slotsOf(node).filter((slot) => slot !== null).length;
}

/** The results by position in the program, from those that ONNX has. */
function placed(node: FxNode, values: readonly OnnxValue[]): CallArg<OnnxValue>[] {
  let next = 0;
  return slotsOf(node).map((slot) => slot === null ? null : values[next++]);
}

/** The results of a graph that ONNX has, in order. */
function present(g: GraphEmitter, node: FxNode, results: readonly CallArg<OnnxValue>[]): OnnxValue[] {
  const slots = slotsOf(node);
  return results.flatMap((result, i) => slots[i] === null ? [] : [g.value(result)]);
}

/** `cond(pred, true_graph, false_graph, operands)`: https://docs.pytorch.org/docs/stable/generated/torch.cond.html */
export const cond = defineHigherOrder("higher_order::cond", {
  expand(x, node) {
    const pred = decided(node.args[0], x.ranges);
    if (pred === null) return null;
    const graph = graphAt(node.args, pred ? 1 : 2);
    // Sizes that differ between the branches bear symbols of their own after them.
    if (!slotsOf(node).every((slot, i) => hasSameSizes(slot, graph.outputs[i]))) return null;
    const operands = listAt(node.args, 3).map((arg) => x.read(arg as FxArg));
    return x.inline(graph, operands, resultNames(node));
  },
  onnx(g, { node, args }) {
    const operands = listAt(args, 3);
    const pred = condition(g, args[0]);
    const [yes, no] = [graphAt(args, 1), graphAt(args, 2)].map((graph) =>
      g.subgraph(graph.name, (inner) => present(inner, node, inner.run(graph, operands)))
    );
    for (const [i, { meta }] of yes.outputs.entries()) {
      const other = no.outputs[i]?.meta;
      if (meta && other && meta.dtype !== other.dtype) {
        throw new TypeError(`Result ${i} is ${meta.dtype} in one branch and ${other.dtype} in the other`);
      }
    }
    return placed(node, g.b.ops("If", [pred], resultCount(node), { then_branch: yes, else_branch: no }));
  },
  eager: (g, { args }) => g.run(graphAt(args, truth(args[0]) ? 1 : 2), listAt(args, 3)),
});

/** `while_loop(cond_graph, body_graph, carried, extra)`; both graphs take all operands, the body gives the next carried ones. */
export const whileLoop = defineHigherOrder("higher_order::while_loop", {
  onnx(g, { args }) {
    const [goOn, turn] = [graphAt(args, 0), graphAt(args, 1)];
    const carried = listAt(args, 2), extra = listAt(args, 3);
    const first = condition(g, g.run(goOn, [...carried, ...extra])[0]);
    const initial = carried.map((arg) => g.value(arg));
    const body = g.subgraph(turn.name, (inner) => {
      inner.b.input(`iteration_${turn.name}`, { dtype: "int64", shape: [] });
      inner.b.input(`condition_${turn.name}`, { dtype: "bool", shape: [] });
      const states = turn.inputs.slice(0, carried.length).map((value) => inner.input(value));
      const next = inner.run(turn, [...states, ...extra]).map((arg) => inner.value(arg));
      return [condition(inner, inner.run(goOn, [...next, ...extra])[0]), ...next];
    });
    return g.b.ops("Loop", [null, first, ...initial], initial.length, { body });
  },
  async eager(g, { args }) {
    const [goOn, turn] = [graphAt(args, 0), graphAt(args, 1)];
    const extra = listAt(args, 3);
    let carried = listAt(args, 2);
    while (truth((await g.run(goOn, [...carried, ...extra]))[0])) carried = await g.run(turn, [...carried, ...extra]);
    return carried;
  },
});

/** Whether there is an element for sure: runtimes refuse a Scan over none. */
function hasElements(g: GraphEmitter, xs: readonly OnnxValue[]): boolean {
  return ge(g.b.meta(xs[0]).shape[0], 1, g.ranges) === true;
}

/**
 * A body run for each element of tensors along their first dimension: a Scan, or where there may be no element, a Loop. The
 * body is given the states and the elements, and gives the next states and what is stacked.
 */
function eachElement(
  g: GraphEmitter,
  name: string,
  [init, xs]: readonly (readonly OnnxValue[])[],
  inputs: readonly FxValue[],
  count: number,
  body: (inner: GraphEmitter, states: readonly OnnxValue[], elements: readonly OnnxValue[]) => OnnxValue[],
  isFirst = false,
): OnnxValue[] {
  const states = isFirst ? inputs.slice(0, init.length - 1) : inputs.slice(0, init.length);
  const addStates = (inner: GraphEmitter): OnnxValue[] => [
    ...isFirst ? [inner.b.input(`is_first_${name}`, { dtype: "bool", shape: [] })] : [],
    ...states.map((value) => inner.input(value)),
  ];
  if (hasElements(g, xs)) {
    const scan = g.subgraph(name, (inner) => {
      const carried = addStates(inner);
      return body(inner, carried, inputs.slice(states.length).map((value) => inner.input(value)));
    });
    return g.b.ops("Scan", [...init, ...xs], count, { body: scan, num_scan_inputs: xs.length });
  }
  const loop = g.subgraph(name, (inner) => {
    const turn = inner.b.input(`iteration_${name}`, { dtype: "int64", shape: [] });
    const goesOn = inner.b.input(`condition_${name}`, { dtype: "bool", shape: [] });
    const carried = addStates(inner);
    return [goesOn, ...body(inner, carried, xs.map((x) => inner.b.op("Gather", [x, turn], { axis: 0 })))];
  });
  const turns = g.b.dim(g.b.meta(xs[0]).shape[0]);
  return g.b.ops("Loop", [turns, g.b.scalar(true, "bool"), ...init], count, { body: loop });
}

/** A Scan of a graph whose first inputs are states, the next ones elements along the first dimension, the rest the same in each turn. */
function scanned(
  g: GraphEmitter,
  node: FxNode,
  graph: FxGraph,
  [init, xs, extra]: readonly (readonly CallArg<OnnxValue>[])[],
): CallArg<OnnxValue>[] {
  if (xs.length === 0) throw new TypeError("A scan or map must run over a tensor");
  const given = [init, xs].map((args) => args.map((arg) => g.value(arg)));
  const inputs = graph.inputs.slice(0, init.length + xs.length);
  const results = eachElement(
    g,
    graph.name,
    given,
    inputs,
    resultCount(node),
    (inner, states, elements) => present(inner, node, inner.run(graph, [...states, ...elements, ...extra])),
  );
  return placed(node, results);
}

/** The elements of tensors along their first dimension. */
function* elements(xs: readonly CallArg<Tensor>[]): Generator<Tensor[]> {
  const tensors = xs.map((x) => {
    if (!(x instanceof Tensor) || x.shape.length === 0) {
      throw new TypeError("A scan runs over tensors of at least one dimension");
    }
    return x;
  });
  const sizes = new Set(tensors.map((x) => x.shape[0]));
  if (sizes.size !== 1) {
    throw new RangeError(`A scan runs over tensors of ${[...sizes].join(" and ") || "no"} elements`);
  }
  const [size] = sizes;
  for (let i = 0; i < size; i++) {
    yield tensors.map((x) =>
      new Tensor(x.dtype, x.shape.slice(1), x.storage, x.strides.slice(1), x.offset + i * x.strides[0])
    );
  }
}

/** Tensors as elements of one; for none, the shape that the program recorded for one tells that of the others. */
function stacked(parts: readonly CallArg<Tensor>[], recorded: FxArg): CallArg<Tensor> {
  if (recorded === null) return null;
  if (parts.length === 0) {
    if (!(recorded instanceof FxValue) || recorded.meta.kind !== "tensor") throw new TypeError("A scan gives tensors");
    const { dtype, shape } = recorded.meta;
    if (shape.some(isSym)) throw new RangeError("A scan over no elements gives results of unknown sizes");
    return Tensor.of(dtype, [0, ...shape as number[]], newData(dtype, 0));
  }
  const tensors = parts.map((part) => {
    if (!(part instanceof Tensor)) throw new TypeError("A scan gives tensors");
    return part;
  });
  const [{ dtype, shape }] = tensors;
  const pieces = tensors.map((t) => t.data());
  const size = pieces[0].length;
  const data = newData(dtype, size * pieces.length);
  // Elements of one dtype lie in arrays of one kind.
  for (const [i, piece] of pieces.entries()) data.set(piece as never, i * size);
  return Tensor.of(dtype, [tensors.length, ...shape], data);
}

/** `scan(graph, init, xs, extra)`: https://github.com/pytorch/pytorch/blob/main/torch/_higher_order_ops/scan.py */
export const scan = defineHigherOrder("higher_order::scan", {
  onnx(g, { node, args }) {
    return scanned(g, node, graphAt(args, 0), [
      listAt(args, 1),
      listAt(args, 2),
      args[3] === undefined ? [] : listAt(args, 3),
    ]);
  },
  async eager(g, { args }) {
    const graph = graphAt(args, 0);
    const extra = args[3] === undefined ? [] : listAt(args, 3);
    let states = listAt(args, 1);
    const rows: CallArg<Tensor>[][] = [];
    for (const xs of elements(listAt(args, 2))) {
      const results = await g.run(graph, [...states, ...xs, ...extra]);
      rows.push(results.slice(states.length));
      states = results.slice(0, states.length);
    }
    const ys = graph.outputs.slice(states.length);
    return [...states, ...ys.map((recorded, i) => stacked(rows.map((row) => row[i]), recorded))];
  },
});

/** `map_impl(graph, xs, extra)`: the graph on each element along the first dimension. */
export const mapImpl = defineHigherOrder("higher_order::map_impl", {
  onnx(g, { node, args }) {
    return scanned(g, node, graphAt(args, 0), [[], listAt(args, 1), listAt(args, 2)]);
  },
  async eager(g, { args }) {
    const graph = graphAt(args, 0);
    const rows: CallArg<Tensor>[][] = [];
    for (const xs of elements(listAt(args, 1))) rows.push(await g.run(graph, [...xs, ...listAt(args, 2)]));
    return graph.outputs.map((recorded, i) => stacked(rows.map((row) => row[i]), recorded));
  },
});

/**
 * `associative_scan(graph, xs, extra)`: running results of an associative function of two elements. One turn per element;
 * the first takes its element as it is.
 */
export const associativeScan = defineHigherOrder("higher_order::associative_scan", {
  onnx(g, { args }) {
    const graph = graphAt(args, 0);
    const xs = listAt(args, 1).map((arg) => g.value(arg));
    const extra = args[2] === undefined ? [] : listAt(args, 2);
    if (xs.length === 0) throw new TypeError("A scan must run over a tensor");
    const zero = g.b.scalar(0n, "int64");
    const first = (x: OnnxValue): OnnxValue => {
      if (hasElements(g, xs)) return g.b.op("Gather", [x, zero], { axis: 0 });
      // What comes before the first element is not looked at.
      const { dtype, shape } = g.b.meta(x);
      return g.b.op("Expand", [g.b.scalar(0, dtype), g.b.ints(shape.slice(1))]);
    };
    const given = [[g.b.scalar(true, "bool"), ...xs.map(first)], xs];
    const inputs = graph.inputs.slice(0, 2 * xs.length);
    const count = 1 + 2 * xs.length;
    const results = eachElement(g, graph.name, given, inputs, count, (inner, [isFirst, ...before], elements) => {
      const combined = inner.run(graph, [...before, ...elements, ...extra]);
      const next = combined.map((arg, i) => choose(inner.b, isFirst, inner.value(elements[i]), inner.value(arg)));
      return [inner.b.scalar(false, "bool"), ...next, ...next];
    }, true);
    return results.slice(1 + xs.length);
  },
  async eager(g, { args }) {
    const graph = graphAt(args, 0);
    const extra = args[2] === undefined ? [] : listAt(args, 2);
    const rows: CallArg<Tensor>[][] = [];
    for (const xs of elements(listAt(args, 1))) {
      const before = rows.at(-1);
      rows.push(before ? await g.run(graph, [...before, ...xs, ...extra]) : xs);
    }
    return graph.outputs.map((recorded, i) => stacked(rows.map((row) => row[i]), recorded));
  },
});
