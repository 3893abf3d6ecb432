/**
 * The guards of a program: what its code found true of the sizes of its inputs when it was captured, such as
 * `L['x'].size()[2] % 8 == 0`. At sizes where one is false the program is another one, which nothing is recorded of.
 */
import type { ExportedProgram } from "../fx/mod.ts";
import { guardOfSize, inputLeaves } from "../fx/input_leaves.ts";
import { type Dim, evaluate, isSym, parseInfix, type Sym } from "../sym/mod.ts";
import type { Bindings } from "./bindings.ts";

/** What of a program its guards depend on. */
type GuardedProgram = Pick<ExportedProgram, "guardsCode" | "moduleCallGraph" | "namedTuples" | "signature">;

/** A guard: its code, and the expression of it in stand-ins for the sizes that it tests. */
interface Guard {
  readonly code: string;
  readonly holds: Sym;
  readonly sizes: ReadonlyMap<string, Dim>;
}

/** An input that is a number, or a size of one that is a tensor. */
const SOURCE = /L(?:\[(?:'[^']*'|\d+)\])+(?:\.size\(\)\[\d+\])?/g;

/** Functions that Python code calls, by the names that expressions have for them. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  "max": "Max",
  "min": "Min",
  "abs": "Abs",
  "math.ceil": "ceiling",
  "math.floor": "floor",
  "math.trunc": "TruncToInt",
  "torch.sym_float": "ToFloat",
  "torch.sym_max": "Max",
  "torch.sym_min": "Min",
};

/** A size that guards test, and the name that stands for it in expressions. */
interface Size {
  readonly name: string;
  readonly dim: Dim;
}

/** The guards of a program that test sizes; those that can't be read test something else, and are left out. */
export class Guards {
  private readonly guards: readonly Guard[];

  constructor(program: GuardedProgram) {
    const sizes = program.guardsCode.length === 0 ? new Map<string, Size>() : sizesOf(program);
    this.guards = program.guardsCode.flatMap((code) => read(code, sizes) ?? []);
  }

  /** The code of a guard that is false at some sizes; null where all hold. */
  broken(bindings: Bindings): string | null {
    for (const { code, holds, sizes } of this.guards) {
      try {
        if (!evaluate(holds, new Map([...sizes].map(([name, dim]) => [name, bindings.size(dim)])))) return code;
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
      }
    }
    return null;
  }
}

/** The sizes of inputs, by the code of guards for them; none of a program that does not tell where its inputs are. */
function sizesOf(program: GuardedProgram): Map<string, Size> {
  const sizes = new Map<string, Size>();
  if (!program.moduleCallGraph[0]?.signature) return sizes;
  const add = (source: string, dim: Dim): void => void sizes.set(source, { name: `size${sizes.size}`, dim });
  for (const leaf of inputLeaves(program)) {
    const { meta } = leaf.spec.value;
    if (meta.kind === "tensor") meta.shape.forEach((dim, axis) => add(guardOfSize(leaf, axis), dim));
    else if (meta.kind === "sym" && isSym(meta.expr) && meta.expr.kind === "int") add(leaf.guard, meta.expr);
  }
  return sizes;
}

/** A guard's code as an expression; null where it tests anything but sizes. */
function read(code: string, known: ReadonlyMap<string, Size>): Guard | null {
  const sizes = new Map<string, Dim>();
  const text = code
    .replace(SOURCE, (source) => {
      const size = known.get(source);
      if (size === undefined) return source;
      sizes.set(size.name, size.dim);
      return size.name;
    })
    .replace(/[a-z_.]+(?=\()/g, (name) => FUNCTIONS[name] ?? name);
  try {
    const holds = parseInfix(text);
    return isSym(holds) ? { code, holds, sizes } : null;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError || error instanceof TypeError) return null;
    throw error;
  }
}
