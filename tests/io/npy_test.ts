import { assertEquals, assertRejects } from "@std/assert";
import { readNpy } from "../../src/io/npy.ts";
import { bytesSource, readRange } from "../../src/io/source.ts";

function npy(header: string, data = new Uint8Array(24), version = 1): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(header + "\n");
  const length = version === 1 ? [text.length & 255, text.length >> 8] : [text.length & 255, text.length >> 8, 0, 0];
  return Uint8Array.from([0x93, ...new TextEncoder().encode("NUMPY"), version, 0, ...length, ...text, ...data]);
}

function read(bytes: Uint8Array): ReturnType<typeof readNpy> {
  return readNpy(bytesSource(bytes, "x.npy"));
}

const headers: Array<[string, { dtype: string; shape: number[]; fortranOrder?: boolean; littleEndian?: boolean }]> = [
  ["{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", { dtype: "float32", shape: [2, 3] }],
  ["{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", {
    dtype: "float32",
    shape: [2, 3],
    fortranOrder: true,
  }],
  ["{'descr': '>i8', 'fortran_order': False, 'shape': (3,), }", { dtype: "int64", shape: [3], littleEndian: false }],
  ["{'descr': '|b1', 'fortran_order': False, 'shape': (24,), }", { dtype: "bool", shape: [24] }],
  ["{'descr': '<c16', 'fortran_order': False, 'shape': (), }     ", { dtype: "complex128", shape: [] }],
  ["{'shape': (0, 7), 'fortran_order': False, 'descr': '<u2'}", { dtype: "uint16", shape: [0, 7] }],
  ['{"descr": "<f2", "fortran_order": False, "shape": (2L, 3L)}', { dtype: "float16", shape: [2, 3] }],
];
for (const [header, expected] of headers) {
  for (const version of [1, 2, 3]) {
    Deno.test(`npy: version ${version} of ${header}`, async () => {
      const data = Uint8Array.from({ length: 24 }, (_, i) => i + 1);
      const { range, ...rest } = await read(npy(header, data, version));
      assertEquals(rest, { fortranOrder: false, littleEndian: true, ...expected });
      assertEquals((await readRange(range)).slice(), data.slice(0, range.length));
    });
  }
}

const shape = "'fortran_order': False, 'shape': (2, 3)}";
const refused: Array<[string, Uint8Array, ErrorConstructor, string]> = [
  ["an empty file", new Uint8Array(), SyntaxError, "does not begin as one"],
  ["another format", new Uint8Array(100), SyntaxError, "does not begin as one"],
  ["version 9", npy(`{'descr': '<f4', ${shape}`, undefined, 9), SyntaxError, "version 9"],
  ["a truncated header", npy(`{'descr': '<f4', ${shape}`).slice(0, 40), SyntaxError, "header is truncated"],
  ["a header of 4 GB", npy("{}", undefined, 2).with(11, 255), SyntaxError, "at most 10000"],
  [
    "truncated elements",
    npy(`{'descr': '<f4', ${shape}`, new Uint8Array(23)),
    SyntaxError,
    "more bytes than there are",
  ],
  [
    "an absurd shape",
    npy("{'descr': '<f4', 'fortran_order': False, 'shape': (9007199254740991, 9007199254740991)}"),
    SyntaxError,
    "more bytes",
  ],
  [
    "a size beyond 2^53",
    npy("{'descr': '<f4', 'fortran_order': False, 'shape': (9007199254740993,)}"),
    SyntaxError,
    "shape is damaged",
  ],
  ["objects", npy(`{'descr': '|O', ${shape}`), TypeError, "not plain numbers"],
  ["dates", npy(`{'descr': '<M8[ns]', ${shape}`), TypeError, "not plain numbers"],
  ["records", npy(`{'descr': [('a', '<f4')], ${shape}`), TypeError, "records"],
  ["a type without byte order", npy(`{'descr': '|f4', ${shape}`), SyntaxError, "no byte order"],
  ["code", npy("__import__('os').system('x')"), SyntaxError, "damaged"],
  ["code as a value", npy("{'descr': os.system('x'), 'fortran_order': False, 'shape': ()}"), SyntaxError, "damaged"],
  ["an unknown key", npy(`{'descr': '<f4', 'x': 1, ${shape}`), SyntaxError, 'unexpected key "x"'],
  ["a repeated key", npy(`{'descr': '<f4', 'descr': '<f4', ${shape}`), SyntaxError, 'unexpected key "descr"'],
  ["a missing key", npy("{'descr': '<f4', 'shape': (1,)}"), SyntaxError, "lacks a key"],
  ["text after the header", npy(`{'descr': '<f4', ${shape} x`), SyntaxError, "damaged"],
  ["a negative size", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}"), SyntaxError, "damaged"],
];
for (const [name, bytes, type, message] of refused) {
  Deno.test(`npy: refuses ${name}`, async () => {
    await assertRejects(() => read(bytes), type, message);
  });
}
