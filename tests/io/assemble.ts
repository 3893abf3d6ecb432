/** An assembler of pickles, so that tests can write what no honest program would. */

/** Bytes, texts (as they are) and nested lists of them. */
export type Code = number | string | Uint8Array | readonly Code[];

const encoder = new TextEncoder();

/** Joins code to bytes. */
export function assemble(...code: Code[]): Uint8Array<ArrayBuffer> {
  const out: number[] = [];
  const visit = (part: Code): void => {
    if (typeof part === "number") out.push(part);
    else if (typeof part === "string") out.push(...encoder.encode(part));
    else for (const item of part) visit(item);
  };
  visit(code);
  return Uint8Array.from(out);
}

export function u32(value: number): Code {
  return [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24];
}

export const PROTO: Code = [0x80, 2];
export const MARK = 0x28;
export const TUPLE = 0x74;
export const EMPTY_TUPLE = 0x29;
export const EMPTY_LIST = 0x5d;
export const EMPTY_DICT = 0x7d;
export const APPEND = 0x61;
export const APPENDS = 0x65;
export const SETITEM = 0x73;
export const SETITEMS = 0x75;
export const NONE = 0x4e;
export const TRUE = 0x88;
export const FALSE = 0x89;
export const REDUCE = 0x52;
export const NEWOBJ = 0x81;
export const BUILD = 0x62;
export const BINPERSID = 0x51;
export const STOP = 0x2e;

/** A non-negative 32-bit integer. */
export function int(value: number): Code {
  return [0x4a, u32(value)];
}

/** A float. */
export function float(value: number): Code {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return [0x47, bytes];
}

/** A text. */
export function text(value: string): Code {
  const bytes = encoder.encode(value);
  return [0x58, u32(bytes.length), bytes];
}

/** A class or function. */
export function global(module: string, name: string): Code {
  return [0x63, `${module}\n${name}\n`];
}

/** A tuple of what the parts push. */
export function tuple(...items: Code[]): Code {
  return [MARK, items, TUPLE];
}

/** A list of what the parts push. */
export function list(...items: Code[]): Code {
  return [EMPTY_LIST, MARK, items, APPENDS];
}

/** A dict of keys and values in turn. */
export function dict(...items: Code[]): Code {
  return [EMPTY_DICT, MARK, items, SETITEMS];
}

/** A call. */
export function call(module: string, name: string, ...args: Code[]): Code {
  return [global(module, name), tuple(...args), REDUCE];
}

/** Remembers the top of the stack. */
export function put(index: number): Code {
  return [0x72, u32(index)];
}

/** Pushes what was remembered. */
export function get(index: number): Code {
  return [0x6a, u32(index)];
}

/** A whole pickle of protocol 2. */
export function pickle(...code: Code[]): Uint8Array<ArrayBuffer> {
  return assemble(PROTO, code, STOP);
}
