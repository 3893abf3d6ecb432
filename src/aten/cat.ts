/** Joining tensors. */
import { add } from "../sym/mod.ts";
import { type Data, newData, normalizeDim, Tensor } from "../tensor/mod.ts";
import { elementCount } from "../tensor/mod.ts";
import { defineOp } from "./op.ts";
import { PARTS, requireShape } from "./rules.ts";

/** A 1-d tensor without elements joins anything, as PyTorch keeps for compatibility. */
function joined<T extends { readonly shape: readonly unknown[] }>(tensors: readonly T[]): readonly T[] {
  if (tensors.length === 0) throw new RangeError("There must be at least one tensor to join");
  const rest = tensors.filter((t) => !(t.shape.length === 1 && t.shape[0] === 0));
  return rest.length > 0 ? rest : tensors.slice(0, 1);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.cat.html */
export const cat = defineOp("aten::cat(Tensor[] tensors, int dim=0) -> Tensor", {
  promote: { args: ["tensors"], to: "default" },
  meta: (_, { tensors, dim }) => {
    const parts = joined(tensors);
    const axis = normalizeDim(dim, parts[0].shape.length);
    const shape = [...parts[0].shape];
    for (const part of parts) requireShape("Each tensor to be joined", part, shape.with(axis, part.shape[axis]));
    shape[axis] = parts.map((p) => p.shape[axis]).reduce(add);
    return { dtype: parts[0].dtype, shape };
  },
  kernel: ({ tensors, dim }) => {
    const parts = joined(tensors);
    const axis = normalizeDim(dim, parts[0].shape.length);
    const shape = [...parts[0].shape];
    shape[axis] = parts.reduce((n, p) => n + p.shape[axis], 0);
    const outer = elementCount(shape.slice(0, axis));
    const out = newData(parts[0].dtype, elementCount(shape));
    const data = parts.map((p) => p.data());
    let at = 0;
    for (let o = 0; o < outer; o++) {
      for (const [i, part] of parts.entries()) {
        const run = elementCount(part.shape.slice(axis));
        (out as Float32Array).set((data[i] as Float32Array).subarray(o * run, (o + 1) * run), at);
        at += run;
      }
    }
    return Tensor.of(parts[0].dtype, shape, out as Data);
  },
  complex: PARTS,
  onnx: (b, { tensors, dim }) => {
    const known = joined(tensors.map((value) => ({ value, shape: b.meta(value).shape })));
    const axis = normalizeDim(dim, known[0].shape.length);
    return known.length === 1 ? known[0].value : b.op("Concat", known.map((k) => k.value), { axis });
  },
});
