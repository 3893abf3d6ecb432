/** What the type checker takes and what it refuses; nothing here is run for its values. */
import { assertEquals } from "@std/assert";
import { type DType, F, slice, Tensor, torch } from "../../torch.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;

/** A compile error unless the types are the same. */
function same<_T extends true>(): void {}

function accepted(x: Tensor): void {
  same<Same<ReturnType<typeof x.sum>, Tensor>>();
  const sum: Tensor = x.sum({ dim: [0, 1], keepdim: true, dtype: "float64" });
  const [values, indices] = x.max(1);
  const named: Tensor = x.topk(2, { largest: false }).indices;
  const pooled: Tensor = F.maxPool2d(x, 2, { padding: 1 });
  const [most, places]: [Tensor, Tensor] = F.maxPool2d(x, 2, { returnIndices: true });
  const parts: Tensor[] = x.split([1, 2], 1);
  const size: number = x.size(0), sizes: readonly number[] = x.size();
  const equal: boolean = torch.equal(x, x);
  const inPlace: Tensor = x.add_(1).mul_(x);
  const dtype: DType = torch.float32;
  const viewed = x.view(2, -1).permute(0, 1).reshape([4]);
  const zeros = [torch.zeros(2, 3), torch.zeros([2, 3]), torch.zeros([2], { dtype }), torch.zeros({ size: [2] })];
  const picked = x.at(0, null, "...", slice(1), x, [0, 1], true, "1:, 2");
  void [sum, values, indices, named, pooled, most, places, parts, size, sizes, equal, inPlace, viewed, zeros, picked];
}

function refused(x: Tensor): void {
  // @ts-expect-error: a dim is a number
  x.sum("0");
  // @ts-expect-error: there is no such argument
  x.sum({ axis: 0 });
  // @ts-expect-error: keepdim is a truth
  x.sum(0, 1);
  // @ts-expect-error: there is no such dtype
  x.to({ dtype: "float" });
  // @ts-expect-error: an argument by name is the last
  x.sum({ dim: 0 }, true);
  // @ts-expect-error: other is missing
  x.add();
  // @ts-expect-error: a comparison with a text
  x.eq("1");
  // @ts-expect-error: there is no such method
  x.summ();
  // @ts-expect-error: a list of tensors is needed
  torch.cat(x);
  // @ts-expect-error: keyword-only arguments go by name
  torch.zeros([2], "float32");
  // @ts-expect-error: out is not offered
  torch.add(x, x, { out: x });
  // @ts-expect-error: matmul takes no numbers
  x.matmul(2);
  // @ts-expect-error: an object is no index
  x.at({ start: 1 });
  // @ts-expect-error: without returnIndices there is one tensor
  F.maxPool2d(x, 2)[1];
  // @ts-expect-error: shapes can't be written to
  x.shape[0] = 1;
  // @ts-expect-error: PyTorch's names are in camel case
  F.log_softmax(x, 1);
}

Deno.test("types hold", () => {
  assertEquals([accepted, refused].map((f) => f.length), [1, 1]);
});
