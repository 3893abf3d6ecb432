/** `torch.nn.modules.batchnorm`: norms over a batch, with running statistics. */
import * as F from "../functional.ts";
import * as torch from "../torch.ts";
import * as init from "../init.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import type { Tensor } from "../tensor.ts";
import type { ParameterOptions } from "./options.ts";
import { floatText, settings } from "./text.ts";

/** Settings of norms that may track running statistics. */
export interface BatchNormOptions extends ParameterOptions {
  /** Added to the variance. Default: 1e-5. */
  readonly eps?: number;
  /** Share of a new batch in the running statistics; null is the plain average of all batches. Default: 0.1. */
  readonly momentum?: number | null;
  /** Whether there are a weight and a bias. Default: true; instance norms: false. */
  readonly affine?: boolean;
  /** Whether there are running statistics. Default: true; instance norms: false. */
  readonly trackRunningStats?: boolean;
  /** Whether there is a bias, where there is a weight. Default: true. */
  readonly bias?: boolean;
}

/** What norms that may track running statistics share. */
export abstract class NormBase extends Module {
  /** Number of channels. */
  readonly numFeatures: number;
  /** Added to the variance. */
  readonly eps: number;
  /** Share of a new batch in the running statistics; null is the plain average of all batches. */
  momentum: number | null;
  /** Whether there is a weight. */
  readonly affine: boolean;
  /** Whether there are running statistics. */
  readonly trackRunningStats: boolean;
  /** [numFeatures]. */
  weight: Parameter | null;
  /** [numFeatures]. */
  bias: Parameter | null;
  /** Buffer [numFeatures]. */
  running_mean: Tensor | null;
  /** Buffer [numFeatures]. */
  running_var: Tensor | null;
  /** Buffer of dtype int64 without dims. */
  num_batches_tracked: Tensor | null;

  /** A layer with these settings. */
  constructor(numFeatures: number, options: BatchNormOptions, tracks: boolean) {
    super();
    const { eps = 1e-5, momentum = 0.1, affine = tracks, trackRunningStats = tracks, bias = true, dtype } = options;
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.momentum = momentum;
    this.affine = affine;
    this.trackRunningStats = trackRunningStats;
    this.weight = affine ? new Parameter(torch.empty([numFeatures], { dtype })) : null;
    this.bias = affine && bias ? new Parameter(torch.empty([numFeatures], { dtype })) : null;
    const buffer = (name: string, make: () => Tensor): Tensor | null =>
      this.registerBuffer(name, trackRunningStats ? make() : null);
    this.running_mean = buffer("running_mean", () => torch.zeros([numFeatures], { dtype }));
    this.running_var = buffer("running_var", () => torch.ones([numFeatures], { dtype }));
    this.num_batches_tracked = buffer("num_batches_tracked", () => torch.tensor(0, { dtype: "int64" }));
    this.resetParameters();
  }

  /** Forgets all batches. */
  resetRunningStats(): void {
    if (this.running_mean) init.zeros_(this.running_mean);
    if (this.running_var) init.ones_(this.running_var);
    if (this.num_batches_tracked) init.zeros_(this.num_batches_tracked);
  }

  /** Forgets all batches, and sets the weight to 1 and the bias to 0. */
  resetParameters(): void {
    this.resetRunningStats();
    if (this.weight) init.ones_(this.weight);
    if (this.bias) init.zeros_(this.bias);
  }

  /** State dicts of PyTorch before 0.4.1 have no count of batches. */
  override upgradeState(state: Map<string, unknown>, prefix: string): void {
    const key = `${prefix}num_batches_tracked`;
    if (this.num_batches_tracked && !state.has(key)) state.set(key, this.num_batches_tracked.detach());
  }

  /**
   * Looks at the number of dims.
   *
   * @throws {RangeError} when the input has another number of dims
   */
  protected checkDims(input: Tensor, dims: readonly number[]): void {
    if (dims.includes(input.ndim)) return;
    const wanted = dims.map((n) => `${n}D`).join(" or ");
    throw new RangeError(`${this.constructor.name} takes ${wanted} input, got ${input.ndim}D`);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    const { numFeatures, eps, momentum, affine, trackRunningStats } = this;
    const numbers = `${numFeatures}, eps=${floatText(eps)}, momentum=${floatText(momentum)}`;
    const bias = this.bias !== null;
    return `${numbers}, ${settings({ affine, bias, track_running_stats: trackRunningStats })}`;
  }
}

/** What batch norms share. */
export abstract class BatchNorm extends NormBase {
  /** A layer with these settings. */
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super(numFeatures, options, true);
  }

  /** The numbers of dims that the input may have. */
  protected abstract get dims(): readonly number[];

  /** The normalized input, of its shape. */
  forward(input: Tensor): Tensor {
    this.checkDims(input, this.dims);
    let factor = this.momentum ?? 0;
    if (this.training && this.trackRunningStats && this.num_batches_tracked) {
      this.num_batches_tracked.add_(1);
      if (this.momentum === null) factor = 1 / this.num_batches_tracked.item();
    }
    const usesStats = !this.training || this.trackRunningStats;
    return F.batchNorm(
      input,
      usesStats ? this.running_mean : null,
      usesStats ? this.running_var : null,
      this.weight,
      this.bias,
      this.training || (this.running_mean === null && this.running_var === null),
      factor,
      this.eps,
    );
  }
}

/**
 * Batch norm of [N, C] or [N, C, L]: `torch.nn.BatchNorm1d`.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html
 */
export class BatchNorm1d extends BatchNorm {
  /** The numbers of dims that the input may have. */
  protected override get dims(): readonly number[] {
    return [2, 3];
  }
}

/**
 * Batch norm of [N, C, H, W]: `torch.nn.BatchNorm2d`.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html
 */
export class BatchNorm2d extends BatchNorm {
  /** The numbers of dims that the input may have. */
  protected override get dims(): readonly number[] {
    return [4];
  }
}

/**
 * Batch norm of [N, C, D, H, W]: `torch.nn.BatchNorm3d`.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm3d.html
 */
export class BatchNorm3d extends BatchNorm {
  /** The numbers of dims that the input may have. */
  protected override get dims(): readonly number[] {
    return [5];
  }
}
