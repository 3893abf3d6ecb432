/**
 * NumPy's array files, versions 1 to 3. The header is the text of a Python dict and is parsed as exactly that form, never
 * evaluated.
 *
 * The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
import type { Sink } from "./sink.ts";
import { type ByteRange, byteRange, rootRange, type Source } from "./source.ts";

/** An array of a `.npy` file. */
export interface Npy {
  /** The dtype's name: `"float32"`, `"int64"`, `"bool"`, `"complex64"`, … */
  readonly dtype: string;
  /** False if elements of more than one byte are big-endian. */
  readonly littleEndian: boolean;
  readonly shape: readonly number[];
  /** Whether the first dimension varies fastest (column-major) instead of the last. */
  readonly fortranOrder: boolean;
  /** The elements. */
  readonly range: ByteRange;
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** NumPy refuses longer headers too. */
const MAX_HEADER = 10_000;

/** Names and bytes per element of the kinds that are plain numbers. */
const DTYPES: ReadonlyMap<string, readonly [name: string, size: number]> = new Map([
  ["b1", ["bool", 1]],
  ["i1", ["int8", 1]],
  ["i2", ["int16", 2]],
  ["i4", ["int32", 4]],
  ["i8", ["int64", 8]],
  ["u1", ["uint8", 1]],
  ["u2", ["uint16", 2]],
  ["u4", ["uint32", 4]],
  ["u8", ["uint64", 8]],
  ["f2", ["float16", 2]],
  ["f4", ["float32", 4]],
  ["f8", ["float64", 8]],
  ["c8", ["complex64", 8]],
  ["c16", ["complex128", 16]],
]);

/**
 * Reads the header of a `.npy` file; the elements stay where they are.
 *
 * @throws {SyntaxError} if the file is damaged or truncated
 * @throws {TypeError} if its elements are not plain numbers (objects, texts, records)
 */
export async function readNpy(source: Source): Promise<Npy> {
  const fail = (why: string): SyntaxError => new SyntaxError(`Cannot read ${source.name} as .npy: ${why}`);
  const start = await source.read(0, Math.min(12, source.size));
  if (start.byteLength < 10 || MAGIC.some((byte, i) => start[i] !== byte)) throw fail("it does not begin as one");
  const version = start[6];
  if (version < 1 || version > 3) throw fail(`version ${version} is not supported`);
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  if (version > 1 && start.byteLength < 12) throw fail("its header is truncated");
  const headerStart = version === 1 ? 10 : 12;
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MAX_HEADER) throw fail(`its header has ${length} bytes, at most ${MAX_HEADER} are allowed`);
  if (length > source.size - headerStart) throw fail("its header is truncated");
  const text = new TextDecoder(version === 3 ? "utf-8" : "latin1").decode(await source.read(headerStart, length));
  const { descr, fortranOrder, shape } = parseHeader(text, fail);
  const dtype = DTYPES.get(descr.slice(1));
  if (dtype === undefined) {
    throw new TypeError(`Cannot read ${source.name}: elements of type ${JSON.stringify(descr)} are not plain numbers`);
  }
  const [name, itemsize] = dtype;
  const order = descr[0];
  if (order === "|" && itemsize > 1) throw fail(`its type ${JSON.stringify(descr)} has no byte order`);
  const offset = headerStart + length;
  const size = shape.includes(0) ? 0 : shape.reduce((product, dim) => product * dim, itemsize);
  if (size > source.size - offset) throw fail(`${name}[${shape}] needs more bytes than there are`);
  return {
    dtype: name,
    littleEndian: order !== ">",
    shape,
    fortranOrder,
    range: rootRange(byteRange(source, offset, size)),
  };
}

/** Multiple of bytes at which NumPy begins the elements. */
const ALIGNMENT = 64;

/**
 * Writes a `.npy` file of version 1.
 *
 * @param bytes the elements in row-major order, little-endian
 * @throws {TypeError} for a dtype that NumPy does not have
 */
export async function writeNpy(
  sink: Sink,
  dtype: string,
  shape: readonly number[],
  bytes: Uint8Array,
): Promise<void> {
  const code = [...DTYPES].find(([, [name]]) => name === dtype)?.[0];
  if (code === undefined) throw new TypeError(`Cannot write .npy: NumPy has no dtype ${dtype}`);
  const order = DTYPES.get(code)![1] === 1 ? "|" : "<";
  const sizes = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const text = `{'descr': '${order}${code}', 'fortran_order': False, 'shape': ${sizes}, }`;
  const length = Math.ceil((10 + text.length + 1) / ALIGNMENT) * ALIGNMENT - 10;
  if (length > 0xffff) throw new RangeError(`Cannot write .npy: a shape of ${shape.length} sizes is too long`);
  const header = new Uint8Array(10 + length).fill(0x20);
  header.set(MAGIC);
  header[6] = 1;
  new DataView(header.buffer).setUint16(8, length, true);
  header.set(new TextEncoder().encode(text), 10);
  header[header.length - 1] = 0x0a;
  await sink.write(header);
  await sink.write(bytes);
}

interface Header {
  readonly descr: string;
  readonly fortranOrder: boolean;
  readonly shape: number[];
}

/** Parses `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`: keys in any order, each once. */
function parseHeader(text: string, fail: (why: string) => SyntaxError): Header {
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) return undefined;
    at = pattern.lastIndex;
    return match[1] ?? match[0];
  };
  const expect = (pattern: RegExp): string => {
    const found = take(pattern);
    if (found === undefined) throw fail(`its header is damaged at character ${at}`);
    return found;
  };
  let descr: string | undefined;
  let fortranOrder: boolean | undefined;
  let shape: number[] | undefined;
  expect(/\s*\{/y);
  while (take(/\s*\}/y) === undefined) {
    const key = expect(/\s*['"](\w+)['"]\s*:\s*/y);
    if (key === "descr" && descr === undefined) {
      if (text[at] === "[" || text[at] === "(") throw new TypeError(fail("records are not supported").message);
      descr = expect(/['"]([<>|=]\w+(?:\[\w+\])?)['"]/y);
    } else if (key === "fortran_order" && fortranOrder === undefined) {
      fortranOrder = expect(/True|False/y) === "True";
    } else if (key === "shape" && shape === undefined) {
      const list = expect(/\(([\d\s,L]*)\)/y).trim();
      shape = list === "" ? [] : list.replace(/,$/, "").split(",").map((item) => sizeOf(item, fail));
    } else {
      throw fail(`its header has an unexpected key ${JSON.stringify(key)}`);
    }
    expect(/\s*,|(?=\s*\})/y);
  }
  expect(/\s*$/y);
  if (descr === undefined || fortranOrder === undefined || shape === undefined) throw fail("its header lacks a key");
  return { descr, fortranOrder, shape };
}

function sizeOf(text: string, fail: (why: string) => SyntaxError): number {
  // Python 2 wrote long integers with an L.
  const value = /^\s*\d+L?\s*$/.test(text) ? parseInt(text) : NaN;
  if (!Number.isSafeInteger(value)) throw fail("its shape is damaged");
  return value;
}
