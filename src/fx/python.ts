/**
 * Python's own texts of plain values: torch prints graphs with `str` and `repr`, and tools compare what it prints.
 *
 * Source: https://docs.python.org/3/library/functions.html#repr
 */
import { Complex } from "./args.ts";

/** `repr` of a float: the shortest digits that read back the same, with an exponent from 1e16 on and below 1e-4. */
export function floatRepr(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const [mantissa, exponent] = value.toExponential().split("e");
  const power = Number(exponent);
  if (power < -4 || power >= 16) {
    const digits = String(Math.abs(power)).padStart(2, "0");
    return `${mantissa}e${power < 0 ? "-" : "+"}${digits}`;
  }
  if (power >= 0) return Number.isInteger(value) ? `${BigInt(value)}.0` : String(value);
  const sign = value < 0 ? "-" : "";
  return `${sign}0.${"0".repeat(-power - 1)}${mantissa.replace("-", "").replace(".", "")}`;
}

/** `repr` of a complex number: `1j`, `(1+2j)`. */
export function complexRepr({ re, im }: Complex): string {
  const part = (x: number): string => floatRepr(x).replace(/\.0$/, "");
  if (Object.is(re, 0)) return `${part(im)}j`;
  const sign = Object.is(im, -0) || im < 0 ? "" : "+";
  return `(${part(re)}${sign}${part(im)}j)`;
}

const ESCAPES: ReadonlyMap<string, string> = new Map([["\\", "\\\\"], ["\n", "\\n"], ["\r", "\\r"], ["\t", "\\t"]]);

/** `repr` of a string: single quotes unless only those would need escaping, escapes for what is not printable. */
export function stringRepr(value: string): string {
  // Nearly all strings; and the expression below takes long to compile.
  if (/^[ !#-&(-[\]-~]*$/.test(value)) return `'${value}'`;
  const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
  let text = "";
  for (const c of value) {
    const code = c.codePointAt(0)!;
    if (c === quote) text += `\\${c}`;
    else if (ESCAPES.has(c)) text += ESCAPES.get(c);
    else if (c === " " || !/[\p{C}\p{Z}]/u.test(c)) text += c;
    else if (code <= 0xff) text += `\\x${code.toString(16).padStart(2, "0")}`;
    else if (code <= 0xffff) text += `\\u${code.toString(16).padStart(4, "0")}`;
    else text += `\\U${code.toString(16).padStart(8, "0")}`;
  }
  return quote + text + quote;
}

/** `True` or `False`. */
export function boolRepr(value: boolean): string {
  return value ? "True" : "False";
}
