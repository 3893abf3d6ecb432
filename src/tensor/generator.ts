/**
 * Random numbers for kernels, from a seed and a counter: the n-th number after a seed is always the same. They are other
 * numbers than PyTorch's, whose generators each device and operator uses in its own way.
 *
 * The state is one for the whole program, as PyTorch's default generator is: a kernel has no argument that could carry it.
 */

/** Multiplier and key step of Philox with two words of 32 bits, by Salmon and others (2011). */
const [MULTIPLIER, STEP] = [0xd256d193, 0x9e3779b9];
const ROUNDS = 10;

let seed: bigint | undefined;
let key = 0;
let counter = 0n;

/** Begins anew: the numbers that follow depend on the seed only. */
export function setSeed(value: bigint): void {
  seed = BigInt.asUintN(64, value);
  key = Number(seed & 0xffffffffn);
  // The upper half of a seed starts elsewhere in the sequence of its lower half.
  counter = (seed >> 32n) << 32n;
}

/** The seed; one is chosen at random where none was set. */
export function currentSeed(): bigint {
  if (seed === undefined) setSeed(BigInt(Math.floor(Math.random() * 2 ** 32)));
  return seed!;
}

/** A number of [0, 1) with 53 random bits. */
export function nextRandom(): number {
  if (seed === undefined) currentSeed();
  const [high, low] = philox(Number(counter & 0xffffffffn), Number((counter >> 32n) & 0xffffffffn), key);
  counter = BigInt.asUintN(64, counter + 1n);
  return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53;
}

function philox(first: number, second: number, start: number): [number, number] {
  let [x, y, k] = [first >>> 0, second >>> 0, start >>> 0];
  for (let i = 0; i < ROUNDS; i++) {
    const [high, low] = [upperProduct(MULTIPLIER, x), Math.imul(MULTIPLIER, x) >>> 0];
    [x, y] = [(high ^ k ^ y) >>> 0, low];
    k = (k + STEP) >>> 0;
  }
  return [x, y];
}

/** The upper 32 bits of a product of two words. */
function upperProduct(a: number, b: number): number {
  const [aHigh, aLow, bHigh, bLow] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const middle = aHigh * bLow + ((aLow * bLow) / 0x10000 >>> 0);
  const carry = (middle & 0xffff) + aLow * bHigh;
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) >>> 0;
}
