/**
 * A vision transformer, with the structure and the names of torchvision's, so that its checkpoints load by name:
 *
 * ```ts ignore
 * const model = new VisionTransformer(); // ViT-B/16
 * model.loadStateDict(await torch.load("vit_b_16-c867db91.pth"));
 * ```
 *
 * The default export is a small one, with a dynamic batch.
 *
 * Source: https://docs.pytorch.org/vision/stable/models/vision_transformer.html
 */
import { nn, type Tensor, torch } from "@fx2onnx/fx2onnx/torch";

/** Two linear layers, under the names that torchvision's MLP has. */
export class MLPBlock extends nn.Sequential {
  constructor(inDim: number, mlpDim: number, dropout: number) {
    super(
      new nn.Linear(inDim, mlpDim),
      new nn.GELU(),
      new nn.Dropout(dropout),
      new nn.Linear(mlpDim, inDim),
      new nn.Dropout(dropout),
    );
  }

  /** Checkpoints have the names of torchvision's first release. */
  override upgradeState(state: Map<string, unknown>, prefix: string): void {
    for (const [before, now] of [["linear_1", "0"], ["linear_2", "3"]]) {
      for (const name of ["weight", "bias"]) {
        const tensor = state.get(`${prefix}${before}.${name}`);
        if (tensor === undefined) continue;
        state.set(`${prefix}${now}.${name}`, tensor);
        state.delete(`${prefix}${before}.${name}`);
      }
    }
  }
}

/** Attention and two linear layers, each after a norm. */
export class EncoderBlock extends nn.Module {
  ln_1: nn.LayerNorm;
  self_attention: nn.MultiheadAttention;
  dropout: nn.Dropout;
  ln_2: nn.LayerNorm;
  mlp: MLPBlock;

  constructor(numHeads: number, hiddenDim: number, mlpDim: number, dropout: number) {
    super();
    this.ln_1 = new nn.LayerNorm(hiddenDim, { eps: 1e-6 });
    this.self_attention = new nn.MultiheadAttention(hiddenDim, numHeads, { dropout, batchFirst: true });
    this.dropout = new nn.Dropout(dropout);
    this.ln_2 = new nn.LayerNorm(hiddenDim, { eps: 1e-6 });
    this.mlp = new MLPBlock(hiddenDim, mlpDim, dropout);
  }

  forward(input: Tensor): Tensor {
    let x = this.ln_1.call(input);
    [x] = this.self_attention.call(x, x, x, { needWeights: false });
    x = this.dropout.call(x);
    x = x.add(input);

    let y = this.ln_2.call(x);
    y = this.mlp.call(y);
    return x.add(y);
  }
}

/** Adds positions, then runs the blocks. */
export class Encoder extends nn.Module {
  pos_embedding: nn.Parameter;
  dropout: nn.Dropout;
  layers: nn.Sequential;
  ln: nn.LayerNorm;

  constructor(seqLength: number, { numLayers, numHeads, hiddenDim, mlpDim, dropout }: Required<ViTOptions>) {
    super();
    this.pos_embedding = new nn.Parameter(torch.empty([1, seqLength, hiddenDim]).normal_(0, 0.02));
    this.dropout = new nn.Dropout(dropout);
    const blocks = Array.from(
      { length: numLayers },
      (_, i) => [`encoder_layer_${i}`, new EncoderBlock(numHeads, hiddenDim, mlpDim, dropout)] as const,
    );
    this.layers = new nn.Sequential(new Map(blocks));
    this.ln = new nn.LayerNorm(hiddenDim, { eps: 1e-6 });
  }

  forward(input: Tensor): Tensor {
    input = input.add(this.pos_embedding);
    return this.ln.call(this.layers.call(this.dropout.call(input)));
  }
}

/** What {@linkcode VisionTransformer} is told; the defaults are ViT-B/16. */
export interface ViTOptions {
  imageSize?: number;
  patchSize?: number;
  numLayers?: number;
  numHeads?: number;
  hiddenDim?: number;
  mlpDim?: number;
  dropout?: number;
  numClasses?: number;
}

/** Images [N, 3, imageSize, imageSize] to scores [N, numClasses]. */
export class VisionTransformer extends nn.Module {
  conv_proj: nn.Conv2d;
  class_token: nn.Parameter;
  encoder: Encoder;
  heads: nn.Sequential;
  readonly options: Required<ViTOptions>;

  constructor(options: ViTOptions = {}) {
    super();
    this.options = {
      imageSize: 224,
      patchSize: 16,
      numLayers: 12,
      numHeads: 12,
      hiddenDim: 768,
      mlpDim: 3072,
      dropout: 0,
      numClasses: 1000,
      ...options,
    };
    const { imageSize, patchSize, hiddenDim, numClasses } = this.options;
    this.conv_proj = new nn.Conv2d(3, hiddenDim, patchSize, { stride: patchSize });
    this.class_token = new nn.Parameter(torch.zeros([1, 1, hiddenDim]));
    this.encoder = new Encoder((imageSize / patchSize) ** 2 + 1, this.options);
    this.heads = new nn.Sequential({ head: new nn.Linear(hiddenDim, numClasses) });
  }

  forward(x: Tensor): Tensor {
    const { imageSize, patchSize, hiddenDim } = this.options;
    const n = x.shape[0];

    // (n, c, h, w) -> (n, hidden_dim, n_h, n_w) -> (n, n_h * n_w, hidden_dim)
    x = this.conv_proj.call(x);
    x = x.reshape([n, hiddenDim, (imageSize / patchSize) ** 2]);
    x = x.permute([0, 2, 1]);

    // Expand the class token to the full batch
    const batchClassToken = this.class_token.expand([n, -1, -1]);
    x = torch.cat([batchClassToken, x], 1);

    x = this.encoder.call(x);

    // Classifier "token" as used by standard language architectures
    x = x.select(1, 0);
    return this.heads.call(x);
  }
}

export default {
  model: new VisionTransformer({
    imageSize: 32,
    patchSize: 8,
    numLayers: 2,
    numHeads: 4,
    hiddenDim: 32,
    mlpDim: 64,
    numClasses: 10,
  }).eval(),
  args: [torch.randn([2, 3, 32, 32])],
  dynamicShapes: [{ 0: "batch" }],
  inputNames: ["images"],
  outputNames: ["logits"],
};
