/** Promotion and conversion of dtypes against PyTorch's own; `tests/tools/dtype_cases.py` makes the fixtures. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { readSafetensors } from "../../src/io/safetensors.ts";
import { bytesSource } from "../../src/io/source.ts";
import { type DType, DTYPES, encode, promoteTypes, resultType, Storage, Tensor } from "../../src/tensor/mod.ts";
import { convert } from "../../src/tensor/loops.ts";
import { fixture } from "../fixtures.ts";

interface Promotion {
  readonly names: readonly DType[];
  readonly [table: string]: readonly string[];
}

const promotion: Promotion = JSON.parse(await Deno.readTextFile(fixture("promotion.json")));

/** What Python numbers are: `True`, `1`, `1.0`, `1j`. */
const NUMBERS: readonly DType[] = ["bool", "int64", "float32", "complex64"];

function table(rows: readonly DType[], columns: readonly DType[], promote: (a: DType, b: DType) => DType): string[] {
  const letter = (a: DType, b: DType): string => {
    try {
      return String.fromCharCode(97 + promotion.names.indexOf(promote(a, b)));
    } catch (error) {
      if (error instanceof TypeError) return "-";
      throw error;
    }
  };
  return rows.map((a) => columns.map((b) => letter(a, b)).join(""));
}

Deno.test("dtypes: every one of PyTorch's promotions", () => {
  const { names } = promotion;
  assertEquals([...names].sort(), [...DTYPES].sort());
  assertEquals(table(names, names, promoteTypes), promotion.promote_types);
  assertEquals(
    table(names, names, (a, b) => resultType([{ dtype: a }, { dtype: b, zeroDim: true }])),
    promotion.dim_with_zero_dim,
  );
  assertEquals(
    table(names, names, (a, b) => resultType([{ dtype: b, zeroDim: true }, { dtype: a }])),
    promotion.dim_with_zero_dim,
  );
  assertEquals(
    table(names, NUMBERS, (a, b) => resultType([{ dtype: a }, { dtype: b, wrapped: true }])),
    promotion.dim_with_number,
  );
  assertEquals(
    table(names, NUMBERS, (a, b) => resultType([{ dtype: a, zeroDim: true }, { dtype: b, wrapped: true }])),
    promotion.zero_dim_with_number,
  );
});

Deno.test("dtypes: groups promote among themselves before they meet", () => {
  const cases: [string, DType][] = [
    ["int32 int64 .float16 #float32", "float16"],
    ["bool .uint8 #int64", "uint8"],
    ["bool .bool #int64", "int64"],
    ["int32 .bool #int64", "int32"],
    ["float16 .float32 #complex64", "complex32"],
    ["int64 .float64 #complex64", "complex128"],
    ["#int64 #float32", "float32"],
    ["#bool #int64", "int64"],
    ["float16 bfloat16 .float64", "float32"],
  ];
  for (const [text, expected] of cases) {
    const operands = text.split(" ").map((word) => ({
      dtype: word.replace(/^[.#]/, "") as DType,
      zeroDim: word.startsWith("."),
      wrapped: word.startsWith("#"),
    }));
    assertEquals(resultType(operands), expected, text);
  }
  assertThrows(() => resultType([]), RangeError, "there is no operand");
  assertThrows(() => promoteTypes("uint16", "int8"), TypeError, "Cannot promote uint16 and int8");
});

/** dtypes by their names in safetensors. */
const STORED: ReadonlyMap<string, DType> = new Map([
  ["BOOL", "bool"],
  ["U8", "uint8"],
  ["I8", "int8"],
  ["U16", "uint16"],
  ["I32", "int32"],
  ["I64", "int64"],
  ["F16", "float16"],
  ["BF16", "bfloat16"],
  ["F32", "float32"],
  ["F64", "float64"],
]);

async function readTensors(): Promise<Map<string, Tensor>> {
  const file = await readSafetensors(bytesSource(await Deno.readFile(fixture("dtypes.safetensors")), "dtypes"));
  const tensors = new Map<string, Tensor>();
  for (const [name, { dtype, shape, range }] of file.tensors) {
    const bytes = await range.source.read(range.offset, range.length);
    tensors.set(name, new Tensor(STORED.get(dtype)!, shape, Storage.of(bytes)));
  }
  return tensors;
}

const recorded = await readTensors();

for (const dtype of DTYPES) {
  const codes = recorded.get(`${dtype}.codes`);
  if (!codes) continue;
  Deno.test(`dtypes: ${dtype} is decoded and rounded as PyTorch does`, () => {
    const decoded = new Tensor(dtype, codes.shape, codes.storage);
    const [elements, wanted] = [decoded.toArray(), recorded.get(`${dtype}.decoded`)!.toArray()];
    for (const [i, code] of codes.toArray().entries()) assertEquals([code, elements[i]], [code, wanted[i]]);
    const [values, encoded] = [recorded.get(`${dtype}.values`)!, recorded.get(`${dtype}.encoded`)!];
    const bytes = Storage.of(encode(dtype, values.data()));
    const got = new Tensor(codes.dtype, values.shape, bytes).toArray();
    const rounded = new Tensor(dtype, values.shape, bytes).toArray();
    const given = values.toArray();
    for (const [i, want] of encoded.toArray().entries()) {
      // There are several NaNs, and PyTorch has one for vectors and another for scalars.
      if (Number.isNaN(given[i])) assertEquals(rounded[i], NaN);
      else assertEquals(got[i], want, `${dtype} of ${given[i]}`);
    }
    assert(given.length > 200);
  });
}

Deno.test("dtypes: conversions round, truncate and wrap as PyTorch's", () => {
  let count = 0;
  for (const [name, values] of recorded) {
    // FROM_TO; the float8 dtypes have other names.
    const match = /^([a-z]+\d*)_([a-z]+\d*)\.values$/.exec(name);
    if (!match) continue;
    const results = recorded.get(`${match[1]}_${match[2]}.results`)!;
    assertEquals([values.dtype, results.dtype], [match[1], match[2]]);
    const got = convert(values, results.dtype).toArray();
    const given = values.toArray();
    for (const [i, want] of results.toArray().entries()) {
      assert(Object.is(got[i], want), `${given[i]} from ${match[1]} to ${match[2]} is ${want}, not ${got[i]}`);
      count++;
    }
  }
  assert(count > 300);
});
