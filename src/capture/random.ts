/** The generator of random numbers. */
import { currentSeed, setSeed } from "../tensor/generator.ts";

/**
 * Begins the random numbers anew, so that what follows is the same each time. They are other numbers than PyTorch's of that
 * seed. https://docs.pytorch.org/docs/stable/generated/torch.manual_seed.html
 *
 * @example
 * ```ts
 * import { torch } from "@fx2onnx/fx2onnx/torch";
 *
 * torch.manualSeed(0);
 * const x = torch.randn(2, 3);
 * torch.manualSeed(0);
 * console.log(torch.equal(x, torch.randn(2, 3))); // true
 * ```
 */
export function manualSeed(seed: number | bigint): void {
  if (typeof seed === "number" && !Number.isSafeInteger(seed)) {
    throw new RangeError(`manualSeed: the seed must be an integer, met ${seed}`);
  }
  setSeed(BigInt(seed));
}

/** The seed of the random numbers. https://docs.pytorch.org/docs/stable/generated/torch.initial_seed.html */
export function initialSeed(): bigint {
  return currentSeed();
}

/** Begins the random numbers anew with a seed that is random itself. https://docs.pytorch.org/docs/stable/generated/torch.seed.html */
export function seed(): bigint {
  setSeed(BigInt(Math.floor(Math.random() * 2 ** 32)));
  return currentSeed();
}
