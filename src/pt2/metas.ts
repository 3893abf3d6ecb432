/** The enums of the format, and the records that describe values: symbolic numbers and tensors. */
import type { SymMeta, TensorMeta } from "../fx/mod.ts";
import { type Dim, isSym, parseSrepr, type Sym } from "../sym/mod.ts";
import type { DType } from "../tensor/mod.ts";
import { SCALAR_TYPES } from "../torch_save/dtypes.ts";
import { type Field, quote } from "./fields.ts";

/** The archive's own numbers of dtypes. */
export const DTYPES: ReadonlyMap<number, DType> = SCALAR_TYPES;

/** The archive's numbers of layouts. */
export const LAYOUTS: ReadonlyMap<number, string> = new Map([
  [1, "sparse_coo"],
  [2, "sparse_csr"],
  [3, "sparse_csc"],
  [4, "sparse_bsr"],
  [5, "sparse_bsc"],
  [6, "_mkldnn"],
  [7, "strided"],
]);

/** The archive's numbers of memory formats. */
export const MEMORY_FORMATS: ReadonlyMap<number, string> = new Map([
  [1, "contiguous_format"],
  [2, "channels_last"],
  [3, "channels_last_3d"],
  [4, "preserve_format"],
]);

export function readDType(field: Field): DType {
  return readEnum(field, DTYPES, "a dtype");
}

export function readLayout(field: Field): string {
  return readEnum(field, LAYOUTS, "a layout");
}

export function readMemoryFormat(field: Field): string {
  return readEnum(field, MEMORY_FORMATS, "a memory format");
}

function readEnum<T>(field: Field, names: ReadonlyMap<number, T>, what: string): T {
  const value = field.safeInt();
  return names.get(value) ?? field.fail(`${value} is not the number of ${what}`);
}

/** A device: its type, and an index or null. */
export function readDevice(field: Field): { type: string; index: number | null } {
  const type = field.get("type").string();
  if (!/^[a-z][a-z0-9_]{0,30}$/.test(type)) return field.get("type").fail(`${quote(type)} is not the type of a device`);
  const index = field.find("index");
  return { type, index: index === null ? null : index.safeInt() };
}

/** Reads symbolic numbers; each distinct text is parsed once per program. */
export class SymReader {
  /** The expressions that values are made of. Torch does not look at storage offsets when it loads a program. */
  readonly used: Set<Sym> = new Set();
  /** The values that symbols had in the example call. */
  readonly hints: Map<string, number> = new Map();
  private readonly known: Map<string, Sym | number | boolean> = new Map();

  /** A size or stride, or else a storage offset. */
  dim(field: Field, isOffset = false): Dim {
    const expr = this.number(field, "as_int", isOffset);
    if (typeof expr === "number") {
      const isSize = Number.isSafeInteger(expr) && expr >= 0;
      return isSize ? expr : field.fail(`expected a non-negative integer, met ${expr}`);
    }
    return isSym(expr) && expr.kind === "int" ? expr : field.fail("expected an integer expression");
  }

  /** What is known of a symbolic value. */
  value(field: Field, type: SymMeta["type"]): SymMeta {
    const expr = this.number(field, `as_${type}`);
    const kind = isSym(expr)
      ? expr.kind
      : typeof expr === "boolean"
      ? "bool"
      : Number.isSafeInteger(expr)
      ? "int"
      : "float";
    // An integer expression may stand for a float or, as the indicator functions do, for a bool.
    const fits = kind === type || kind === "int";
    return fits
      ? { kind: "sym", type, expr }
      : field.fail(`expected an expression of type ${type}, met one of type ${kind}`);
  }

  private number(field: Field, literal: string, isOffset = false): Sym | number | boolean {
    const [key, value] = field.union();
    if (key === "as_expr") {
      const expr = this.expression(value.get("expr_str"));
      if (isSym(expr) && !isOffset) this.used.add(expr);
      if (isSym(expr) && expr.node.op === "symbol") this.readHint(value.find("hint"), expr.node.name);
      return expr;
    }
    if (key !== literal) return field.fail(`unknown alternative ${quote(key)}`);
    if (key === "as_int") return value.safeInt();
    return key === "as_float" ? value.float() : value.bool();
  }

  private readHint(field: Field | null, name: string): void {
    if (field === null || this.hints.has(name)) return;
    const [key, value] = field.union();
    if (key === "as_int") this.hints.set(name, value.safeInt());
  }

  private expression(field: Field): Sym | number | boolean {
    const text = field.string();
    let expr = this.known.get(text);
    if (expr === undefined) {
      expr = field.guard(() => parseSrepr(text));
      this.known.set(text, expr);
    }
    return expr;
  }
}

/** A TensorMeta of the graph. */
export function readTensorMeta(field: Field, syms: SymReader): TensorMeta {
  const shape = field.get("sizes").list().map((f) => syms.dim(f));
  const strides = field.get("strides").list().map((f) => syms.dim(f));
  if (shape.length !== strides.length) field.fail(`${shape.length} sizes do not match ${strides.length} strides`);
  readLayout(field.get("layout"));
  const { type, index } = readDevice(field.get("device"));
  return {
    kind: "tensor",
    dtype: readDType(field.get("dtype")),
    shape,
    strides,
    storageOffset: syms.dim(field.get("storage_offset"), true),
    requiresGrad: field.get("requires_grad").bool(),
    device: index === null ? type : `${type}:${index}`,
  };
}
