/**
 * Refuses dtypes that PyTorch's operators don't take, where a program is captured here: meta rules go by shapes, and a
 * program that PyTorch captured was checked there. The rules are in `dtype_table.ts`, which is made by trying PyTorch.
 */
import { type DType, isComplex, isFloat, type Meta } from "../tensor/mod.ts";
import { DTYPE_RULES } from "./dtype_table.ts";

/** What holds for one operator. */
interface DTypeRules {
  /** Kinds of dtypes by argument, as letters. */
  readonly kinds: ReadonlyMap<string, string>;
  /** Arguments that must have one dtype. */
  readonly alike: readonly (readonly string[])[];
}

const NAMES: Readonly<Record<string, string>> = { b: "bools", i: "integers", f: "floats", c: "complex numbers" };

let byOperator: Map<string, string> | null = null;
const read = new Map<string, DTypeRules>();

/** The rules of an operator; null where every dtype is taken, or nothing is known. */
function rulesOf(operator: string): DTypeRules | null {
  byOperator ??= new Map(DTYPE_RULES.flatMap(([rules, names]) => names.split(" ").map((name) => [name, rules])));
  const text = byOperator.get(operator);
  if (text === undefined) return null;
  const known = read.get(text);
  if (known) return known;
  const parts = text.split(" ");
  const rules: DTypeRules = {
    kinds: new Map(parts.filter((p) => p.includes("=")).map((p) => p.split("=") as [string, string])),
    alike: parts.filter((p) => !p.includes("=")).map((p) => p.split("~")),
  };
  read.set(text, rules);
  return rules;
}

function kindOf(dtype: DType): string {
  if (dtype === "bool") return "b";
  return isFloat(dtype) ? "f" : isComplex(dtype) ? "c" : "i";
}

/** dtypes of an argument's tensors; numbers have none. */
function dtypesOf(arg: unknown): DType[] {
  if (Array.isArray(arg)) return arg.flatMap(dtypesOf);
  return typeof arg === "object" && arg !== null && "dtype" in arg ? [(arg as Meta).dtype] : [];
}

/**
 * Checks the dtypes of a call's tensors, before they are promoted.
 *
 * @param operator as `aten::add.Tensor`
 * @param args by name
 * @throws {TypeError} with what is taken and what was met
 */
export function checkDTypes(operator: string, args: Readonly<Record<string, unknown>>): void {
  const rules = rulesOf(operator);
  if (!rules) return;
  for (const [name, kinds] of rules.kinds) {
    const wrong = dtypesOf(args[name]).find((dtype) => !kinds.includes(kindOf(dtype)));
    if (wrong === undefined) continue;
    const taken = [...kinds].map((kind) => NAMES[kind]).join(" or ");
    throw new TypeError(`Argument ${name} of ${operator} must hold ${taken}, met ${wrong}`);
  }
  for (const names of rules.alike) {
    const met = names.flatMap((name) => dtypesOf(args[name]).map((dtype) => ({ name, dtype })));
    const other = met.find(({ dtype }) => dtype !== met[0].dtype);
    if (!other) continue;
    throw new TypeError(
      `Tensors of ${operator} must have the same dtype, met ${met[0].name} of ${met[0].dtype} and ${other.name} of ` +
        other.dtype,
    );
  }
}
