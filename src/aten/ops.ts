/** The operator table as a map from names: for whoever looks an operator up, builds on its record, or lists them all. */
import { NAMES } from "./index.ts";
import { functionalName, opName, OpTable } from "./mod.ts";
import type { Op } from "./op.ts";

/**
 * Records by name, as a `ReadonlyMap` would hold them, but each is loaded with its family when it is asked for: nothing of
 * a thousand operators is in memory before.
 */
export interface Operators extends AsyncIterable<readonly [name: string, op: Op]> {
  /** How many names there are. */
  readonly size: number;
  /** The names in a family's order: `aten::add.Tensor`, `_operator::mul`, `higher_order::cond`. */
  keys(): IterableIterator<string>;
  /** Whether there is a record for a name, in-place variants among them. */
  has(name: string): boolean;
  /**
   * The record of an operator: that of the functional one for an in-place variant; undefined where there is none.
   *
   * @param name `aten::add.Tensor`, or as PyTorch prints it, `torch.ops.aten.add.Tensor`
   */
  get(name: string): Promise<Op | undefined>;
}

/**
 * The operators that are known. A record of one's own is made by {@linkcode defineOp}; for calls whose types follow from
 * schemas see {@linkcode loadOps}.
 *
 * @example
 * ```ts
 * import { ops } from "@fx2onnx/fx2onnx";
 *
 * const relu = await ops.get("aten::relu");
 * console.log(relu?.schema); // aten::relu(Tensor self) -> Tensor
 * console.log(ops.has("aten::relu_"), ops.size > 1000);
 * ```
 */
export const ops: Operators = {
  get size(): number {
    let count = 0;
    for (const [, names] of NAMES) count += names.trim().split(" ").length;
    return count;
  },
  *keys(): IterableIterator<string> {
    for (const [, names] of NAMES) yield* names.trim().split(" ");
  },
  has(name: string): boolean {
    const own = nameOf(name);
    return own !== null && [own, functionalName(own)].some((n) => NAMES.some(([, all]) => all.includes(` ${n} `)));
  },
  async get(name: string): Promise<Op | undefined> {
    const target = name.replace("::", ".");
    return (await OpTable.load([target])).resolve(target)?.op;
  },
  async *[Symbol.asyncIterator](): AsyncGenerator<readonly [string, Op]> {
    for (const name of this.keys()) yield [name, (await this.get(name))!];
  },
};

function nameOf(name: string): string | null {
  return opName(name.replace("::", "."));
}
