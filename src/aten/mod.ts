/**
 * The operator table: finds the record of an operator by its name and loads its family only then. `index.ts` is generated
 * from the families by `deno task ops`.
 */
import { type FxGraph, hasComplex, targetsOf } from "../fx/mod.ts";
import { FAMILIES, NAMES } from "./index.ts";
import type { Forms, Op } from "./op.ts";

export { type Calls, defineOp, type Forms, type MetaContext, type Op, type Promotion, type Rules } from "./op.ts";

/** A name resolved to the record that says what it does. */
export interface Resolved {
  readonly op: Op;
  /** True when the name is the in-place variant: the result is written to the first argument. */
  readonly inplace: boolean;
}

/** Records of the operators that a program uses. */
export class OpTable {
  private readonly ops: Map<string, Op> = new Map();
  /** Records by the name of their in-place variant, where they say one. */
  private readonly inplace: Map<string, Op> = new Map();
  /** Answers given: programs name few operators often. */
  private readonly resolved: Map<string, Resolved | null> = new Map();

  /** A user's records, which win over all others. */
  private readonly custom: Map<string, Op> = new Map();

  /** What records do with complex values; null where there are none. */
  forms: Forms | null = null;

  /** A table with the families of the given operators loaded; names without a record are left out. */
  static async load(targets: Iterable<string>, custom: Iterable<Op> = []): Promise<OpTable> {
    const table = new OpTable();
    for (const op of custom) for (const name of [op.name, ...op.inplace ?? []]) table.custom.set(name, op);
    await table.extend(targets);
    return table;
  }

  /** A table of the records that modules export, which are in memory already. */
  static of(modules: Iterable<object>, forms: Forms | null): OpTable {
    const table = new OpTable();
    for (const module of modules) for (const op of Object.values(module)) table.add(op);
    table.forms = forms;
    return table;
  }

  /** A table for the operators of a graph, and for its complex values if it has any. */
  static async for(graph: FxGraph, custom: readonly Op[] = []): Promise<OpTable> {
    const table = await OpTable.load(targetsOf(graph), custom);
    // What a user's own operators make of real numbers is not known before they run.
    if (custom.length > 0 || hasComplex(graph)) table.forms ??= await import("./complex_forms.ts");
    return table;
  }

  /** Loads the families of more operators. */
  async extend(targets: Iterable<string>): Promise<void> {
    const families = new Set<string>();
    for (const target of targets) {
      const family = familyOf(target);
      if (family !== null) families.add(family);
      else for (const other of familiesOfOverloads(target)) families.add(other);
    }
    const modules = await Promise.all([...families].map((family) => FAMILIES[family]()));
    for (const module of modules) {
      for (const op of Object.values(module)) this.add(op);
      // Families with complex values between real arguments and real results bring the forms along.
      if ("forms" in module) this.forms = module.forms as Forms;
    }
    const uses = modules.flatMap((module) =>
      Object.values(module).flatMap((op) => isOp(op) ? op.higherOrder?.uses ?? [] : [])
    );
    const missing = uses.filter((target) => !this.resolve(target));
    if (missing.length > 0) await this.extend(missing);
  }

  /** Adds a record; later ones win. */
  add(op: unknown): void {
    if (!isOp(op)) return;
    this.resolved.clear();
    this.ops.set(op.name, op);
    for (const name of op.inplace ?? []) this.inplace.set(name, op);
  }

  /** The record for a target such as `torch.ops.aten.add_.Tensor`, or null. */
  resolve(target: string): Resolved | null {
    let found = this.resolved.get(target);
    if (found === undefined) this.resolved.set(target, found = this.look(target));
    return found;
  }

  private look(target: string): Resolved | null {
    const name = opName(target);
    if (name === null) return null;
    const op = this.custom.get(name) ?? this.ops.get(name);
    if (op) return { op, inplace: op.name !== name };
    const twin = functionalName(name);
    const functional = this.custom.get(twin) ?? this.inplace.get(name) ?? this.ops.get(twin);
    return functional && functional.name !== name ? { op: functional, inplace: true } : null;
  }

  /**
   * All records of an operator, those first whose names are nearest to the overload asked for: of `aten::max.dim_max`, which
   * writes results to tensors, `aten::max.dim` is the nearest.
   */
  overloadsOf(target: string): readonly Op[] {
    const name = opName(target);
    if (name === null) return [];
    const [base, overload] = splitName(name);
    const wanted = overload.replace(/^(out|values)(_|$)|(^|_)(out|values|max|min)$|^Out/, "");
    const rank = (op: Op): number => {
      const own = splitName(op.name)[1];
      return own === wanted ? 0 : wanted !== "" && own.endsWith(`_${wanted}`) ? 1 : 2;
    };
    return [...this.ops.values()].filter((op) => splitName(op.name)[0] === base).sort((a, b) => rank(a) - rank(b));
  }
}

/** `aten::add.Tensor` as operator and overload. */
function splitName(name: string): [base: string, overload: string] {
  const dot = name.indexOf(".");
  return dot < 0 ? [name, ""] : [name.slice(0, dot), name.slice(dot + 1)];
}

/** Families with overloads of the operator of a target, or of the one that it calls on each tensor of a list. */
function familiesOfOverloads(target: string): string[] {
  const name = opName(target);
  if (name === null) return [];
  const base = splitName(name)[0].replace(/::_foreach_(\w*?)_?$/, "::$1");
  return NAMES.flatMap(([family, names]) => names.includes(` ${base} `) || names.includes(` ${base}.`) ? [family] : []);
}

/**
 * Records of operators, to be called in decompositions of one's own. The schemas, which `fx2onnx ops` prints, give the
 * calls their types.
 *
 * @throws {RangeError} for a schema that no record has
 *
 * @example
 * ```ts
 * import { defineOp, loadOps } from "@fx2onnx/fx2onnx";
 *
 * const [relu] = await loadOps("aten::relu(Tensor self) -> Tensor");
 * const twice = defineOp("mylib::relu_twice(Tensor x) -> Tensor", {
 *   decompose: (t, { x }) => t.call(relu, t.call(relu, x)),
 * });
 * ```
 */
export async function loadOps<const S extends readonly string[]>(
  ...schemas: S
): Promise<{ [K in keyof S]: Op<S[K]> }> {
  const targets = schemas.map((schema) => schema.replace(/\(.*$/s, "").replace("::", "."));
  const table = await OpTable.load(targets);
  return schemas.map((schema, i) => {
    const op = table.resolve(targets[i])?.op;
    if (op?.schema === schema) return op;
    throw new RangeError(`There is no record of operator ${schema}${op ? `, but one of ${op.schema}` : ""}`);
  }) as unknown as { [K in keyof S]: Op<S[K]> };
}

/** Whether there is a record for a target that does not only say why it can't be exported. */
export function isSupported(target: string, table: OpTable): boolean {
  const known = table.resolve(target);
  return known !== null && known.op.higherOrder?.unsupported === undefined;
}

/** The family that has the record for a target, or null when there is none. */
function familyOf(target: string): string | null {
  const name = opName(target);
  if (name === null) return null;
  return familyWith(name) ?? familyWith(functionalName(name));
}

/** Searching texts costs less than a map of all names would at each start. */
function familyWith(name: string): string | null {
  const word = ` ${name} `;
  return NAMES.find(([, names]) => names.includes(word))?.[0] ?? null;
}

/**
 * `torch.ops.aten.add.Tensor` to `aten::add.Tensor`, `torch.ops.higher_order.cond` to `higher_order::cond`; Python functions
 * keep their module, as in `_operator::mul`, `torch::sym_max`. Null for other forms.
 */
export function opName(target: string): string | null {
  const isFunction = target.startsWith("torch.") && !target.startsWith("torch.ops.");
  const match = isFunction
    ? /^([\w.]+)\.(\w+)$/.exec(target)
    : /^(?:torch\.ops\.)?(\w+)\.(\w+)(?:\.(\w+))?$/.exec(target);
  if (!match) return null;
  const [, namespace, op, overload] = match;
  return overload === undefined || overload === "default" ? `${namespace}::${op}` : `${namespace}::${op}.${overload}`;
}

/** `aten::add_.Tensor` to `aten::add.Tensor`; other names stay. */
export function functionalName(name: string): string {
  return name.replace(/^(\w+::\w*[a-z0-9])_(\.|$)/, "$1$2");
}

/** Whether an export of a family file is a record. */
export function isOp(x: unknown): x is Op {
  return typeof x === "object" && x !== null && "schema" in x && "name" in x;
}
