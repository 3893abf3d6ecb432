/**
 * CRC-32 as zip uses it (polynomial 0xEDB88320), sixteen bytes per step: an archive's graph can be 100 MB, and
 * checking a whole archive means checking its weights.
 */

const SLICES = 16;

/** At `256 * k + b`: the checksum of byte `b` followed by `k` zero bytes. */
const TABLES = makeTables();

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function makeTables(): Uint32Array {
  const result = new Uint32Array(256 * SLICES);
  // The checksum of two bytes' sum is the sum of their checksums, so that eight are worked out and the rest added up.
  for (let bit = 128, value = 1; bit > 0; bit >>= 1) {
    value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    for (let i = 0; i < 256; i += 2 * bit) result[i + bit] = result[i] ^ value;
  }
  for (let i = 256; i < result.length; i++) {
    const previous = result[i - 256];
    result[i] = (previous >>> 8) ^ result[previous & 255];
  }
  return result;
}

/**
 * The CRC-32 of bytes, as an unsigned integer. Pass the checksum of what came before as `previous` to go on with it.
 *
 * @example
 * ```ts
 * crc32(new TextEncoder().encode("123456789")); // 0xcbf43926
 * ```
 */
export function crc32(bytes: Uint8Array, previous: number = 0): number {
  const t = TABLES;
  const length = bytes.byteLength;
  let crc = ~previous;
  let i = 0;
  const misaligned = bytes.byteOffset & 3;
  if (misaligned !== 0) {
    for (const end = Math.min(length, 4 - misaligned); i < end; i++) crc = t[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  }
  if (length - i >= SLICES && LITTLE_ENDIAN) {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset + i, (length - i) >>> 2);
    const end = words.length & ~3;
    for (let w = 0; w < end; w += 4) {
      const a = words[w] ^ crc, b = words[w + 1], c = words[w + 2], d = words[w + 3];
      crc = t[3840 + (a & 255)] ^ t[3584 + (a >>> 8 & 255)] ^ t[3328 + (a >>> 16 & 255)] ^ t[3072 + (a >>> 24)] ^
        t[2816 + (b & 255)] ^ t[2560 + (b >>> 8 & 255)] ^ t[2304 + (b >>> 16 & 255)] ^ t[2048 + (b >>> 24)] ^
        t[1792 + (c & 255)] ^ t[1536 + (c >>> 8 & 255)] ^ t[1280 + (c >>> 16 & 255)] ^ t[1024 + (c >>> 24)] ^
        t[768 + (d & 255)] ^ t[512 + (d >>> 8 & 255)] ^ t[256 + (d >>> 16 & 255)] ^ t[d >>> 24];
    }
    i += 4 * end;
  }
  for (; i < length; i++) crc = t[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}
