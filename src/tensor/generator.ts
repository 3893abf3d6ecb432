/**
 * Random numbers for kernels, from a seed and a counter: the n-th number after a seed is always the same. They are other
 * numbers than PyTorch's, whose generators each device and operator uses in its own way.
 *
 * The state is one for the whole program, as PyTorch's default generator is: a kernel has no argument that could carry it.
 */

/** Multiplier, in its halves, and key step of Philox with two words of 32 bits, by Salmon and others (2011). */
const [UPPER, LOWER, STEP] = [0xd256, 0xd193, 0x9e3779b9];
const MULTIPLIER = 0xd256d193;
const ROUNDS = 10;

let seed: bigint | undefined;
let key = 0;
// The counter in two words, without objects: models draw a number for each of their weights.
let low = 0;
let high = 0;

/** Begins anew: the numbers that follow depend on the seed only. */
export function setSeed(value: bigint): void {
  seed = BigInt.asUintN(64, value);
  key = Number(seed & 0xffffffffn);
  low = 0;
  // The upper half of a seed starts elsewhere in the sequence of its lower half.
  high = Number(seed >> 32n);
}

/** The seed; one is chosen at random where none was set. */
export function currentSeed(): bigint {
  if (seed === undefined) setSeed(BigInt(Math.floor(Math.random() * 2 ** 32)));
  return seed!;
}

/** A number of [0, 1) with 53 random bits. */
export function nextRandom(): number {
  if (seed === undefined) currentSeed();
  let [x, y, k] = [low | 0, high | 0, key | 0];
  for (let i = 0; i < ROUNDS; i++) {
    // The upper word of the product of MULTIPLIER and x, by halves of words; no part of it reaches over 32 bits.
    const [first, second] = [x & 0xffff, x >>> 16];
    const middle = (Math.imul(UPPER, first) + (Math.imul(LOWER, first) >>> 16)) | 0;
    const carry = ((middle & 0xffff) + Math.imul(LOWER, second)) | 0;
    const upper = (Math.imul(UPPER, second) + (middle >>> 16) + (carry >>> 16)) | 0;
    const next = upper ^ k ^ y;
    y = Math.imul(MULTIPLIER, x);
    x = next;
    k = (k + STEP) | 0;
  }
  low = (low + 1) >>> 0;
  if (low === 0) high = (high + 1) >>> 0;
  return ((x >>> 5) * 2 ** 26 + (y >>> 6)) / 2 ** 53;
}
