/** Every row of `rows/*.json`: see `harness.ts` for what is checked. One family: `deno test -A tests/aten --filter "unary "`. */
import { decode, type DType, Tensor } from "../../src/tensor/mod.ts";
import { bytesSource, readRange } from "../../src/io/source.ts";
import { readSafetensors } from "../../src/io/safetensors.ts";
import { loadOps, type Row, runRow } from "./harness.ts";

const ROWS = new URL("rows/", import.meta.url);
const FIXTURES = new URL("../fixtures/ops/", import.meta.url);

const DTYPES: Readonly<Record<string, DType>> = {
  BOOL: "bool",
  U8: "uint8",
  I8: "int8",
  U16: "uint16",
  I16: "int16",
  U32: "uint32",
  I32: "int32",
  U64: "uint64",
  I64: "int64",
  F16: "float16",
  BF16: "bfloat16",
  F32: "float32",
  F64: "float64",
};

/** PyTorch's results by name. */
async function readFixture(family: string): Promise<Map<string, Tensor>> {
  const url = new URL(`${family}.safetensors`, FIXTURES);
  const found = new Map<string, Tensor>();
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(url);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return found;
    throw error;
  }
  const file = await readSafetensors(bytesSource(bytes, family));
  for (const [name, { dtype, shape, range }] of file.tensors) {
    const data = decode(DTYPES[dtype], await readRange(range));
    found.set(name, Tensor.of(DTYPES[dtype], shape, data));
  }
  return found;
}

const families = [...Deno.readDirSync(ROWS)].map((e) => e.name).filter((n) => n.endsWith(".json")).sort();

for (const file of families) {
  const family = file.slice(0, -".json".length);
  const rows = JSON.parse(await Deno.readTextFile(new URL(file, ROWS))) as Row[];
  // The family's operators and fixtures are read when its first row runs.
  let ready: Promise<[Awaited<ReturnType<typeof loadOps>>, Map<string, Tensor>]> | null = null;
  for (const [index, row] of rows.entries()) {
    Deno.test(`${family} ${index} ${row.op}${row.note ? `: ${row.note}` : ""}`, async () => {
      ready ??= Promise.all([loadOps(rows), readFixture(family)]);
      const [find, fixture] = await ready;
      await runRow(find(row), row, index, (name) => fixture.get(name));
    });
  }
}
