/** `torch.nn.modules.rnn`: recurrent layers over sequences. Packed sequences are not offered. */
import * as torch from "../torch.ts";
import * as init from "../init.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import type { Tensor } from "../tensor.ts";
import { collect, type Given1, type ParameterOptions } from "./options.ts";
import { floatText, text } from "./text.ts";

/** Settings of {@linkcode GRU}, and of all recurrent layers. */
export interface RecurrentOptions extends ParameterOptions {
  /** Number of layers, each over the one before. Default: 1. */
  readonly numLayers?: number;
  /** Whether biases are added. Default: true. */
  readonly bias?: boolean;
  /** Whether the batch is dim 0 of input and output, and the sequence dim 1. Default: false, the other way round. */
  readonly batchFirst?: boolean;
  /** Dropout after each layer but the last, in training. Default: 0. */
  readonly dropout?: number;
  /** Whether a second pass runs from the end. Default: false. */
  readonly bidirectional?: boolean;
}

/** Settings of {@linkcode RNN}. */
export interface RNNOptions extends RecurrentOptions {
  /** The function of each step. Default: `tanh`. */
  readonly nonlinearity?: "tanh" | "relu";
}

/** Settings of {@linkcode LSTM}. */
export interface LSTMOptions extends RecurrentOptions {
  /** Size that the hidden state is projected to; 0 for none. Default: 0. */
  readonly projSize?: number;
}

/** What can follow the sizes: the number of layers, then options; or options only. */
export type RecurrentGiven<O> = Given1<number, O>;

/** What recurrent layers share. */
export abstract class RNNBase extends Module {
  /** Which cell it is. */
  readonly mode: "RNN_TANH" | "RNN_RELU" | "LSTM" | "GRU";
  /** Size of the last dim of the input. */
  readonly inputSize: number;
  /** Size of the hidden state. */
  readonly hiddenSize: number;
  /** Number of layers. */
  readonly numLayers: number;
  /** Whether biases are added. */
  readonly bias: boolean;
  /** Whether the batch is dim 0. */
  readonly batchFirst: boolean;
  /** Dropout after each layer but the last. */
  dropout: number;
  /** Whether a second pass runs from the end. */
  readonly bidirectional: boolean;
  /** Size that the hidden state is projected to; 0 for none. */
  readonly projSize: number;
  /** Names of the parameters as the operator takes them. */
  private readonly names: string[] = [];
  /** `weight_ih_l0`, `weight_hh_l0`, `weight_hr_l0`, `weight_ih_l0_reverse`, …. */
  [name: `weight_${string}`]: Parameter;
  /** `bias_ih_l0`, `bias_hh_l0`, …. */
  [name: `bias_${string}`]: Parameter;

  /** A layer with these settings. */
  constructor(mode: RNNBase["mode"], inputSize: number, hiddenSize: number, options: LSTMOptions) {
    super();
    const { numLayers = 1, bias = true, batchFirst = false, dropout = 0, bidirectional = false, projSize = 0 } =
      options;
    this.mode = mode;
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.numLayers = numLayers;
    this.bias = bias;
    this.batchFirst = batchFirst;
    this.dropout = dropout;
    this.bidirectional = bidirectional;
    this.projSize = projSize;
    check(new.target.name, this);
    const gates = mode === "LSTM" ? 4 * hiddenSize : mode === "GRU" ? 3 * hiddenSize : hiddenSize;
    const stateSize = projSize || hiddenSize;
    const directions = bidirectional ? 2 : 1;
    const add = (name: string, shape: readonly number[]): void => {
      this.names.push(name);
      this.registerParameter(name, new Parameter(torch.empty([...shape], { dtype: options.dtype })));
    };
    for (let layer = 0; layer < numLayers; layer++) {
      for (const suffix of bidirectional ? [`l${layer}`, `l${layer}_reverse`] : [`l${layer}`]) {
        add(`weight_ih_${suffix}`, [gates, layer === 0 ? inputSize : stateSize * directions]);
        add(`weight_hh_${suffix}`, [gates, stateSize]);
        if (bias) add(`bias_ih_${suffix}`, [gates]);
        if (bias) add(`bias_hh_${suffix}`, [gates]);
        if (projSize > 0) add(`weight_hr_${suffix}`, [projSize, hiddenSize]);
      }
    }
    this.resetParameters();
  }

  /** Gives the parameters new random values. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.hiddenSize);
    for (const parameter of this.parameters()) init.uniform_(parameter, -bound, bound);
  }

  /** The parameters in the order in which the operator takes them. */
  protected get flatWeights(): Tensor[] {
    return this.names.map((name) => (this as unknown as Record<string, Parameter>)[name]);
  }

  /** The settings in the order in which the operator takes them. */
  protected get settings(): [boolean, number, number, boolean, boolean, boolean] {
    const { bias, numLayers, dropout, training, bidirectional, batchFirst } = this;
    return [bias, numLayers, dropout, training, bidirectional, batchFirst];
  }

  /** The input with a batch dim. */
  protected batched(input: Tensor): Tensor {
    const layer = this.constructor.name;
    if (input.ndim !== 2 && input.ndim !== 3) throw new RangeError(`${layer} takes 2D or 3D input, got ${input.ndim}D`);
    const last = input.shape[input.ndim - 1];
    if (typeof last === "number" && last !== this.inputSize) {
      throw new RangeError(`The last dim of the input of ${layer} must be inputSize, ${this.inputSize}, got ${last}`);
    }
    const [weight] = this.flatWeights;
    if (input.dtype !== weight.dtype) {
      throw new TypeError(`${layer} has weights of dtype ${weight.dtype}, got an input of dtype ${input.dtype}`);
    }
    return input.ndim === 3 ? input : input.unsqueeze(this.batchDim);
  }

  /** Where the batch is. */
  protected get batchDim(): number {
    return this.batchFirst ? 0 : 1;
  }

  /** A state of zeros for an input with a batch dim. */
  protected zeroState(input: Tensor, size: number): Tensor {
    const layers = this.numLayers * (this.bidirectional ? 2 : 1);
    return torch.zeros([layers, input.shape[this.batchDim], size], { dtype: input.dtype });
  }

  /** A given state with a batch dim. */
  protected batchedState(name: string, state: Tensor, input: Tensor): Tensor {
    if (state.ndim !== input.ndim) {
      throw new RangeError(
        `${name} of ${this.constructor.name} must be ${input.ndim}D as the input is, got ${state.ndim}D`,
      );
    }
    return input.ndim === 3 ? state : state.unsqueeze(1);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    let shown = `${this.inputSize}, ${this.hiddenSize}`;
    if (this.projSize !== 0) shown += `, proj_size=${this.projSize}`;
    if (this.numLayers !== 1) shown += `, num_layers=${this.numLayers}`;
    if (!this.bias) shown += ", bias=False";
    if (this.batchFirst) shown += ", batch_first=True";
    if (this.dropout !== 0) shown += `, dropout=${floatText(this.dropout)}`;
    if (this.bidirectional) shown += ", bidirectional=True";
    return shown;
  }
}

function check(name: string, rnn: RNNBase): void {
  const { inputSize, hiddenSize, numLayers, dropout, projSize } = rnn;
  for (const [setting, value] of Object.entries({ inputSize, hiddenSize, numLayers })) {
    if (!(Number.isInteger(value) && value > 0)) {
      throw new RangeError(`${setting} of ${name} must be a positive integer, got ${value}`);
    }
  }
  if (!(dropout >= 0 && dropout <= 1)) {
    throw new RangeError(`dropout of ${name} must be between 0 and 1, got ${dropout}`);
  }
  if (!(projSize >= 0 && projSize < hiddenSize)) {
    throw new RangeError(`projSize of ${name} must be 0 or smaller than hiddenSize, ${hiddenSize}, got ${projSize}`);
  }
}

/** What layers with one state share. */
abstract class OneState extends RNNBase {
  /** The operator. */
  protected abstract readonly run: typeof torch.gru;

  /**
   * Applies the layer.
   *
   * @param input [L, N, inputSize]; with batchFirst [N, L, inputSize]; or [L, inputSize]
   * @param hx the initial state [layers, N, hiddenSize]; null for zeros
   * @returns the states of the last layer at each step, and the last state of each layer
   */
  forward(input: Tensor, hx: Tensor | null = null): [output: Tensor, hidden: Tensor] {
    const batched = this.batched(input);
    const state = hx === null ? this.zeroState(batched, this.hiddenSize) : this.batchedState("hx", hx, input);
    const { run } = this;
    const [output, hidden] = run(batched, state, this.flatWeights, ...this.settings);
    return input.ndim === 3 ? [output, hidden] : [output.squeeze(this.batchDim), hidden.squeeze(1)];
  }
}

/**
 * A plain recurrent network: `torch.nn.RNN`.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.RNN.html
 */
export class RNN extends OneState {
  /** The function of each step. */
  readonly nonlinearity: "tanh" | "relu";

  /** A layer with these settings. */
  constructor(inputSize: number, hiddenSize: number, ...given: RecurrentGiven<RNNOptions>) {
    const options = collect<RNNOptions>("RNN", ["numLayers"], given);
    const { nonlinearity = "tanh" } = options;
    if (nonlinearity !== "tanh" && nonlinearity !== "relu") {
      throw new RangeError(`nonlinearity of RNN must be tanh or relu, got ${nonlinearity}`);
    }
    super(nonlinearity === "tanh" ? "RNN_TANH" : "RNN_RELU", inputSize, hiddenSize, options);
    this.nonlinearity = nonlinearity;
  }

  /** The operator. */
  protected override get run(): typeof torch.gru {
    return this.nonlinearity === "tanh" ? torch.rnnTanh : torch.rnnRelu;
  }
}

/**
 * Gated recurrent units: `torch.nn.GRU`.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html
 */
export class GRU extends OneState {
  /** A layer with these settings. */
  constructor(inputSize: number, hiddenSize: number, ...given: RecurrentGiven<RecurrentOptions>) {
    super("GRU", inputSize, hiddenSize, collect<RecurrentOptions>("GRU", ["numLayers"], given));
  }

  /** The operator. */
  protected override get run(): typeof torch.gru {
    return torch.gru;
  }
}

/**
 * Long short-term memory: `torch.nn.LSTM`.
 *
 * Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html
 *
 * @example
 * ```ts
 * import { nn, torch } from "@fx2onnx/fx2onnx/torch";
 *
 * const lstm = new nn.LSTM(4, 8, { batchFirst: true, bidirectional: true });
 * const [output, [hidden, cell]] = lstm.call(torch.randn([2, 5, 4]));
 * console.log(output.shape, hidden.shape, cell.shape); // [2, 5, 16] [2, 2, 8] [2, 2, 8]
 * ```
 */
export class LSTM extends RNNBase {
  /** A layer with these settings. */
  constructor(inputSize: number, hiddenSize: number, ...given: RecurrentGiven<LSTMOptions>) {
    super("LSTM", inputSize, hiddenSize, collect<LSTMOptions>("LSTM", ["numLayers"], given));
  }

  /**
   * Applies the layer.
   *
   * @param input [L, N, inputSize]; with batchFirst [N, L, inputSize]; or [L, inputSize]
   * @param hx the initial hidden state [layers, N, projSize or hiddenSize] and cell [layers, N, hiddenSize]; null for zeros
   * @returns the hidden states of the last layer at each step, and the last hidden state and cell of each layer
   */
  forward(
    input: Tensor,
    hx: readonly [hidden: Tensor, cell: Tensor] | null = null,
  ): [output: Tensor, state: [hidden: Tensor, cell: Tensor]] {
    const batched = this.batched(input);
    const state = hx === null
      ? [this.zeroState(batched, this.projSize || this.hiddenSize), this.zeroState(batched, this.hiddenSize)]
      : [this.batchedState("hx[0]", hx[0], input), this.batchedState("hx[1]", hx[1], input)];
    const [output, hidden, cell] = torch.lstm(batched, state, this.flatWeights, ...this.settings);
    if (input.ndim === 3) return [output, [hidden, cell]];
    return [output.squeeze(this.batchDim), [hidden.squeeze(1), cell.squeeze(1)]];
  }
}

/** Settings of cells. */
export interface CellOptions extends ParameterOptions {
  /** Whether biases are added. Default: true. */
  readonly bias?: boolean;
}

/** What cells, which compute one step, share. */
export abstract class RNNCellBase extends Module {
  /** Size of the last dim of the input. */
  readonly inputSize: number;
  /** Size of the state. */
  readonly hiddenSize: number;
  /** Whether biases are added. */
  readonly bias: boolean;
  /** [gates * hiddenSize, inputSize]. */
  weight_ih: Parameter;
  /** [gates * hiddenSize, hiddenSize]. */
  weight_hh: Parameter;
  /** [gates * hiddenSize]. */
  bias_ih: Parameter | null;
  /** [gates * hiddenSize]. */
  bias_hh: Parameter | null;

  /** A layer with these settings. */
  constructor(inputSize: number, hiddenSize: number, gates: number, options: CellOptions) {
    super();
    const { bias = true, dtype } = options;
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.bias = bias;
    const parameter = (...shape: number[]): Parameter => new Parameter(torch.empty(shape, { dtype }));
    this.weight_ih = parameter(gates * hiddenSize, inputSize);
    this.weight_hh = parameter(gates * hiddenSize, hiddenSize);
    this.bias_ih = bias ? parameter(gates * hiddenSize) : null;
    this.bias_hh = bias ? parameter(gates * hiddenSize) : null;
    this.resetParameters();
  }

  /** Gives the parameters new random values. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.hiddenSize);
    for (const parameter of this.parameters()) init.uniform_(parameter, -bound, bound);
  }

  /**
   * Looks at the number of dims.
   *
   * @throws {RangeError} unless a tensor is one item or a batch of them
   */
  protected checkDims(name: string, tensor: Tensor): void {
    if (tensor.ndim === 1 || tensor.ndim === 2) return;
    throw new RangeError(`${name} of ${this.constructor.name} must be 1D or 2D, got ${tensor.ndim}D`);
  }

  /** A state of zeros for an input with a batch dim. */
  protected zeroState(input: Tensor): Tensor {
    return torch.zeros([input.shape[0], this.hiddenSize], { dtype: input.dtype });
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    const shown = `${this.inputSize}, ${this.hiddenSize}`;
    return this.bias ? shown : `${shown}, bias=${text(this.bias)}`;
  }
}

abstract class OneStateCell extends RNNCellBase {
  /** The operator. */
  protected abstract readonly run: typeof torch.gruCell;

  /**
   * Applies the layer.
   *
   * @param input [N, inputSize] or [inputSize]
   * @param hx the state [N, hiddenSize] or [hiddenSize]; null for zeros
   * @returns the next state
   */
  forward(input: Tensor, hx: Tensor | null = null): Tensor {
    this.checkDims("input", input);
    if (hx) this.checkDims("hx", hx);
    const isBatched = input.ndim === 2;
    const batched = isBatched ? input : input.unsqueeze(0);
    const state = hx === null ? this.zeroState(batched) : isBatched ? hx : hx.unsqueeze(0);
    const run = this.run;
    const next = run(batched, state, this.weight_ih, this.weight_hh, this.bias_ih, this.bias_hh);
    return isBatched ? next : next.squeeze(0);
  }
}

/** Settings of {@linkcode RNNCell}. */
export interface RNNCellOptions extends CellOptions {
  /** The function of the step. Default: `tanh`. */
  readonly nonlinearity?: "tanh" | "relu";
}

/** One step of {@linkcode RNN}: `torch.nn.RNNCell`. */
export class RNNCell extends OneStateCell {
  /** The function of the step. */
  readonly nonlinearity: "tanh" | "relu";

  /** A layer with these settings. */
  constructor(inputSize: number, hiddenSize: number, options: RNNCellOptions = {}) {
    super(inputSize, hiddenSize, 1, options);
    this.nonlinearity = options.nonlinearity ?? "tanh";
    if (this.nonlinearity !== "tanh" && this.nonlinearity !== "relu") {
      throw new RangeError(`nonlinearity of RNNCell must be tanh or relu, got ${this.nonlinearity}`);
    }
  }

  /** The operator. */
  protected override get run(): typeof torch.gruCell {
    return this.nonlinearity === "tanh" ? torch.rnnTanhCell : torch.rnnReluCell;
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    const shown = super.extraRepr();
    return this.nonlinearity === "tanh" ? shown : `${shown}, nonlinearity=${this.nonlinearity}`;
  }
}

/** One step of {@linkcode GRU}: `torch.nn.GRUCell`. */
export class GRUCell extends OneStateCell {
  /** A layer with these settings. */
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    super(inputSize, hiddenSize, 3, options);
  }

  /** The operator. */
  protected override get run(): typeof torch.gruCell {
    return torch.gruCell;
  }
}

/** One step of {@linkcode LSTM}: `torch.nn.LSTMCell`. */
export class LSTMCell extends RNNCellBase {
  /** A layer with these settings. */
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    super(inputSize, hiddenSize, 4, options);
  }

  /**
   * Applies the layer.
   *
   * @param input [N, inputSize] or [inputSize]
   * @param hx hidden state and cell, each [N, hiddenSize] or [hiddenSize]; null for zeros
   * @returns the next hidden state and cell
   */
  forward(
    input: Tensor,
    hx: readonly [hidden: Tensor, cell: Tensor] | null = null,
  ): [hidden: Tensor, cell: Tensor] {
    this.checkDims("input", input);
    hx?.forEach((state, i) => this.checkDims(`hx[${i}]`, state));
    const isBatched = input.ndim === 2;
    const batched = isBatched ? input : input.unsqueeze(0);
    const zeros = hx === null ? this.zeroState(batched) : null;
    const state = hx?.map((tensor) => isBatched ? tensor : tensor.unsqueeze(0)) ?? [zeros!, zeros!];
    const { weight_ih, weight_hh, bias_ih, bias_hh } = this;
    const [hidden, cell] = torch.lstmCell(batched, state, weight_ih, weight_hh, bias_ih, bias_hh);
    return isBatched ? [hidden, cell] : [hidden.squeeze(0), cell.squeeze(0)];
  }
}
