/**
 * Functions that PyTorch writes in Python: what they do is written here in terms of operators. A schema, in the form that
 * operators have theirs, tells the arguments; the typed functions that programs call are generated from it.
 */
import { type Args, DTypeArg, type FunctionSchema, type FxArg, parseSchema } from "../fx/mod.ts";
import { givenArguments, type Parameters, parametersOf } from "./overloads.ts";
import { Float, isInt } from "./scalar.ts";
import type { Tensor } from "./tensor.ts";

/** Such a function. */
export interface Composite {
  /** As in Python: `cross_entropy`. */
  readonly name: string;
  /** Its arguments. */
  readonly schema: FunctionSchema;
  /** The arguments that change what is returned when they are true, and the TypeScript type of that. */
  readonly flags: Flags | null;
  /** Calls it with arguments as a program gives them. */
  readonly call: (args: readonly unknown[]) => unknown;
}

/** Arguments that change what is returned when one of them is true. */
export interface Flags {
  /** Their names. */
  readonly names: readonly string[];
  /** The TypeScript type of the result then. */
  readonly type: string;
}

/**
 * Defines a function.
 *
 * @param schema without a namespace: `glu(Tensor input, int dim=-1) -> Tensor`
 */
export function defineComposite<const S extends string>(
  schema: S,
  run: (args: Args<Tensor, S>) => unknown,
  flags: Flags | null = null,
): Composite {
  const name = schema.slice(0, schema.indexOf("("));
  let parsed: FunctionSchema | undefined;
  let parameters: Parameters | undefined;
  return {
    name,
    flags,
    get schema() {
      return parsed ??= parseSchema(schema);
    },
    call(args) {
      parameters ??= parametersOf(this.schema, false);
      const given = givenArguments(name, parameters, args);
      const bound = this.schema.args.map((arg, i) =>
        [arg.name, given[i] === undefined ? plain(arg.default) : given[i]] as const
      );
      return run(Object.fromEntries(bound) as Args<Tensor, S>);
    },
  };
}

/** A default as programs write it: `1.0` stays a float. */
function plain(value: FxArg | undefined): unknown {
  if (typeof value === "number" && isInt(value)) return new Float(value);
  if (typeof value === "bigint") return Number(value);
  if (value instanceof DTypeArg) return value.dtype;
  return Array.isArray(value) ? value.map(plain) : value;
}
