/** Writing in place: through aliases, into views, and what is refused, at once and while a program is recorded. */
import { assertEquals, assertThrows } from "@std/assert";
import { fullMeta } from "../../src/aten/calls.ts";
import { RECORDS } from "../../src/aten/records.ts";
import { recordedBy } from "../../src/trace/context.ts";
import { Tracer } from "../../src/trace/tracer.ts";
import { slice, Tensor, torch } from "../../torch.ts";

/** Views of a tensor of shape [2, 3, 4], each of which shares its elements. */
const VIEWS: ReadonlyMap<string, (x: Tensor) => Tensor> = new Map([
  ["view", (x) => x.view(6, 4)],
  ["transpose", (x) => x.transpose(0, 2)],
  ["permute", (x) => x.permute(2, 0, 1)],
  ["select", (x) => x.select(1, 1)],
  ["slice", (x) => x.at(slice(null), slice(1, null, 2))],
  ["narrow", (x) => x.narrow(2, 1, 2)],
  ["unsqueeze of a transposed", (x) => x.transpose(0, 1).unsqueeze(1)],
  ["diagonal", (x) => x.diagonal(0, 1, 2)],
  ["unbind", (x) => x.unbind(1)[2]],
  ["split", (x) => x.split(2, 2)[1]],
  ["chunk", (x) => x.chunk(2, 0)[1]],
  ["unfold", (x) => x.unfold(2, 2, 2)],
  ["flatten", (x) => x.flatten()],
  ["mT", (x) => x.mT],
  ["movedim", (x) => x.movedim(0, 2)],
  ["asStrided", (x) => x.asStrided([2, 2], [12, 5])],
  ["squeeze", (x) => x.narrow(0, 0, 1).squeeze()],
  ["detach", (x) => x.detach()],
  ["view of a view", (x) => x.at(1).t().at(slice(1, 3))],
]);

for (const [name, view] of VIEWS) {
  Deno.test(`what is written to ${name} is in its base, and only there`, () => {
    const x = torch.arange(24).reshape(2, 3, 4);
    const before = x.tolist();
    const seen = view(x);
    // Each element is its own place.
    const places = Array.from(seen.data() as BigInt64Array, Number);
    seen.add_(100);
    const flat = x.flatten().tolist() as number[];
    const changed = flat.flatMap((value, i) => value === i ? [] : [i]);
    assertEquals(changed, places.sort((a, b) => a - b));
    assertEquals(flat.filter((value, i) => value !== i && value !== i + 100), []);
    seen.sub_(100);
    assertEquals(x.tolist(), before);
  });
}

Deno.test("results that are no views share nothing with what they are made of", () => {
  const x = torch.arange(6).reshape(2, 3);
  const copies = [
    x.clone(),
    x.add(0),
    x.t().reshape([6]),
    x.repeat(1, 1),
    torch.cat([x]),
    x.to("int64", { copy: true }),
  ];
  for (const copy of copies) copy.fill_(9);
  assertEquals(x.tolist(), [[0, 1, 2], [3, 4, 5]]);
});

Deno.test("parts of complex tensors are views", () => {
  const z = torch.complex(torch.zeros(2), torch.zeros(2));
  z.real.add_(1);
  torch.viewAsReal(z).at("..., 1").fill_(3);
  assertEquals(Array.from(z.data() as Float32Array), [1, 3, 1, 3]);
});

Deno.test("an operator in place keeps dtype and sizes, and refuses what does not fit", () => {
  const n = torch.tensor([1, 2]);
  assertEquals(n.mul_(2).dtype, "int64");
  assertThrows(() => n.add_(1.5), TypeError, "Cannot write a result of float32 to a int64[2] by add_");
  assertThrows(() => n.add_(torch.ones([2, 2], { dtype: "int64" })), RangeError, "the sizes of a tensor stay");
  assertThrows(() => torch.zeros(1).expand(3).mul_(2), RangeError, "take its clone() first");
  const x = torch.arange(4);
  assertThrows(() => x.at("1:").add_(x.at(":3")), RangeError, "shares some elements");
  assertEquals(x.add_(x).tolist(), [0, 2, 4, 6]);
});

Deno.test("operators in place on the shape alone leave the elements where they are", () => {
  const x = torch.arange(6).reshape(2, 3);
  const y = x.at(slice(null));
  y.t_().unsqueeze_(0);
  assertEquals([y.shape, x.shape], [[1, 3, 2], [2, 3]]);
  y.add_(1);
  assertEquals(x.tolist(), [[1, 2, 3], [4, 5, 6]]);
});

Deno.test("while a program is recorded the same is refused, and views in place have the view's shape", () => {
  const tracer = new Tracer(RECORDS);
  const input = (name: string, shape: number[], dtype: "float32" | "int64"): Tensor =>
    new Tensor(tracer.addInput(name, fullMeta({ dtype, shape })));
  const [x, n] = [input("x", [2, 3], "float32"), input("n", [3], "int64")];
  recordedBy(tracer, () => {
    const y = x.clone();
    assertEquals(y.t_().unsqueeze_(0).shape, [1, 3, 2]);
    assertThrows(() => n.clone().add_(1.5), Error, "can't write results of float32 to a int64[3]");
    assertThrows(() => n.clone().add_(torch.ones([2, 3], { dtype: "int64" })), Error, "its sizes stay");
  });
});
