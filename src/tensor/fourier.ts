/** The discrete Fourier transform of one row, in double precision, for reference kernels. */
import { add, type C, mul, polar, sub } from "./complex_math.ts";

/**
 * `Σ x[j]·exp(∓2πi·jk/n)`, not scaled. Even lengths are halved; what is left is summed as it is written, each root of unity
 * from its own angle.
 */
export function fourier(x: readonly C[], forward: boolean): C[] {
  const n = x.length;
  const sign = forward ? -1 : 1;
  if (n % 2 === 0 && n > 0) {
    const even = fourier(x.filter((_, j) => j % 2 === 0), forward);
    const odd = fourier(x.filter((_, j) => j % 2 === 1), forward);
    const turned = odd.map((z, k) => mul(z, root(k, n, sign)));
    return [...even.map((z, k) => add(z, turned[k])), ...even.map((z, k) => sub(z, turned[k]))];
  }
  const roots = x.map((_, k) => root(k, n, sign));
  return x.map((_, k) => x.reduce<C>((sum, z, j) => add(sum, mul(z, roots[j * k % n])), [0, 0]));
}

/** exp(±2πi·k/n). */
function root(k: number, n: number, sign: number): C {
  return polar(1, sign * 2 * Math.PI * k / n);
}
