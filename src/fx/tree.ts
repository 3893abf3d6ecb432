/**
 * Pytrees: how the arguments and results of a program are taken apart into leaves and put together again. Tuples and lists
 * are arrays here, dicts are objects (Maps where a key is no string), namedtuples and dataclasses are objects by field.
 */
import { JsonFloat, JsonObject, parseJson } from "../io/json.ts";
import type { ExportedProgram, ModuleCallEntry, TreeSpec } from "./program.ts";

/** Number of leaves. None is a leaf too. */
export function countLeaves(spec: TreeSpec): number {
  return spec.type === null ? 1 : spec.children.reduce((sum, child) => sum + countLeaves(child), 0);
}

/** The calling convention of a program that does not state one: positional arguments in order, results as a tuple. */
export function plainCall(inputs: number, outputs: number): ModuleCallEntry {
  const leaf: TreeSpec = { type: null, context: null, children: [] };
  const tuple = (children: TreeSpec[]): TreeSpec => ({ type: "builtins.tuple", context: "null", children });
  const kwargs: TreeSpec = { type: "builtins.dict", context: "[]", children: [] };
  return {
    fqn: "",
    signature: {
      inSpec: tuple([tuple(new Array<TreeSpec>(inputs).fill(leaf)), kwargs]),
      outSpec: tuple(new Array<TreeSpec>(outputs).fill(leaf)),
      forwardArgNames: null,
    },
  };
}

/** The keys of a dict's specification in order: strings and numbers. @throws {SyntaxError} */
export function dictKeys(spec: TreeSpec): unknown[] {
  let context: unknown = spec.context;
  if (context instanceof JsonObject) context = context.get("dict_context");
  else if (typeof context === "string") context = parseJson(context, { name: "the keys of a dict", maxDepth: 4 });
  if (!Array.isArray(context) || context.length !== spec.children.length) {
    throw new SyntaxError(
      `Cannot read the keys of a ${spec.type}: they do not match its ${spec.children.length} children`,
    );
  }
  return context.map((key) => key instanceof JsonFloat ? key.value : key);
}

/** Types that are arrays here; namedtuples of torch's own have no names of fields in archives. */
const SEQUENCES = /^(?:builtins\.(?:tuple|list)|collections\.deque|torch\.Size|torch\.return_types\.\w+)$/;
const DICTS = /^(?:builtins\.dict|collections\.(?:OrderedDict|defaultdict))$/;

/** The names of a node's children, or null where they have positions. */
export function childNames(spec: TreeSpec, namedTuples: ExportedProgram["namedTuples"]): readonly unknown[] | null {
  const type = spec.type!;
  if (SEQUENCES.test(type) || /\.immutable_list$/.test(type)) return null;
  if (DICTS.test(type) || /\.immutable_dict$/.test(type)) return dictKeys(spec);
  if (type === "collections.namedtuple") return namedTuples.get(String(spec.context)) ?? null;
  return fieldNames(spec);
}

/**
 * The names of the children of what a class was registered as: its context lists them, or, of a dataclass, those that are
 * present and then those that were None. Null where it has none such.
 */
export function fieldNames({ type, context, children }: TreeSpec): readonly unknown[] | null {
  if (typeof context !== "string" || !/^\s*\[/.test(context)) return null;
  const listed = parseJson(context, { name: `the fields of a ${type}`, maxDepth: 8 });
  const fields = Array.isArray(listed) && Array.isArray(listed[0]) ? listed[0] : listed;
  return Array.isArray(fields) && fields.length === children.length ? fields : null;
}

/**
 * The leaves of arguments, in the order of the specification.
 *
 * @param spec the specification of `(args, kwargs)`
 * @throws {TypeError} naming the argument that does not fit
 */
export function flattenArguments(
  spec: TreeSpec,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
  program: Pick<ExportedProgram, "namedTuples" | "moduleCallGraph">,
): unknown[] {
  const [positional, keyword] = spec.children;
  const names = program.moduleCallGraph.at(0)?.signature?.forwardArgNames ?? [];
  const keys = dictKeys(keyword).map(String);
  const unknown = Object.keys(kwargs).find((name) => !keys.includes(name));
  if (unknown !== undefined) throw new TypeError(`The program has no keyword argument ${unknown}`);
  if (args.length !== positional.children.length) {
    throw new TypeError(`The program takes ${positional.children.length} positional arguments, met ${args.length}`);
  }
  const leaves: unknown[] = [];
  const visit = (child: TreeSpec, value: unknown, where: string): void => {
    if (child.type === null) {
      leaves.push(value);
      return;
    }
    const found = childNames(child, program.namedTuples);
    const wrong = (what: string): TypeError => new TypeError(`Argument ${where} must be ${what}`);
    if (found === null) {
      if (!Array.isArray(value) || value.length !== child.children.length) {
        throw wrong(`an array of ${child.children.length} (a ${child.type} in Python)`);
      }
      value.forEach((item, i) => visit(child.children[i], item, `${where}[${i}]`));
      return;
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw wrong(`an object with ${found.join(", ")} (a ${child.type} in Python)`);
    }
    const at = (key: unknown): unknown =>
      value instanceof Map ? value.get(key) : (value as Record<string, unknown>)[String(key)];
    const size = value instanceof Map ? value.size : Object.keys(value).length;
    if (size !== found.length || found.some((key) => at(key) === undefined)) {
      throw wrong(`an object with exactly ${found.join(", ")}`);
    }
    found.forEach((key, i) => visit(child.children[i], at(key), `${where}.${key}`));
  };
  positional.children.forEach((child, i) => visit(child, args[i], names[i] ?? String(i)));
  keyword.children.forEach((child, i) => {
    if (!Object.hasOwn(kwargs, keys[i])) throw new TypeError(`Keyword argument ${keys[i]} is missing`);
    visit(child, kwargs[keys[i]], keys[i]);
  });
  return leaves;
}

/** Leaves put together by a specification. @throws {TypeError} when there are too few or too many */
export function unflatten(
  spec: TreeSpec,
  leaves: readonly unknown[],
  namedTuples: ExportedProgram["namedTuples"],
): unknown {
  if (leaves.length !== countLeaves(spec)) {
    throw new TypeError(`${leaves.length} values can't be put together as ${countLeaves(spec)} results`);
  }
  let next = 0;
  const build = (node: TreeSpec): unknown => {
    if (node.type === null) return leaves[next++];
    const names = childNames(node, namedTuples);
    const children = node.children.map(build);
    if (names === null) return children;
    const entries = names.map((name, i) => [name, children[i]] as const);
    return names.every((name) => typeof name === "string")
      ? Object.fromEntries(entries as [string, unknown][])
      : new Map(entries);
  };
  return build(spec);
}
