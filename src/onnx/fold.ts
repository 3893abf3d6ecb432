/**
 * Evaluates nodes whose inputs are constants in memory: ONNX's shape arithmetic, and what small constants are made of.
 * Results are small by decree, so that folding never makes a model larger to any extent.
 */
import { isSym } from "../sym/mod.ts";
import { formatMeta, itemsize, newData, staticShape, Tensor } from "../tensor/mod.ts";
import { FOLD_ELEMENTWISE } from "./fold_elementwise.ts";
import { FOLD_LAYOUT } from "./fold_layout.ts";
import { Fold } from "./fold_site.ts";
import { constantOf, constantOfNode, Site } from "./infer_site.ts";
import type { OnnxNode, OnnxValue } from "./model.ts";

/** Bytes that the results of a folded node may take together. */
export const MAX_FOLDED_BYTES = 64 * 1024;
/** Bytes of constants that are read to fold one node. */
const MAX_READ_BYTES = 4 * 1024 * 1024;

/** Their number of results depends on values, and is at most that of the elements read. */
const DATA_DEPENDENT: ReadonlySet<string> = new Set(["NonZero"]);

/**
 * The results of a node, one tensor per output, where all inputs are loaded constants, the operator is one that is folded,
 * and the results are small; null otherwise. The node's outputs must have been inferred.
 *
 * Floats are computed in float64 and rounded once. Integers wrap. A conversion of a float that the integer dtype can't hold,
 * a division by zero and what else differs between machines is not folded.
 *
 * @throws {RangeError} when an index of a constant is out of range
 *
 * @example
 * ```ts
 * import { Tensor } from "../tensor/mod.ts";
 * import { OnnxNode, OnnxValue } from "./model.ts";
 *
 * const two = new OnnxValue("two", { dtype: "int64", shape: [] });
 * two.initializer = Tensor.scalar("int64", 2n);
 * const node = new OnnxNode({ name: "four", opType: "Add", inputs: [two, two], outputs: [new OnnxValue("y")] });
 * foldNode(node, 21)?.map((tensor) => tensor.item()); // [4n]
 * ```
 */
export function foldNode(node: OnnxNode, opset: number): Tensor[] | null {
  if (node.domain !== "") return null;
  if (node.opType === "Constant") {
    const tensor = constantOfNode(node);
    return tensor && [tensor];
  }
  const empty = node.outputs.map(emptyTensor);
  if (empty.length > 0 && empty.every((t) => t !== null)) return empty;
  const followed = node.outputs.map(tensorOfContent);
  if (followed.length > 0 && followed.every((t) => t !== null)) return followed;
  const rule = FOLD_ELEMENTWISE.get(node.opType) ?? FOLD_LAYOUT.get(node.opType);
  if (!rule) return null;
  const inputs = node.inputs.map(constantOf);
  if (node.inputs.some((value, i) => value !== null && inputs[i] === null)) return null;
  const metas = node.outputs.map((value) => value.meta);
  const shapes = metas.map((meta) => meta && staticShape(meta.shape));
  let [read, made] = [0, 0];
  for (const tensor of inputs) read += tensor?.byteLength ?? 0;
  for (const [i, meta] of metas.entries()) {
    const shape = shapes[i];
    if (!meta) return null;
    if (shape) made += shape.reduce((a, b) => a * b, itemsize(meta.dtype));
    else if (DATA_DEPENDENT.has(node.opType)) made += 8 * read * Math.max(inputs[0]?.shape.length ?? 1, 1);
    else return null;
  }
  if (read > MAX_READ_BYTES || made > MAX_FOLDED_BYTES) return null;
  const site = new Site(node, opset, null, () => {});
  const result = rule(new Fold(site, inputs, metas.map((meta) => meta!.dtype), shapes));
  if (!result) return null;
  const tensors = result instanceof Tensor ? [result] : [...result];
  for (const [i, tensor] of tensors.entries()) assertAsInferred(node, tensor, node.outputs[i], shapes[i]);
  return tensors.length === node.outputs.length ? tensors : null;
}

/** The constant that shape arithmetic has found out, whatever the inputs are. */
function tensorOfContent({ content, meta }: OnnxValue): Tensor | null {
  if (!content || !meta || meta.shape.length > 1 || content.some(isSym)) return null;
  if (meta.dtype !== "int64" && meta.dtype !== "bool") return null;
  const data = newData(meta.dtype, content.length);
  for (const [i, value] of content.entries()) {
    data[i] = data instanceof BigInt64Array ? BigInt(value as number) : value as number;
  }
  return Tensor.of(meta.dtype, meta.shape.length === 0 ? [] : [content.length], data);
}

/** Folding and inference are two accounts of the same operator. */
function assertAsInferred(
  node: OnnxNode,
  tensor: Tensor,
  output: OnnxValue | undefined,
  shape: readonly number[] | null,
): void {
  const meta = output?.meta;
  if (!meta) return;
  const fits = tensor.dtype === meta.dtype && (!shape || String(tensor.shape) === String(shape));
  if (!fits) {
    const found = formatMeta({ dtype: tensor.dtype, shape: tensor.shape });
    throw new RangeError(`${node.opType} of constants gives ${found}, but ${formatMeta(meta)} was inferred`);
  }
}

/** The value itself where it has no elements: nothing is left to compute, and some runtimes fail on empty operands. */
function emptyTensor({ meta }: OnnxValue): Tensor | null {
  const shape = meta && staticShape(meta.shape);
  return meta && shape?.includes(0) ? Tensor.of(meta.dtype, shape, newData(meta.dtype, 0)) : null;
}
