/** Functions of numbers that JavaScript's Math lacks, in double precision. */

/** Rounds half to even. */
export function roundEven(x: number): number {
  if (!Number.isFinite(x) || Number.isInteger(x)) return x;
  const down = Math.floor(x);
  const part = x - down;
  const rounded = part < 0.5 || (part === 0.5 && down % 2 === 0) ? down : down + 1;
  return rounded === 0 && x < 0 ? -0 : rounded;
}

/** `log(1 + exp(x))` without overflow or cancellation. */
export function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/** C's `pow`, which differs from JavaScript's where the base is ±1 and the exponent is not finite. */
export function power(x: number, y: number): number {
  if (x === 1 || (x === -1 && Math.abs(y) === Infinity)) return 1;
  return x ** y;
}
