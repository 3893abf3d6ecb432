/**
 * A restricted unpickler. A pickle is a program that builds objects and may call anything; here it only builds inert
 * records (`pickle_values.ts`) and calls nothing. The result is finite: without cycles, of bounded depth and size when
 * walked as a tree, so that those who use it need no guards of their own.
 *
 * The opcodes: https://github.com/python/cpython/blob/main/Lib/pickletools.py
 */
import { checkFinite } from "./pickle_check.ts";
import {
  Global,
  Persistent,
  type PickleValue,
  PyDict,
  PyFloat,
  PyList,
  PySet,
  PyTuple,
  Reduced,
} from "./pickle_values.ts";

/** How much a pickle may ask for. */
export interface PickleLimits {
  /** Bytes of the pickle, by default 256 MiB. */
  readonly bytes?: number;
  /** Operations, by default 2^24. */
  readonly ops?: number;
  /** Values that are remembered for later use, by default 2^22. */
  readonly memo?: number;
  /** Bytes of a string or `bytes`, by default 64 MiB. */
  readonly stringLength?: number;
  /** How deep the result may nest, by default 200. */
  readonly depth?: number;
  /** Values in the result, each counted as often as it occurs, by default 2^24. */
  readonly nodes?: number;
}

/** How to unpickle. */
export interface PickleOptions {
  /**
   * Says what a persistent id stands for; the result is wrapped in `Persistent`. Without it such ids are refused. The id
   * is not yet checked for cycles and depth.
   */
  readonly persistentLoad?: (id: PickleValue) => unknown;
  readonly limits?: PickleLimits;
  /** What the bytes are, for messages; by default "pickle". */
  readonly name?: string;
}

const DEFAULT_LIMITS: Required<PickleLimits> = {
  bytes: 2 ** 28,
  ops: 2 ** 24,
  memo: 2 ** 22,
  stringLength: 2 ** 26,
  depth: 200,
  nodes: 2 ** 24,
};

/** Module and name of a global. */
const MAX_NAME = 1024;
/** Bytes of an integer: larger ones take quadratic time to convert, and none that matters has more than eight. */
const MAX_INT = 1024;

/**
 * Reads a pickle of protocol 2 to 5 without executing it.
 *
 * @throws {SyntaxError} with the offset: damaged or truncated bytes, opcodes that PyTorch does not write (named),
 * operations on values that do not allow them, cycles
 * @throws {RangeError} if a limit is exceeded
 *
 * @example
 * ```ts
 * unpickle(Uint8Array.of(0x80, 2, 0x4b, 1, 0x4b, 2, 0x86, 0x2e)); // PyTuple { items: [1, 2] }
 * ```
 */
export function unpickle(bytes: Uint8Array, options: PickleOptions = {}): PickleValue {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const name = options.name ?? "pickle";
  if (bytes.byteLength > limits.bytes) {
    throw new RangeError(`Cannot read ${name}: it has ${bytes.byteLength} bytes, at most ${limits.bytes} are allowed`);
  }
  const result = new Machine(bytes, limits, name, options.persistentLoad).run();
  checkFinite(result, limits, name);
  return result;
}

/** Names of opcodes that exist but are refused, for messages. */
const REFUSED: ReadonlyMap<number, string> = new Map([
  [0x30, "POP"],
  [0x31, "POP_MARK"],
  [0x32, "DUP"],
  [0x46, "FLOAT"],
  [0x49, "INT"],
  [0x4c, "LONG"],
  [0x50, "PERSID"],
  [0x53, "STRING"],
  [0x54, "BINSTRING"],
  [0x55, "SHORT_BINSTRING"],
  [0x56, "UNICODE"],
  [0x64, "DICT"],
  [0x67, "GET"],
  [0x69, "INST"],
  [0x6c, "LIST"],
  [0x6f, "OBJ"],
  [0x70, "PUT"],
  [0x82, "EXT1"],
  [0x83, "EXT2"],
  [0x84, "EXT4"],
  [0x8e, "BINBYTES8"],
  [0x96, "BYTEARRAY8"],
  [0x97, "NEXT_BUFFER"],
  [0x98, "READONLY_BUFFER"],
]);

class Machine {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #limits: Required<PickleLimits>;
  readonly #name: string;
  readonly #persistentLoad: ((id: PickleValue) => unknown) | undefined;
  readonly #text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  readonly #stack: PickleValue[] = [];
  /** Heights of the stack at each open MARK. */
  readonly #marks: number[] = [];
  /** A Map: indexes come from the input and may be anything up to 2^32. */
  readonly #memo = new Map<number, PickleValue>();
  #at = 0;
  #opAt = 0;

  constructor(
    bytes: Uint8Array,
    limits: Required<PickleLimits>,
    name: string,
    persistentLoad: ((id: PickleValue) => unknown) | undefined,
  ) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#limits = limits;
    this.#name = name;
    this.#persistentLoad = persistentLoad;
  }

  run(): PickleValue {
    for (let ops = 0;; ops++) {
      if (ops >= this.#limits.ops) throw this.#limitError(`${this.#limits.ops} operations`);
      this.#opAt = this.#at;
      const op = this.#u8();
      if (op === 0x2e) break;
      this.#step(op);
    }
    const result = this.#pop();
    if (this.#stack.length > 0 || this.#marks.length > 0) throw this.#error("STOP leaves values on the stack");
    return result;
  }

  #step(op: number): void {
    switch (op) {
      case 0x80: { // PROTO
        const protocol = this.#u8();
        if (protocol < 2 || protocol > 5) throw this.#error(`protocol ${protocol} is not supported`);
        return;
      }
      case 0x95: // FRAME
        this.#checkLeft(this.#u64());
        return;
      case 0x28: // MARK
        this.#marks.push(this.#stack.length);
        return;
      case 0x4e: // NONE
        return this.#push(null);
      case 0x88: // NEWTRUE
        return this.#push(true);
      case 0x89: // NEWFALSE
        return this.#push(false);
      case 0x4a: // BININT
        return this.#push(this.#view.getInt32(this.#skip(4), true));
      case 0x4b: // BININT1
        return this.#push(this.#u8());
      case 0x4d: // BININT2
        return this.#push(this.#view.getUint16(this.#skip(2), true));
      case 0x8a: // LONG1
        return this.#push(this.#long(this.#u8()));
      case 0x8b: // LONG4
        return this.#push(this.#long(this.#u32()));
      case 0x47: // BINFLOAT
        return this.#push(new PyFloat(this.#view.getFloat64(this.#skip(8))));
      case 0x58: // BINUNICODE
        return this.#push(this.#string(this.#u32()));
      case 0x8c: // SHORT_BINUNICODE
        return this.#push(this.#string(this.#u8()));
      case 0x8d: // BINUNICODE8
        return this.#push(this.#string(this.#u64()));
      case 0x42: // BINBYTES
        return this.#push(this.#slice(this.#u32()).slice());
      case 0x43: // SHORT_BINBYTES
        return this.#push(this.#slice(this.#u8()).slice());
      case 0x29: // EMPTY_TUPLE
        return this.#push(new PyTuple([]));
      case 0x74: // TUPLE
        return this.#push(new PyTuple(this.#popMark()));
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        return this.#push(new PyTuple(this.#popMany(op - 0x84)));
      case 0x5d: // EMPTY_LIST
        return this.#push(new PyList());
      case 0x7d: // EMPTY_DICT
        return this.#push(new PyDict());
      case 0x8f: // EMPTY_SET
        return this.#push(new PySet());
      case 0x91: // FROZENSET
        return this.#push(new PySet(this.#popMark(), true));
      case 0x61: // APPEND
        return this.#append("APPEND", this.#popMany(1));
      case 0x65: // APPENDS
        return this.#append("APPENDS", this.#popMark());
      case 0x90: // ADDITEMS
        return this.#append("ADDITEMS", this.#popMark());
      case 0x73: // SETITEM
        return this.#setItems("SETITEM", this.#popMany(2));
      case 0x75: // SETITEMS
        return this.#setItems("SETITEMS", this.#popMark());
      default:
        return this.#stepObject(op);
    }
  }

  /** Operations on the memo and on objects. */
  #stepObject(op: number): void {
    switch (op) {
      case 0x71: // BINPUT
        return this.#put(this.#u8());
      case 0x72: // LONG_BINPUT
        return this.#put(this.#u32());
      case 0x94: // MEMOIZE
        return this.#put(this.#memo.size);
      case 0x68: // BINGET
        return this.#get(this.#u8());
      case 0x6a: // LONG_BINGET
        return this.#get(this.#u32());
      case 0x63: { // GLOBAL
        const module = this.#line();
        return this.#push(this.#global(module, this.#line()));
      }
      case 0x93: { // STACK_GLOBAL
        const [module, name] = this.#popMany(2);
        return this.#push(this.#global(module, name));
      }
      case 0x52: // REDUCE
        return this.#call("REDUCE");
      case 0x81: // NEWOBJ
        return this.#call("NEWOBJ");
      case 0x92: // NEWOBJ_EX
        return this.#call("NEWOBJ_EX");
      case 0x62: { // BUILD
        const state = this.#pop();
        const target = this.#top();
        if (!(target instanceof Reduced)) throw this.#error(`BUILD on ${kindOf(target)}`);
        target.states.push(state);
        return;
      }
      case 0x51: { // BINPERSID
        const id = this.#pop();
        if (this.#persistentLoad === undefined) throw this.#error("BINPERSID: nothing outside is expected here");
        return this.#push(new Persistent(this.#persistentLoad(id)));
      }
    }
    const code = `0x${op.toString(16).padStart(2, "0")}`;
    const known = REFUSED.get(op);
    throw this.#error(known === undefined ? `${code} is no opcode` : `opcode ${known} (${code}) is not supported`);
  }

  #append(op: "APPEND" | "APPENDS" | "ADDITEMS", values: PickleValue[]): void {
    const target = this.#top();
    const expected = op === "ADDITEMS" ? PySet : PyList;
    if (!(target instanceof expected || target instanceof Reduced)) throw this.#error(`${op} on ${kindOf(target)}`);
    // A spread would overflow the engine's stack for large lists.
    for (const value of values) target.items.push(value);
  }

  #setItems(op: string, values: PickleValue[]): void {
    const target = this.#top();
    const dict = target instanceof Reduced ? target.dict : target;
    if (!(dict instanceof PyDict)) throw this.#error(`${op} on ${kindOf(target)}`);
    if (values.length % 2 !== 0) throw this.#error(`${op} with a key that has no value`);
    for (let i = 0; i < values.length; i += 2) dict.set(values[i], values[i + 1]);
  }

  #call(op: "REDUCE" | "NEWOBJ" | "NEWOBJ_EX"): void {
    const kwargs = op === "NEWOBJ_EX" ? this.#pop() : undefined;
    const args = this.#pop();
    const callable = this.#pop();
    if (!(callable instanceof Global || callable instanceof Reduced)) throw this.#error(`${op} of ${kindOf(callable)}`);
    if (!(args instanceof PyTuple)) throw this.#error(`${op} with ${kindOf(args)} as arguments`);
    this.#push(new Reduced(callable, args, op !== "REDUCE", kwargs));
  }

  #global(module: PickleValue, name: PickleValue): Global {
    if (typeof module !== "string" || typeof name !== "string") throw this.#error("a global's name is no text");
    if (module.length > MAX_NAME || name.length > MAX_NAME) throw this.#limitError(`${MAX_NAME} characters of a name`);
    return new Global(module, name);
  }

  #put(index: number): void {
    if (this.#memo.size >= this.#limits.memo) throw this.#limitError(`${this.#limits.memo} remembered values`);
    this.#memo.set(index, this.#top());
  }

  #get(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) throw this.#error(`memo ${index} was never stored`);
    this.#push(value);
  }

  #push(value: PickleValue): void {
    this.#stack.push(value);
  }

  /** Lowest height of the stack that may be popped. */
  get #floor(): number {
    return this.#marks.at(-1) ?? 0;
  }

  #top(): PickleValue {
    if (this.#stack.length <= this.#floor) throw this.#error("the stack is empty");
    return this.#stack[this.#stack.length - 1];
  }

  #pop(): PickleValue {
    if (this.#stack.length <= this.#floor) throw this.#error("the stack is empty");
    return this.#stack.pop()!;
  }

  #popMany(count: number): PickleValue[] {
    if (this.#stack.length - count < this.#floor) throw this.#error("the stack is empty");
    return this.#stack.splice(this.#stack.length - count);
  }

  #popMark(): PickleValue[] {
    const height = this.#marks.pop();
    if (height === undefined) throw this.#error("there is no MARK");
    return this.#stack.splice(height);
  }

  #checkLeft(count: number): void {
    if (count > this.#bytes.byteLength - this.#at) throw this.#error("it is truncated");
  }

  /** Goes past `count` bytes; returns where they began. */
  #skip(count: number): number {
    this.#checkLeft(count);
    const at = this.#at;
    this.#at += count;
    return at;
  }

  #u8(): number {
    return this.#view.getUint8(this.#skip(1));
  }

  #u32(): number {
    return this.#view.getUint32(this.#skip(4), true);
  }

  /** A length: one that is not exact as a number is beyond any input anyway. */
  #u64(): number {
    return Number(this.#view.getBigUint64(this.#skip(8), true));
  }

  #slice(length: number): Uint8Array {
    if (length > this.#limits.stringLength) throw this.#limitError(`${this.#limits.stringLength} bytes of a string`);
    const at = this.#skip(length);
    return this.#bytes.subarray(at, at + length);
  }

  #string(length: number): string {
    return this.#decode(this.#slice(length));
  }

  #line(): string {
    const end = this.#bytes.subarray(this.#at, this.#at + MAX_NAME + 1).indexOf(0x0a);
    if (end < 0) throw this.#error("a name does not end");
    const at = this.#skip(end + 1);
    return this.#decode(this.#bytes.subarray(at, at + end));
  }

  #decode(bytes: Uint8Array): string {
    try {
      return this.#text.decode(bytes);
    } catch {
      throw this.#error("a string is not UTF-8");
    }
  }

  /** A little-endian two's-complement integer. */
  #long(length: number): number | bigint {
    if (length > MAX_INT) throw this.#limitError(`${MAX_INT} bytes of an integer`);
    if (length === 0) return 0;
    const at = this.#skip(length);
    let hex = "0x";
    for (let i = at + length - 1; i >= at; i--) hex += this.#bytes[i].toString(16).padStart(2, "0");
    const value = BigInt.asIntN(8 * length, BigInt(hex));
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  #error(why: string): SyntaxError {
    return new SyntaxError(`Cannot read ${this.#name} at byte ${this.#opAt}: ${why}`);
  }

  #limitError(what: string): RangeError {
    return new RangeError(`Cannot read ${this.#name} at byte ${this.#opAt}: it exceeds the limit of ${what}`);
  }
}

function kindOf(value: PickleValue): string {
  if (value === null) return "None";
  if (value instanceof Global) return `the global ${value}`;
  if (value instanceof Reduced) return "an object";
  return value instanceof Object ? value.constructor.name : typeof value;
}
