/** Reads the `Argument` union: everything that a node can be called with. */
import {
  Complex,
  CustomObjectArg,
  DeviceArg,
  DTypeArg,
  type FxArg,
  type FxGraph,
  type FxValue,
  LayoutArg,
  MemoryFormatArg,
  OperatorArg,
} from "../fx/mod.ts";
import { type Field, quote } from "./fields.ts";
import { readDevice, readDType, readLayout, readMemoryFormat } from "./metas.ts";

/** What arguments refer to. */
export interface ArgumentScope {
  /** The value of a name. @throws where the name is not defined yet */
  tensor(field: Field): FxValue;
  /** The value of a symbolic number's name. */
  sym(field: Field): FxValue;
  /** The value or constant that a custom object's name stands for, or null. */
  object(name: string): FxValue | "constant" | null;
  /** A nested graph. @throws where none may stand */
  nested(field: Field): FxGraph;
}

/** An argument of a node, or an output of a graph. */
export function readArgument(field: Field, scope: ArgumentScope): FxArg {
  const [key, value] = field.union();
  const reader = READERS.get(key);
  return reader ? reader(value, scope) : field.fail(`unknown kind of argument ${quote(key)}`);
}

/** A target as archives write it; it is only ever looked up. */
export function readTarget(field: Field): string {
  const target = field.string();
  return TARGET.test(target) ? target : field.fail(`${quote(target)} is not the name of an operator`);
}

const TARGET = /^(?:[A-Za-z_][\w.]{0,500}|#[\w.]{1,200}:[\w.:]{1,300})$/;

type Reader = (field: Field, scope: ArgumentScope) => FxArg;

const listOf = (read: Reader): Reader => (field, scope) => field.list().map((f) => read(f, scope));

const tensor: Reader = (field, scope) => scope.tensor(field.get("name"));

const optionalTensor: Reader = (field, scope) => {
  const [key, value] = field.union();
  if (key === "as_none") return null;
  return key === "as_tensor" ? tensor(value, scope) : field.fail(`unknown alternative ${quote(key)}`);
};

const int: Reader = (field) => field.int();
const float: Reader = (field) => field.float();
const bool: Reader = (field) => field.bool();
const string: Reader = (field) => field.string();

/** A symbolic number by name, or a literal of its type. */
const symOr = (literal: string, read: Reader): Reader => (field, scope) => {
  const [key, value] = field.union();
  if (key === "as_name") return scope.sym(value);
  return key === literal ? read(value, scope) : field.fail(`unknown alternative ${quote(key)}`);
};

const symInt = symOr("as_int", int);
const symFloat = symOr("as_float", float);
const symBool = symOr("as_bool", bool);

const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ["as_none", () => null],
  ["as_tensor", tensor],
  ["as_tensors", listOf(tensor)],
  ["as_optional_tensor", optionalTensor],
  ["as_optional_tensors", listOf(optionalTensor)],
  ["as_nested_tensors", listOf(listOf(tensor))],
  ["as_int", int],
  ["as_ints", listOf(int)],
  ["as_int_lists", listOf(listOf(int))],
  ["as_float", float],
  ["as_floats", listOf(float)],
  ["as_float_lists", listOf(listOf(float))],
  ["as_bool", bool],
  ["as_bools", listOf(bool)],
  ["as_string", string],
  ["as_strings", listOf(string)],
  ["as_complex", (field) => new Complex(field.get("real").float(), field.get("imag").float())],
  ["as_sym_int", symInt],
  ["as_sym_ints", listOf(symInt)],
  ["as_sym_float", symFloat],
  ["as_sym_floats", listOf(symFloat)],
  ["as_sym_bool", symBool],
  ["as_sym_bools", listOf(symBool)],
  ["as_scalar_type", (field) => new DTypeArg(readDType(field))],
  ["as_memory_format", (field) => new MemoryFormatArg(readMemoryFormat(field))],
  ["as_layout", (field) => new LayoutArg(readLayout(field))],
  ["as_device", (field) => {
    const { type, index } = readDevice(field);
    return new DeviceArg(type, index);
  }],
  ["as_operator", (field) => new OperatorArg(readTarget(field))],
  ["as_graph", (field, scope) => scope.nested(field)],
  ["as_custom_obj", (field, scope) => {
    const name = field.get("name").name();
    const object = scope.object(name);
    if (object === null) return field.fail(`object ${quote(name)} is neither a value nor a constant`);
    return object === "constant" ? new CustomObjectArg(name, field.find("class_fqn")?.string() ?? "") : object;
  }],
  ["as_string_to_argument", (field, scope) => {
    const result = new Map<string, FxArg>();
    for (const [key, value] of field.entries()) result.set(key, readArgument(value, scope));
    return result;
  }],
]);

/** The kinds of argument that are plain Python constants, which a program can be specialised on or return. */
export const LITERALS: ReadonlySet<string> = new Set(["as_none", "as_int", "as_float", "as_bool", "as_string"]);
