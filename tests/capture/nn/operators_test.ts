/**
 * What capture records of each layer in evaluation is what `torch.export` records of PyTorch's: the same operators in the
 * same order, so that programs of both front ends look and run alike.
 */
import { assertEquals } from "@std/assert";
import { capture } from "../../../src/capture/capture.ts";
import { Module } from "../../../src/capture/module.ts";
import { layerOf, rows } from "./layers.ts";

/** A model that gives some of its arguments to a layer several times. */
class Caller extends Module {
  constructor(readonly layer: Module, readonly places: readonly number[]) {
    super();
  }

  forward(...given: unknown[]): unknown {
    return (this.layer.call as (...args: unknown[]) => unknown)(...this.places.map((place) => given[place]));
  }
}

for (const row of rows.filter(({ ops }) => ops !== undefined)) {
  Deno.test(`nn ${row.name} is recorded as torch.export records it`, async () => {
    const { layer, args } = layerOf(row);
    const unique = [...new Set(args)];
    const model = new Caller(layer, args.map((arg) => unique.indexOf(arg))).eval();
    const { program } = await capture(model, { args: unique, kwargs: {}, dynamicShapes: null });
    const targets = [...program.graph.nodes()].map(({ target }) => target.replace("torch.ops.", ""));
    const recorded = targets.filter((target) => !target.includes("getitem"));
    assertEquals(recorded, row.ops);
  });
}
