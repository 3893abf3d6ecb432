/** Suppression of boxes that better ones cover. Boxes are `[x1, y1, x2, y2]`. */
import { eq } from "../sym/mod.ts";
import { isFloat, type Meta, Tensor } from "../tensor/mod.ts";
import { carrier, SINGLE } from "./emit.ts";
import { defineOp } from "./op.ts";
import { refuse } from "./rules.ts";

/** Boxes that no better box covers by more than a share, best first: https://docs.pytorch.org/vision/stable/generated/torchvision.ops.nms.html */
export const nms = defineOp("torchvision::nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor", {
  meta: (ctx, { dets, scores, iou_threshold }): Meta => {
    checkBoxes(dets, scores, iou_threshold);
    return { dtype: "int64", shape: [ctx.freshSymbol("nms")] };
  },
  kernel: ({ dets, scores, iou_threshold }) => {
    checkBoxes(dets, scores, iou_threshold);
    const [boxes, ranks] = [dets.data() as Float32Array, Array.from(scores.data() as Float32Array)];
    const order = ranks.map((_, i) => i).sort((i, k) => ranks[k] - ranks[i] || i - k);
    const kept: number[] = [];
    for (const i of order) if (kept.every((k) => !(overlap(boxes, k, i) > iou_threshold))) kept.push(i);
    return Tensor.of("int64", [kept.length], BigInt64Array.from(kept, BigInt));
  },
  onnx: (b, { dets, scores, iou_threshold }) => {
    const meta = b.meta(dets);
    checkBoxes(meta, b.meta(scores), iou_threshold);
    // Refuses float64; what is narrower fits.
    carrier(b, meta.dtype, SINGLE, "NonMaxSuppression");
    const boxes = b.unsqueeze(b.cast(dets, "float32"), 0);
    const ranks = b.unsqueeze(b.cast(scores, "float32"), 0, 1);
    const found = b.op("NonMaxSuppression", [boxes, ranks, b.dim(meta.shape[0]), b.scalar(iou_threshold, "float32")]);
    return b.op("Gather", [found, b.scalar(2n, "int64")], { axis: 1 });
  },
});

function checkBoxes(dets: Meta, scores: Meta, threshold: number): void {
  if (dets.shape.length !== 2 || eq(dets.shape[1], 4) === false) {
    throw new RangeError(`Boxes of [n, 4] are needed, met [${dets.shape.join(", ")}]`);
  }
  if (scores.shape.length !== 1 || eq(scores.shape[0], dets.shape[0]) === false) {
    throw new RangeError(`One score per box is needed, met [${scores.shape.join(", ")}]`);
  }
  if (!isFloat(dets.dtype) || scores.dtype !== dets.dtype) {
    throw new TypeError(`Boxes and scores must be of one float dtype, met ${dets.dtype} and ${scores.dtype}`);
  }
  if (!(threshold >= 0 && threshold <= 1)) refuse("iou_threshold", threshold, "it must be between 0 and 1");
}

/** The share of the union of two boxes that both cover. */
function overlap(boxes: Float32Array, i: number, k: number): number {
  const [a, b] = [i, k].map((at) => boxes.subarray(4 * at, 4 * at + 4));
  const side = (d: number): number => Math.max(0, Math.min(a[d + 2], b[d + 2]) - Math.max(a[d], b[d]));
  const area = (x: Float32Array): number => (x[2] - x[0]) * (x[3] - x[1]);
  const both = side(0) * side(1);
  return both / (area(a) + area(b) - both);
}
