/**
 * The language of the cases in tests/fixtures: `f[N,3]` is a float32 tensor, `l{1,2}` an int64 list of constants, `l(3)` a
 * constant scalar, `i[2,2]{1,2,3,4}` a constant matrix, `-` an absent input; float attributes are `{"f": 0.5}`.
 */
import { type AttributeInput, float, OnnxNode, OnnxValue, toAttributes } from "../../src/onnx/model.ts";
import { type Dim, symbol } from "../../src/sym/mod.ts";
import { type DType, isBigData, newData, Tensor } from "../../src/tensor/mod.ts";

/** dtypes by letter. */
export const dtypes: ReadonlyMap<string, DType> = new Map<string, DType>([
  ["f", "float32"],
  ["d", "float64"],
  ["h", "float16"],
  ["g", "bfloat16"],
  ["i", "int32"],
  ["l", "int64"],
  ["b", "bool"],
  ["u", "uint8"],
  ["c", "int8"],
  ["v", "uint32"],
]);

/** What the letters of sizes stand for. */
export const sizes: ReadonlyMap<string, number> = new Map([["N", 6], ["C", 8], ["H", 14], ["W", 10], ["S", 5], [
  "T",
  12,
]]);

const special = new Map([["nan", NaN], ["inf", Infinity], ["-inf", -Infinity]]);

function list(text: string): string[] {
  return text === "" ? [] : text.split(",");
}

/** A constant. */
export function constant(text: string): Tensor {
  const [, letter, shape, bracket, inner] = /^(\w)(?:\[(.*)\])?([{(])(.*)[})]$/.exec(text)!;
  const dtype = dtypes.get(letter)!;
  const items = list(inner);
  const data = newData(dtype, items.length);
  for (const [i, item] of items.entries()) data[i] = isBigData(data) ? BigInt(item) : special.get(item) ?? Number(item);
  const dims = shape !== undefined ? list(shape).map(Number) : bracket === "(" ? [] : [items.length];
  return Tensor.of(dtype, dims, data);
}

/** An input of a node; letters of sizes become symbols or their numbers. */
export function valueOf(text: string, i: number, symbolic = false): OnnxValue | null {
  if (text === "-") return null;
  const value = new OnnxValue(`x${i}`);
  if (/[)}]$/.test(text)) {
    value.initializer = constant(text);
    value.meta = { dtype: value.initializer.dtype, shape: value.initializer.shape };
    return value;
  }
  const shape = list(text.slice(2, -1)).map((d): Dim =>
    /\d/.test(d) ? Number(d) : symbolic ? symbol(d) : sizes.get(d)!
  );
  value.meta = { dtype: dtypes.get(text[0])!, shape };
  return value;
}

function attributeOf(value: unknown): AttributeInput {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value as AttributeInput;
  const [given] = Object.values(value);
  return float(given);
}

/** A node with an input per word; `outputs` among the attributes says how many outputs it has. */
export function nodeOf(
  opType: string,
  attributes: Readonly<Record<string, unknown>>,
  inputs: string,
  symbolic = false,
): OnnxNode {
  const { outputs = 1, ...rest } = attributes;
  return new OnnxNode({
    name: "n",
    opType,
    inputs: inputs === "" ? [] : inputs.split(" ").map((text, i) => valueOf(text, i, symbolic)),
    outputs: Array.from({ length: outputs as number }, (_, i) => new OnnxValue(`y${i}`)),
    attributes: toAttributes(Object.fromEntries(Object.entries(rest).map(([k, v]) => [k, attributeOf(v)]))),
  });
}

/** The cases of a file in tests/fixtures. */
export async function readCases<T>(name: string): Promise<T[]> {
  return JSON.parse(await Deno.readTextFile(new URL(`../fixtures/${name}`, import.meta.url)));
}
