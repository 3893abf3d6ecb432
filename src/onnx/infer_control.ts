/**
 * Inference for If, Loop and Scan. Sizes that differ between branches, or from one turn of a loop to the next, become
 * fresh symbols.
 */
import { type Dim, isSym } from "../sym/mod.ts";
import type { Meta } from "../tensor/mod.ts";
import type { Rule, Site } from "./infer_site.ts";
import type { OnnxGraph, OnnxValue } from "./model.ts";

/** Says that an output has what two ways of computing it have in common. */
function setMerged(s: Site, output: number, a: Meta | null, b: Meta | null): void {
  if (!a || !b || a.dtype !== b.dtype || a.shape.length !== b.shape.length) return;
  s.set(output, a.dtype, a.shape.map((d, i) => s.same(d, b.shape[i]) === true ? d : s.fresh(output, i)));
}

function branches(s: Site): void {
  const [yes, no] = [s.graph("then_branch"), s.graph("else_branch")];
  if (!yes || !no) return;
  s.inferGraph(yes);
  s.inferGraph(no);
  for (const [i] of s.node.outputs.entries()) {
    setMerged(s, i, yes.outputs[i]?.meta ?? null, no.outputs[i]?.meta ?? null);
  }
}

/** Gives body inputs that are not known yet a meta. Returns whether it gave any. */
function setInputs(inputs: readonly OnnxValue[], metas: readonly (Meta | null)[]): boolean {
  let given = false;
  for (const [i, meta] of metas.entries()) {
    if (!meta || !inputs[i] || inputs[i].meta) continue;
    inputs[i].meta = { dtype: meta.dtype, shape: meta.shape };
    given = true;
  }
  return given;
}

/**
 * Infers a body whose inputs from `first` on carry a state to its outputs from `from` on. Sizes of the state that change
 * from turn to turn are made unknown, until a turn changes no other: at most as often as there are sizes.
 */
function inferStates(s: Site, body: OnnxGraph, first: number, from: number, states: number, isOwn: boolean): void {
  s.inferGraph(body);
  // Inputs that came with a meta hold for every turn; those given above held for the first one only.
  const open = new Set<string>();
  let changed = isOwn;
  while (changed) {
    changed = false;
    for (let i = 0; i < states; i++) {
      const input = body.inputs[first + i];
      const [before, after] = [input?.meta, body.outputs[from + i]?.meta];
      if (!before) continue;
      if (!after || before.dtype !== after.dtype || before.shape.length !== after.shape.length) {
        input.meta = null;
        changed = true;
        continue;
      }
      const shape = before.shape.map((d, axis) => {
        const place = `${i} ${axis}`;
        if (open.has(place) || s.same(d, after.shape[axis]) === true) return d;
        open.add(place);
        changed = true;
        return s.freshSymbol(`${input.name}_dim${axis}`);
      });
      input.meta = { dtype: before.dtype, shape };
    }
    if (changed) s.inferGraph(body, true);
  }
}

function plain(value: OnnxValue | null | undefined): Meta | null {
  return value?.meta ?? null;
}

/** Whether the loop's condition is true for good: it is the condition passed in, or a constant. */
function neverStops(body: OnnxGraph): boolean {
  let value: OnnxValue | null = body.outputs[0] ?? null;
  while (value?.producer?.opType === "Identity") value = value.producer.inputs[0];
  return value !== null && (value === body.inputs[1] || value.content?.[0] === 1 || constantTruth(value));
}

function constantTruth(value: OnnxValue): boolean {
  const tensor = value.initializer;
  return tensor !== null && tensor.isLoaded && tensor.numel === 1 && Number(tensor.item()) !== 0;
}

function loop(s: Site): void {
  const body = s.graph("body");
  if (!body) return;
  const states = s.count - 2;
  const initial = s.node.inputs.slice(2);
  setInputs(body.inputs, [{ dtype: "int64", shape: [] }, { dtype: "bool", shape: [] }]);
  const isOwn = setInputs(body.inputs.slice(2), initial.map(plain));
  inferStates(s, body, 2, 1, states, isOwn);
  for (let i = 0; i < states; i++) {
    // Without a turn the state is the initial one.
    const turned = body.outputs[1 + i]?.meta ?? null;
    setMerged(s, i, plain(body.inputs[2 + i]) ?? plain(initial[i]), turned);
  }
  const runs = !s.has(1) || s.scalar(1) === 1;
  const trips = s.has(0) && runs && neverStops(body) ? s.scalar(0) : null;
  const turns = trips === null || s.atLeast(trips, 0) !== true ? null : trips;
  for (let i = states; i < s.node.outputs.length; i++) {
    const element = body.outputs[1 + i]?.meta;
    if (element) s.set(i, element.dtype, stacked(s, i, element, 0, turns));
  }
}

/** The shape of elements stacked along an axis; their own unknown sizes need not be the same in each turn. */
function stacked(s: Site, output: number, element: Meta, axis: number, count: Dim | null): Dim[] {
  const shape: Dim[] = [...element.shape];
  shape.splice(axis, 0, count ?? s.fresh(output, axis));
  return shape;
}

function scan(s: Site): void {
  const body = s.graph("body");
  const scanned = s.int("num_scan_inputs", 0);
  if (!body) return;
  const states = s.count - scanned;
  if (states < 0) throw new RangeError(`Scan over ${scanned} inputs has only ${s.count}`);
  const inputAxes = s.ints("scan_input_axes") ?? new Array<number>(scanned).fill(0);
  const outputAxes = s.ints("scan_output_axes") ?? [];
  let length: Dim | null = null;
  const elements = Array.from({ length: scanned }, (_, i): Meta | null => {
    const meta = s.meta(states + i);
    if (!meta) return null;
    const axis = s.axis(inputAxes[i] ?? 0, meta.shape.length);
    const size = meta.shape[axis];
    if (length !== null && s.same(length, size) === false) {
      throw new RangeError(`Scan runs over sequences of ${length} and ${size} elements`);
    }
    if (length === null || isSym(length)) length = size;
    return { dtype: meta.dtype, shape: meta.shape.filter((_, k) => k !== axis) };
  });
  setInputs(body.inputs.slice(states), elements);
  const initial = s.node.inputs.slice(0, states);
  const isOwn = setInputs(body.inputs.slice(0, states), initial.map(plain));
  inferStates(s, body, 0, 0, states, isOwn);
  for (let i = 0; i < states; i++) setMerged(s, i, plain(body.inputs[i]), plain(body.outputs[i]));
  for (let i = states; i < s.node.outputs.length; i++) {
    const element = body.outputs[i]?.meta;
    if (!element) continue;
    const axis = s.axis(outputAxes[i - states] ?? 0, element.shape.length + 1);
    s.set(i, element.dtype, stacked(s, i, element, axis, length));
  }
}

/** The rules of ONNX's own domain. */
export const CONTROL: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ["If", branches],
  ["Loop", loop],
  ["Scan", scan],
]);
