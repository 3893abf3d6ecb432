/** `torch.nn.modules.padding`: layers that add to the sides of the last dims. */
import * as F from "../functional.ts";
import { Module } from "../module.ts";
import type { Tensor } from "../tensor.ts";
import { each, type Size } from "./options.ts";
import { floatText, settings, text } from "./text.ts";

/** What is added: a value, the mirrored input, its edge, or its other end. */
export type PadMode = "constant" | "reflect" | "replicate" | "circular";

/** What padding layers share. */
export abstract class PadNd extends Module {
  /** Begin and end of each dim, the last dim first. */
  readonly padding: readonly number[];
  /** What is added. */
  readonly mode: PadMode;
  /** The value that is added in mode `constant`. */
  readonly value: number;

  /** A layer with these settings. */
  constructor(dims: number, mode: PadMode, padding: Size, value: number = 0) {
    super();
    this.padding = each(new.target.name, "padding", padding, 2 * dims);
    this.mode = mode;
    this.value = value;
  }

  /** The padded input. */
  forward(input: Tensor): Tensor {
    if (this.mode === "constant") return F.pad(input, [...this.padding], "constant", this.value);
    return F.pad(input, [...this.padding], this.mode);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return text(this.padding);
  }
}

/** Adds a value around the last dim: `torch.nn.ConstantPad1d`. */
export class ConstantPad1d extends PadNd {
  /**
   * A layer with this padding.
   *
   * @param padding one number, or begin and end of each dim, the last dim first
   */
  constructor(padding: Size, value: number) {
    super(1, "constant", padding, value);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return `${settings({ padding: this.padding })}, value=${floatText(this.value)}`;
  }
}

/** Adds a value around the last 2 dims: `torch.nn.ConstantPad2d`. */
export class ConstantPad2d extends PadNd {
  /**
   * A layer with this padding.
   *
   * @param padding one number, or begin and end of each dim, the last dim first
   */
  constructor(padding: Size, value: number) {
    super(2, "constant", padding, value);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return `${settings({ padding: this.padding })}, value=${floatText(this.value)}`;
  }
}

/** Adds a value around the last 3 dims: `torch.nn.ConstantPad3d`. */
export class ConstantPad3d extends PadNd {
  /**
   * A layer with this padding.
   *
   * @param padding one number, or begin and end of each dim, the last dim first
   */
  constructor(padding: Size, value: number) {
    super(3, "constant", padding, value);
  }

  /** The settings, as PyTorch prints them. */
  override extraRepr(): string {
    return `${settings({ padding: this.padding })}, value=${floatText(this.value)}`;
  }
}

/** Adds zeros around the last dim: `torch.nn.ZeroPad1d`. */
export class ZeroPad1d extends PadNd {
  /**
   * A layer with this padding.
   *
   * @param padding one number, or begin and end of each dim, the last dim first
   */
  constructor(padding: Size) {
    super(1, "constant", padding);
  }
}

/** Adds zeros around the last 2 dims: `torch.nn.ZeroPad2d`. */
export class ZeroPad2d extends PadNd {
  /**
   * A layer with this padding.
   *
   * @param padding one number, or begin and end of each dim, the last dim first
   */
  constructor(padding: Size) {
    super(2, "constant", padding);
  }
}

/** Adds zeros around the last 3 dims: `torch.nn.ZeroPad3d`. */
export class ZeroPad3d extends PadNd {
  /**
   * A layer with this padding.
   *
   * @param padding one number, or begin and end of each dim, the last dim first
   */
  constructor(padding: Size) {
    super(3, "constant", padding);
  }
}

/** Adds the input mirrored at its edge around the last dim: `torch.nn.ReflectionPad1d`. */
export class ReflectionPad1d extends PadNd {
  /**
   * A layer with this padding.
   *
   * @param padding one number, or begin and end of each dim, the last dim first
   */
  constructor(padding: Size) {
    super(1, "reflect", padding);
  }
}

/** Adds the input mirrored at its edge around the last 2 dims: `torch.nn.ReflectionPad2d`. */
export class ReflectionPad2d extends PadNd {
  /**
   * A layer with this padding.
   *
   * @param padding one number, or begin and end of each dim, the last dim first
   */
  constructor(padding: Size) {
    super(2, "reflect", padding);
  }
}

/** Adds the input mirrored at its edge around the last 3 dims: `torch.nn.ReflectionPad3d`. */
export class ReflectionPad3d extends PadNd {
  /**
   * A layer with this padding.
   *
   * @param padding one number, or begin and end of each dim, the last dim first
   */
  constructor(padding: Size) {
    super(3, "reflect", padding);
  }
}

/** Adds the input's edge around the last dim: `torch.nn.ReplicationPad1d`. */
export class ReplicationPad1d extends PadNd {
  /**
   * A layer with this padding.
   *
   * @param padding one number, or begin and end of each dim, the last dim first
   */
  constructor(padding: Size) {
    super(1, "replicate", padding);
  }
}

/** Adds the input's edge around the last 2 dims: `torch.nn.ReplicationPad2d`. */
export class ReplicationPad2d extends PadNd {
  /**
   * A layer with this padding.
   *
   * @param padding one number, or begin and end of each dim, the last dim first
   */
  constructor(padding: Size) {
    super(2, "replicate", padding);
  }
}

/** Adds the input's edge around the last 3 dims: `torch.nn.ReplicationPad3d`. */
export class ReplicationPad3d extends PadNd {
  /**
   * A layer with this padding.
   *
   * @param padding one number, or begin and end of each dim, the last dim first
   */
  constructor(padding: Size) {
    super(3, "replicate", padding);
  }
}

/** Adds the input's other end around the last dim: `torch.nn.CircularPad1d`. */
export class CircularPad1d extends PadNd {
  /**
   * A layer with this padding.
   *
   * @param padding one number, or begin and end of each dim, the last dim first
   */
  constructor(padding: Size) {
    super(1, "circular", padding);
  }
}

/** Adds the input's other end around the last 2 dims: `torch.nn.CircularPad2d`. */
export class CircularPad2d extends PadNd {
  /**
   * A layer with this padding.
   *
   * @param padding one number, or begin and end of each dim, the last dim first
   */
  constructor(padding: Size) {
    super(2, "circular", padding);
  }
}

/** Adds the input's other end around the last 3 dims: `torch.nn.CircularPad3d`. */
export class CircularPad3d extends PadNd {
  /**
   * A layer with this padding.
   *
   * @param padding one number, or begin and end of each dim, the last dim first
   */
  constructor(padding: Size) {
    super(3, "circular", padding);
  }
}
