/** `torch.nn.modules.conv`: convolutions and transposed convolutions over 1 to 3 spatial dims. */
import * as F from "../functional.ts";
import * as torch from "../torch.ts";
import * as init from "../init.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import type { Tensor } from "../tensor.ts";
import { collect, each, type Given2, type ParameterOptions, type Size } from "./options.ts";
import { settings, text } from "./text.ts";

/** What stands outside the input. */
export type PaddingMode = "zeros" | "reflect" | "replicate" | "circular";

/** Settings of convolutions. */
export interface ConvOptions extends ParameterOptions {
  /** Step of the kernel. Default: 1. */
  readonly stride?: Size;
  /** Added on both sides of each dim; `same` keeps the sizes, `valid` adds nothing. Default: 0. */
  readonly padding?: Size | "same" | "valid";
  /** Distance between the kernel's elements. Default: 1. */
  readonly dilation?: Size;
  /** Into how many parts the channels are divided. Default: 1. */
  readonly groups?: number;
  /** Whether a bias is added. Default: true. */
  readonly bias?: boolean;
  /** What is added. Default: `zeros`. */
  readonly paddingMode?: PaddingMode;
}

/** Settings of transposed convolutions. */
export interface ConvTransposeOptions extends ParameterOptions {
  /** Step of the kernel over the result. Default: 1. */
  readonly stride?: Size;
  /** Taken away on both sides of each dim of the result. Default: 0. */
  readonly padding?: Size;
  /** Added at the end of each dim of the result. Default: 0. */
  readonly outputPadding?: Size;
  /** Into how many parts the channels are divided. Default: 1. */
  readonly groups?: number;
  /** Whether a bias is added. Default: true. */
  readonly bias?: boolean;
  /** Distance between the kernel's elements. Default: 1. */
  readonly dilation?: Size;
  /** Only `zeros` is possible. */
  readonly paddingMode?: "zeros";
}

/** What all convolutions have. */
export abstract class ConvNd extends Module {
  /** Channels of the input. */
  readonly inChannels: number;
  /** Channels of the result. */
  readonly outChannels: number;
  /** Size of the kernel. */
  readonly kernelSize: readonly number[];
  /** Step of the kernel. */
  readonly stride: readonly number[];
  /** Padding of each dim, or a rule. */
  readonly padding: readonly number[] | "same" | "valid";
  /** Distance between the kernel's elements. */
  readonly dilation: readonly number[];
  /** Added at the end of each dim of a transposed convolution's result. */
  readonly outputPadding: readonly number[];
  /** Into how many parts the channels are divided. */
  readonly groups: number;
  /** What is added around the input. */
  readonly paddingMode: PaddingMode;
  /** [outChannels, inChannels / groups, …kernelSize]; transposed: [inChannels, outChannels / groups, …kernelSize]. */
  weight: Parameter;
  /** [outChannels]; null without a bias. */
  bias: Parameter | null;

  /** A layer with these settings. */
  constructor(
    dims: number,
    transposed: boolean,
    inChannels: number,
    outChannels: number,
    kernelSize: Size,
    options: ConvOptions & { readonly outputPadding?: Size },
  ) {
    super();
    const name = new.target.name;
    const sizes = (setting: string, value: Size): readonly number[] => each(name, setting, value, dims);
    const { stride = 1, padding = 0, dilation = 1, outputPadding = 0, groups = 1, bias = true, dtype } = options;
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = sizes("kernelSize", kernelSize);
    this.stride = sizes("stride", stride);
    this.padding = typeof padding === "string" ? padding : sizes("padding", padding);
    this.dilation = sizes("dilation", dilation);
    this.outputPadding = sizes("outputPadding", outputPadding);
    this.groups = groups;
    this.paddingMode = options.paddingMode ?? "zeros";
    this.check(name, transposed);
    const channels = transposed ? [inChannels, outChannels / groups] : [outChannels, inChannels / groups];
    this.weight = new Parameter(torch.empty([...channels, ...this.kernelSize], { dtype }));
    this.bias = bias ? new Parameter(torch.empty([outChannels], { dtype })) : null;
    this.resetParameters();
  }

  /** Refuses what is not possible. */
  private check(name: string, transposed: boolean): void {
    const { inChannels, outChannels, groups, padding, stride, paddingMode } = this;
    if (groups <= 0) throw new RangeError(`groups of ${name} must be a positive integer, got ${groups}`);
    if (inChannels % groups !== 0) {
      throw new RangeError(`inChannels of ${name} must be divisible by groups: ${inChannels} and ${groups}`);
    }
    if (outChannels % groups !== 0) {
      throw new RangeError(`outChannels of ${name} must be divisible by groups: ${outChannels} and ${groups}`);
    }
    if (typeof padding === "string" && padding !== "same" && padding !== "valid") {
      throw new RangeError(`padding of ${name} must be numbers, "same" or "valid", got "${padding}"`);
    }
    if (padding === "same" && stride.some((step) => step !== 1)) {
      throw new RangeError(`padding "same" of ${name} is not possible with a stride of [${stride.join(", ")}]`);
    }
    const modes: readonly string[] = transposed ? ["zeros"] : ["zeros", "reflect", "replicate", "circular"];
    if (!modes.includes(paddingMode)) {
      throw new RangeError(`paddingMode of ${name} must be ${modes.join(", ")}, got ${paddingMode}`);
    }
  }

  /** Gives the parameters new random values. */
  resetParameters(): void {
    init.kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    if (this.bias) init.biasUniform_(this.bias, this.weight);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    const { inChannels, outChannels, kernelSize, stride, padding, dilation, outputPadding, groups, paddingMode } = this;
    const all = (values: readonly number[], value: number): boolean => values.every((v) => v === value);
    const parts = [String(inChannels), String(outChannels), settings({ kernel_size: kernelSize, stride })];
    if (typeof padding === "string") parts.push(`padding=${padding}`);
    else if (!all(padding, 0)) parts.push(`padding=${text(padding)}`);
    if (!all(dilation, 1)) parts.push(`dilation=${text(dilation)}`);
    if (!all(outputPadding, 0)) parts.push(`output_padding=${text(outputPadding)}`);
    if (groups !== 1) parts.push(`groups=${groups}`);
    if (this.bias === null) parts.push("bias=False");
    if (paddingMode !== "zeros") parts.push(`padding_mode=${paddingMode}`);
    return parts.join(", ");
  }
}

/** What convolutions share that are not transposed. */
abstract class PlainConv extends ConvNd {
  /** The operator. */
  protected abstract readonly run: typeof F.conv1d;

  /** The convolved input. */
  forward(x: Tensor): Tensor {
    const { input, padding } = this.padded(x);
    const { run, weight, bias, stride, dilation, groups } = this;
    return run(input, weight, bias, [...stride], padding as number[], [...dilation], groups);
  }

  /** The input with what stands around it, if that is not zeros, and the padding that is left to the convolution. */
  private padded(input: Tensor): { readonly input: Tensor; readonly padding: number[] | string } {
    const { padding, paddingMode } = this;
    if (paddingMode === "zeros") return { input, padding: typeof padding === "string" ? padding : [...padding] };
    return { input: F.pad(input, this.around(), paddingMode), padding: this.kernelSize.map(() => 0) };
  }

  /** Padding as `F.pad` takes it: last dim first, begin and end. */
  private around(): number[] {
    const { padding, kernelSize, dilation } = this;
    return kernelSize.flatMap((size, i) => {
      if (padding === "valid") return [[0, 0]];
      if (padding !== "same") return [[padding[i], padding[i]]];
      const total = dilation[i] * (size - 1);
      const left = Math.floor(total / 2);
      return [[left, total - left]];
    }).reverse().flat();
  }
}

/** What can follow the kernel's size: `stride`, `padding`, then options; or options only. */
export type ConvGiven = Given2<Size, Size | "same" | "valid", ConvOptions>;

/** As {@linkcode ConvGiven}, for transposed convolutions. */
export type ConvTransposeGiven = Given2<Size, Size, ConvTransposeOptions>;

function options<O extends object>(layer: string, given: readonly unknown[]): O {
  return collect<O>(layer, ["stride", "padding"], given);
}

/**
 * Convolution over 1 dim: `torch.nn.Conv1d`. The input is [N, C, L] or without N.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv1d.html
 */
export class Conv1d extends PlainConv {
  /** A layer with these settings. */
  constructor(inChannels: number, outChannels: number, kernelSize: Size, ...given: ConvGiven) {
    super(1, false, inChannels, outChannels, kernelSize, options<ConvOptions>("Conv1d", given));
  }

  /** The operator. */
  protected override get run(): typeof F.conv1d {
    return F.conv1d;
  }
}

/**
 * Convolution over 2 dims: `torch.nn.Conv2d`. The input is [N, C, H, W] or without N.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html
 */
export class Conv2d extends PlainConv {
  /** A layer with these settings. */
  constructor(inChannels: number, outChannels: number, kernelSize: Size, ...given: ConvGiven) {
    super(2, false, inChannels, outChannels, kernelSize, options<ConvOptions>("Conv2d", given));
  }

  /** The operator. */
  protected override get run(): typeof F.conv1d {
    return F.conv2d;
  }
}

/**
 * Convolution over 3 dims: `torch.nn.Conv3d`. The input is [N, C, D, H, W] or without N.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv3d.html
 */
export class Conv3d extends PlainConv {
  /** A layer with these settings. */
  constructor(inChannels: number, outChannels: number, kernelSize: Size, ...given: ConvGiven) {
    super(3, false, inChannels, outChannels, kernelSize, options<ConvOptions>("Conv3d", given));
  }

  /** The operator. */
  protected override get run(): typeof F.conv1d {
    return F.conv3d;
  }
}

/** What transposed convolutions share. */
export abstract class ConvTransposeNd extends ConvNd {
  /** The operator. */
  protected abstract readonly run: typeof F.convTranspose1d;

  /**
   * The convolved input.
   *
   * @param outputSize sizes that the result shall have, where the stride leaves a choice
   */
  forward(input: Tensor, outputSize: readonly number[] | null = null): Tensor {
    const outputPadding = this.outputPaddingFor(input, outputSize);
    const padding = [...this.padding as readonly number[]];
    const { run, weight, bias, stride, groups, dilation } = this;
    return run(input, weight, bias, [...stride], padding, outputPadding, groups, [...dilation]);
  }

  /** What is added at the ends so that the result has a given size. */
  private outputPaddingFor(input: Tensor, outputSize: readonly number[] | null): number[] {
    if (outputSize === null) return [...this.outputPadding];
    const { kernelSize, stride, dilation } = this;
    const padding = this.padding as readonly number[];
    const dims = kernelSize.length;
    const wanted = outputSize.length === input.ndim ? outputSize.slice(-dims) : outputSize;
    if (wanted.length !== dims) {
      throw new RangeError(
        `outputSize of ${this.constructor.name} must have ${dims} or ${input.ndim} sizes, got [${
          outputSize.join(", ")
        }]`,
      );
    }
    return wanted.map((size, i) => {
      const smallest = (input.shape[input.ndim - dims + i] - 1) * stride[i] - 2 * padding[i] +
        dilation[i] * (kernelSize[i] - 1) + 1;
      if (size < smallest || size > smallest + stride[i] - 1) {
        throw new RangeError(
          `Size ${size} is not possible for dim ${i} of the result of ${this.constructor.name}: it is from ${smallest} to ${
            smallest + stride[i] - 1
          }`,
        );
      }
      return size - smallest;
    });
  }
}

/**
 * Transposed convolution over 1 dim: `torch.nn.ConvTranspose1d`. The input is [N, C, L] or without N.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose1d.html
 */
export class ConvTranspose1d extends ConvTransposeNd {
  /** A layer with these settings. */
  constructor(inChannels: number, outChannels: number, kernelSize: Size, ...given: ConvTransposeGiven) {
    super(1, true, inChannels, outChannels, kernelSize, options<ConvTransposeOptions>("ConvTranspose1d", given));
  }

  /** The operator. */
  protected override get run(): typeof F.convTranspose1d {
    return F.convTranspose1d;
  }
}

/**
 * Transposed convolution over 2 dims: `torch.nn.ConvTranspose2d`. The input is [N, C, H, W] or without N.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html
 */
export class ConvTranspose2d extends ConvTransposeNd {
  /** A layer with these settings. */
  constructor(inChannels: number, outChannels: number, kernelSize: Size, ...given: ConvTransposeGiven) {
    super(2, true, inChannels, outChannels, kernelSize, options<ConvTransposeOptions>("ConvTranspose2d", given));
  }

  /** The operator. */
  protected override get run(): typeof F.convTranspose1d {
    return F.convTranspose2d;
  }
}

/**
 * Transposed convolution over 3 dims: `torch.nn.ConvTranspose3d`. The input is [N, C, D, H, W] or without N.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose3d.html
 */
export class ConvTranspose3d extends ConvTransposeNd {
  /** A layer with these settings. */
  constructor(inChannels: number, outChannels: number, kernelSize: Size, ...given: ConvTransposeGiven) {
    super(3, true, inChannels, outChannels, kernelSize, options<ConvTransposeOptions>("ConvTranspose3d", given));
  }

  /** The operator. */
  protected override get run(): typeof F.convTranspose1d {
    return F.convTranspose3d;
  }
}
