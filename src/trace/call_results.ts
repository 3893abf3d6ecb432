/** What a call gives: what is known of its results, found by the meta rule, and the values that stand for them. */
import type { BoundArgs, CallArg } from "../aten/bind.ts";
import { fullMeta, MetaInterpreter, toMetas } from "../aten/calls.ts";
import { checkDTypes } from "../aten/dtypes.ts";
import type { OpTable } from "../aten/mod.ts";
import type { Op } from "../aten/op.ts";
import { type FxResult, FxValue, type SchemaType, type SymMeta } from "../fx/mod.ts";
import { type Dim, eq, isSym, type Sym } from "../sym/mod.ts";
import { canCast, contiguousStrides, type Meta } from "../tensor/mod.ts";
import { checkAtOtherSizes } from "./guards.ts";
import type { Symbols } from "./symbols.ts";

/** What an operator gives while a program is recorded: values for tensors, expressions or plain numbers for numbers. */
export type Traced = FxValue | Sym | number | bigint | boolean | null | readonly Traced[];

/** Finds what is known of the results of calls. */
export class CallResults {
  private readonly metas: MetaInterpreter;
  private readonly symbols: Symbols;

  constructor(table: OpTable, symbols: Symbols) {
    this.symbols = symbols;
    this.metas = new MetaInterpreter(undefined, table.forms, {
      get ranges() {
        return symbols.ranges;
      },
      freshSymbol: (_hint, kind = "size") => symbols.fresh(kind),
    });
  }

  /**
   * Metas of tensors, numbers and expressions, in lists where the operator gives several.
   *
   * @param inplace the name of the in-place variant that is called, or null
   * @throws {GuardError} where the call needs a condition on sizes that nothing guarantees yet
   */
  of(op: Op, bound: BoundArgs, inplace: string | null): unknown {
    const given = new Map(Object.entries(bound).map(([name, value]) => [name, toMetas(value) as CallArg<Meta>]));
    checkDTypes(op.name, Object.fromEntries(given));
    const complete = this.metas.bind(op, [], given);
    const made = this.metas.apply(op, complete);
    checkAtOtherSizes(this.metas, op, complete, made, this.symbols);
    const result = op.strides ? { ...made as Meta, strides: stridesOf(op, complete) } : made;
    if (inplace === null) return result;
    return writtenTo(op, inplace, toMetas(bound[op.parsed.args[0].name]) as Meta, result);
  }
}

/** Strides of a view. */
function stridesOf(op: Op, args: BoundArgs): readonly Dim[] {
  const { dtype, shape, strides } = args[op.parsed.args[0].name] as Meta;
  // deno-lint-ignore no-explicit-any -- bound arguments are typed by the schema at the definition
  return op.strides!({ dtype, shape, strides: strides ?? contiguousStrides(shape) }, args as any);
}

/**
 * What an operator in place leaves: the tensor as it was but for its elements, or, where the operator is a view, the view.
 *
 * @throws {TypeError} when the results are of a dtype that the tensor can't take
 * @throws {RangeError} when they have another shape
 */
function writtenTo(op: Op, name: string, self: Meta, result: unknown): unknown {
  const [returned] = op.parsed.returns;
  if (returned?.alias && !returned.alias.write) return result;
  const made = Array.isArray(result) ? result[0] : result;
  if (typeof made !== "object" || made === null || !("dtype" in made)) return self;
  const { dtype, shape } = made as Meta;
  const shown = `${self.dtype}[${self.shape.join(", ")}]`;
  if (!canCast(dtype, self.dtype)) throw new TypeError(`${name} can't write results of ${dtype} to a ${shown}`);
  if (shape.length !== self.shape.length || shape.some((n, d) => eq(n, self.shape[d]) === false)) {
    throw new RangeError(`${name} can't write results of shape [${shape.join(", ")}] to a ${shown}: its sizes stay`);
  }
  return self;
}

/** Whether a result is known, so that no node is needed for it. */
export function isNumber(x: unknown): x is number | bigint | boolean {
  return typeof x === "number" || typeof x === "bigint" || typeof x === "boolean";
}

/**
 * Values for results.
 *
 * @param name of the only value
 * @param type of the only result; null where there are several
 * @param nameOf gives names to values of lists
 */
export function valuesFor(result: unknown, name: string, type: SchemaType | null, nameOf: () => string): FxResult {
  if (result === null || result === undefined) return null;
  if (Array.isArray(result)) return result.map((one) => valuesFor(one, nameOf(), null, nameOf));
  if (isNumber(result) || isSym(result)) return new FxValue(name, symMeta(result, type));
  return new FxValue(name, fullMeta(result as Meta));
}

/** What is known of a number that a node gives. */
function symMeta(value: Sym | number | bigint | boolean, type: SchemaType | null): SymMeta {
  if (isSym(value)) return { kind: "sym", type: value.kind, expr: value };
  if (typeof value === "boolean") return { kind: "sym", type: "bool", expr: value };
  const isFloat = type?.kind === "base" && type.name === "float";
  return { kind: "sym", type: typeof value === "bigint" || !isFloat ? "int" : "float", expr: Number(value) };
}

/** Results as the program that is recorded goes on with them. */
export function tracedOf(tree: FxResult): Traced {
  if (tree === null) return null;
  if (!(tree instanceof FxValue)) return (tree as readonly FxResult[]).map(tracedOf);
  return tree.meta.kind === "sym" ? tree.meta.expr : tree;
}
