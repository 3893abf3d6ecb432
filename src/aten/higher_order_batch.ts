/**
 * What `torch.vmap` leaves in a captured graph: a region in which batched values enter without their batch dimension. The
 * recorded shapes inside are those of one element, so a region is a map over the batch; `passes/batch.ts` makes it one.
 */
import { defineHigherOrder } from "./higher_order.ts";

/** `_vmap_increment_nesting(batch_size, randomness)` */
export const incrementNesting = defineHigherOrder("torch._functorch.predispatch::_vmap_increment_nesting", {
  batch: "open",
  uses: [
    "torch.ops.higher_order.map_impl",
    "torch.ops.aten.movedim.int",
    "torch.ops.aten.unsqueeze.default",
    "torch.ops.aten.expand.default",
    "torch.ops.aten._assert_scalar.default",
  ],
});
/** `_vmap_decrement_nesting()` */
export const decrementNesting = defineHigherOrder("torch._functorch.predispatch::_vmap_decrement_nesting", {
  batch: "close",
});
/** `_add_batch_dim(tensor, dim, level)`: the element of a tensor along a dimension. */
export const addBatchDim = defineHigherOrder("torch._functorch.predispatch::_add_batch_dim", { batch: "enter" });
/** `_remove_batch_dim(tensor, level, batch_size, dim)`: the results of all elements along a dimension. */
export const removeBatchDim = defineHigherOrder("torch._functorch.predispatch::_remove_batch_dim", { batch: "leave" });
