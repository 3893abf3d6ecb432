/** The rows of fixtures/layers.json as layers and arguments; `python tests/tools/nn_layers.py` records them. */
import type { Module } from "../../../src/capture/module.ts";
import * as nn from "../../../src/capture/nn/mod.ts";
import { Tensor, torch } from "../../../torch.ts";
import { countedInput, countedState, type InputSpec } from "../counted_weights.ts";

/** A tensor as it is recorded. */
export interface Recorded {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly values: ReadonlyArray<number | boolean | string>;
}

/** A row of the fixture. */
export interface Row {
  readonly name: string;
  readonly layer: string;
  readonly args: readonly unknown[];
  readonly options: Readonly<Record<string, unknown>>;
  readonly inputs: readonly unknown[];
  readonly call?: Readonly<Record<string, unknown>>;
  readonly note?: string;
  readonly train?: boolean;
  readonly repr: string;
  readonly state: Readonly<Record<string, readonly number[]>>;
  readonly ops?: readonly string[];
  readonly outputs: readonly Recorded[];
  readonly after?: Readonly<Record<string, Recorded>>;
}

/** All rows. */
export const rows: readonly Row[] = JSON.parse(
  await Deno.readTextFile(new URL("./fixtures/layers.json", import.meta.url)),
);

function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function special(kind: string, shape: readonly number[]): Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  const each = (value: (i: number) => number): number[] => Array.from({ length: count }, (_, i) => value(i));
  const last = shape[shape.length - 1];
  if (kind === "even") {
    const spatial = shape.slice(2).reduce((a, b) => a * b, 1);
    return torch.tensor(each((i) => i % spatial * 2), { dtype: "int64" }).reshape([...shape]);
  }
  const isTrue = kind === "bool-eye"
    ? (i: number) => (i % last === (Math.floor(i / last) + last - 1) % last)
    : (i: number) => i % last > last - 2 - Math.floor(i / last);
  return torch.tensor(each((i) => Number(isTrue(i))), { dtype: "bool" }).reshape([...shape]);
}

function make(value: unknown, path: string, last?: unknown): unknown {
  if (value === "$same") return last;
  if (Array.isArray(value)) return value.map((item, i) => make(item, `${path}.${i}`));
  if (typeof value !== "object" || value === null) return value;
  const spec = value as Record<string, unknown>;
  if ("$tensor" in spec) {
    const input = spec.$tensor as { shape: readonly number[]; kind?: string };
    if (["even", "bool-eye", "bool-head"].includes(input.kind ?? "")) return special(input.kind!, input.shape);
    return countedInput(path, input as InputSpec);
  }
  if ("$ints" in spec) return torch.tensor(spec.$ints as number[], { dtype: "int64" });
  if ("$causal" in spec) return nn.Transformer.generateSquareSubsequentMask(spec.$causal as number);
  if ("$module" in spec) {
    const [layer, args, options] = spec.$module as [string, unknown[], Record<string, unknown>];
    return construct(layer, args, options, path);
  }
  return value;
}

function named(options: Readonly<Record<string, unknown>>, path: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).map(([k, v]) => [camelCase(k), make(v, `${path}.${k}`)]));
}

function construct(
  layer: string,
  args: readonly unknown[],
  options: Readonly<Record<string, unknown>>,
  path: string,
): Module {
  const type = (nn as unknown as Record<string, new (...args: unknown[]) => Module>)[layer];
  const given = args.map((arg) => make(arg, `${path}.args`));
  return Object.keys(options).length > 0 ? new type(...given, named(options, path)) : new type(...given);
}

/** The layer of a row with its parameters, and the arguments of its call. */
export function layerOf(row: Row): { readonly layer: Module; readonly args: unknown[] } {
  const layer = construct(row.layer, row.args, row.options, row.name).train(row.train ?? false);
  layer.loadStateDict(countedState(layer.stateDict()));
  const args: unknown[] = [];
  for (const [i, spec] of row.inputs.entries()) args.push(make(spec, `${row.name}.${i}`, args.at(-1)));
  if (row.layer === "EmbeddingBag" && Array.isArray(args[1])) args[1] = torch.tensor(args[1], { dtype: "int64" });
  const { dtype } = row.options;
  const converted = args.map((arg) => arg instanceof Tensor && dtype ? arg.to(dtype as "float64") : arg);
  return { layer, args: row.call ? [...converted, named(row.call, row.name)] : converted };
}
