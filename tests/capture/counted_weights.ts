/**
 * Weights and inputs by one formula, which tests/tools/counted_weights.py has too: checkpoints need not be committed. A value
 * depends on a name and a position only: u = mix(crc32(name) + position * 0x9E3779B9) / 2^24, between 0 and 1.
 */
import { crc32 } from "../../src/io/crc32.ts";
import { type DType, isFloat, Tensor as CoreTensor } from "../../src/tensor/mod.ts";
import { Tensor, torch } from "../../torch.ts";

/** A float for each position. */
export function units(name: string, count: number): Float64Array {
  const seed = crc32(new TextEncoder().encode(name));
  const out = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    let h = (seed + Math.imul(i, 0x9E3779B9)) >>> 0;
    h ^= h >>> 16;
    h = Math.imul(h, 0x7FEB352D) >>> 0;
    h ^= h >>> 15;
    h = Math.imul(h, 0x846CA68B) >>> 0;
    h ^= h >>> 16;
    out[i] = (h >>> 8) / 2 ** 24;
  }
  return out;
}

function weight(name: string, shape: readonly number[], dtype: DType): Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  const last = name.split(".").at(-1)!;
  const scale = Math.sqrt(3 * shape[0] / count);
  const values = units(name, count).map((u) => {
    if (shape.length >= 2) return (2 * u - 1) * scale;
    return last === "weight" || last === "running_var" ? 0.5 + u : (2 * u - 1) * 0.2;
  });
  return torch.tensor(values, { shape, dtype });
}

/** The state dict of a checkpoint for a module: by names and shapes alone, as a file would have it. */
export function countedState(state: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const filled = new Map<string, Tensor>();
  for (const [name, tensor] of state) {
    if (name.split(".").at(-1) === "num_batches_tracked") {
      filled.set(name, torch.tensor(Math.floor(units(name, 1)[0] * 5), { dtype: "int64" }));
    } else filled.set(name, isFloat(tensor.dtype) ? weight(name, tensor.shape, tensor.dtype) : tensor);
  }
  return filled;
}

/** What an input is made of; see `values` in counted_weights.py. */
export interface InputSpec {
  readonly shape: readonly number[];
  readonly kind?: "plain" | "unit" | "sign" | "int" | "bool";
  readonly below?: number;
}

/** An input. */
export function countedInput(name: string, { shape, kind = "plain", below = 2 }: InputSpec): Tensor {
  const u = units(name, shape.reduce((a, b) => a * b, 1));
  const floats = (change: (u: number) => number): Tensor => torch.tensor(u.map(change), { shape, dtype: "float32" });
  switch (kind) {
    case "plain":
      return floats((v) => 4 * v - 2);
    case "unit":
      return floats((v) => v);
    case "sign":
      return floats((v) => v < 0.5 ? -1 : 1);
    case "int":
      return torch.tensor(u.map((v) => Math.floor(v * below)), { shape, dtype: "int64" });
    case "bool":
      return new Tensor(CoreTensor.of("bool", shape, [...u].map((v) => v < 0.3 ? 1 : 0)));
  }
}
