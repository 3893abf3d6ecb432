/** How layers describe themselves: Python's texts of their settings. */
import { boolRepr, floatRepr, stringRepr } from "../../fx/python.ts";

/** What a setting may be. */
export type Setting = number | boolean | string | null | undefined | readonly Setting[];

/** `repr` of a setting whose numbers are ints. A list is a tuple. */
export function text(value: Setting): string {
  return textBy(value, String);
}

/** `repr` of a setting whose numbers are floats. */
export function floatText(value: Setting): string {
  return textBy(value, floatRepr);
}

/** `name=value, …` of settings whose numbers are ints. */
export function settings(values: Readonly<Record<string, Setting>>): string {
  return Object.entries(values).map(([name, value]) => `${name}=${text(value)}`).join(", ");
}

function textBy(value: Setting, number: (value: number) => string): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return boolRepr(value);
  if (typeof value === "string") return stringRepr(value);
  if (typeof value === "number") return number(value);
  const items = value.map((item) => textBy(item, number));
  return items.length === 1 ? `(${items[0]},)` : `(${items.join(", ")})`;
}
