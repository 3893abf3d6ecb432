import { assertEquals, assertThrows } from "@std/assert";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { MessageWriter, type Payload } from "../../src/onnx/wire.ts";

/** All bytes; payloads must not occur. */
function bytesOf(w: MessageWriter): Uint8Array {
  return new Uint8Array([...w.parts()].flatMap((part) => part instanceof Uint8Array ? [...part] : []));
}

Deno.test("integers are written as protobuf's own writer writes them", () => {
  const values = [0, 1, 127, 128, 300, 16383, 16384, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 32 + 5, 2 ** 53 - 1, -1, -300];
  for (const value of [...values, 2n ** 62n, 2n ** 63n - 1n, -(2n ** 63n), 0n]) {
    const w = new MessageWriter();
    w.int(20, value);
    assertEquals(bytesOf(w), new BinaryWriter().tag(20, 0).int64(BigInt(value)).finish(), String(value));
  }
});

Deno.test("integers that don't fit are refused", () => {
  const w = new MessageWriter();
  assertThrows(() => w.int(1, 1.5), RangeError);
  assertThrows(() => w.int(1, 2 ** 53), RangeError);
  assertThrows(() => w.int(1, 2n ** 63n), RangeError);
  assertThrows(() => w.int(1, -(2n ** 63n) - 1n), RangeError);
});

Deno.test("texts, floats and nested messages are written as protobuf's own writer writes them", () => {
  for (const length of [0, 1, 126, 127, 128, 16383, 16384, 70000]) {
    for (const letter of ["a", "ü", "🎈"]) {
      const text = letter.repeat(length);
      const w = new MessageWriter();
      w.message(7, () => {
        w.float(1, 0.1);
        w.message(2, () => w.string(3, text));
        w.message(2, () => {});
        w.bytes(16, new Uint8Array([1, 2]));
      });
      w.int(8, 1);
      const expected = new BinaryWriter().tag(7, 2).fork().tag(1, 5).float(0.1).tag(2, 2).fork().tag(3, 2).string(text)
        .join().tag(2, 2).fork().join().tag(16, 2).bytes(new Uint8Array([1, 2])).join().tag(8, 0).int32(1).finish();
      assertEquals(bytesOf(w), expected, `${length} × ${letter}`);
    }
  }
});

Deno.test("half a surrogate pair is refused", () => {
  assertThrows(() => new MessageWriter().string(1, "\ud83c"), TypeError, "not well-formed");
});

Deno.test("payloads count in lengths beyond 2^32 and stand where they were entered", () => {
  const first: Payload = { byteLength: 3_000_000_000 };
  const second: Payload = { byteLength: 5_000_000_000 };
  const w = new MessageWriter();
  w.message(1, () => {
    w.message(2, () => {
      w.payload(9, first);
      w.int(14, 1);
    });
    w.payload(9, second);
  });
  const [head, a, middle, b, ...rest] = w.parts();
  assertEquals([a, b, rest.length], [first, second, 0]);
  const inner = 1 + 5 + 3_000_000_000 + 2;
  const outer = 1 + 5 + inner + 1 + 5 + 5_000_000_000;
  const varint = (n: number) => [...new BinaryWriter().int64(BigInt(n)).finish()];
  assertEquals([...head as Uint8Array], [10, ...varint(outer), 18, ...varint(inner), 74, ...varint(3_000_000_000)]);
  assertEquals([...middle as Uint8Array], [112, 1, 74, ...varint(5_000_000_000)]);
  assertEquals(w.byteLength, 1 + 5 + outer);
});
