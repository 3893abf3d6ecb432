/**
 * GPT-2, with the structure and the names of Hugging Face's `GPT2LMHeadModel`, so that its checkpoints load by name:
 *
 * ```ts ignore
 * const model = new GPT2LMHeadModel(); // the size of gpt2
 * // What save_pretrained wrote leaves out the head, which is tied to the words' vectors.
 * model.loadStateDict(await torch.load("model.safetensors"), { strict: false });
 * ```
 *
 * The default export is a small one, with dynamic batch and sequence.
 *
 * Source: https://huggingface.co/docs/transformers/model_doc/gpt2
 */
import * as onnx from "@fx2onnx/fx2onnx";
import { F, nn, type Tensor, torch } from "@fx2onnx/fx2onnx/torch";

/** What {@linkcode GPT2LMHeadModel} is told, by the names of its config.json; the defaults are gpt2, the small one. */
export interface GPT2Config {
  vocab_size?: number;
  n_positions?: number;
  n_embd?: number;
  n_layer?: number;
  n_head?: number;
  layer_norm_epsilon?: number;
  resid_pdrop?: number;
  embd_pdrop?: number;
  attn_pdrop?: number;
}

const SMALL: Required<GPT2Config> = {
  vocab_size: 50257,
  n_positions: 1024,
  n_embd: 768,
  n_layer: 12,
  n_head: 12,
  layer_norm_epsilon: 1e-5,
  resid_pdrop: 0.1,
  embd_pdrop: 0.1,
  attn_pdrop: 0.1,
};

type Config = Required<GPT2Config>;

/** A linear layer whose weight is transposed, as in OpenAI's checkpoint. */
export class Conv1D extends nn.Module {
  weight: nn.Parameter;
  bias: nn.Parameter;
  readonly nf: number;

  constructor(nf: number, nx: number) {
    super();
    this.nf = nf;
    this.weight = new nn.Parameter(torch.empty([nx, nf]).normal_(0, 0.02));
    this.bias = new nn.Parameter(torch.zeros([nf]));
  }

  forward(x: Tensor): Tensor {
    const [batch, sequence, nx] = x.shape;
    return torch.addmm(this.bias, x.view([-1, nx]), this.weight).view([batch, sequence, this.nf]);
  }
}

/** Attention of each word to those before it. */
export class GPT2Attention extends nn.Module {
  c_attn: Conv1D;
  c_proj: Conv1D;
  resid_dropout: nn.Dropout;
  readonly config: Config;

  constructor(config: Config) {
    super();
    this.config = config;
    this.c_attn = new Conv1D(3 * config.n_embd, config.n_embd);
    this.c_proj = new Conv1D(config.n_embd, config.n_embd);
    this.resid_dropout = new nn.Dropout(config.resid_pdrop);
  }

  forward(hidden: Tensor): Tensor {
    const { n_embd, n_head, attn_pdrop } = this.config;
    const [batch, sequence] = hidden.shape;
    const [query, key, value] = this.c_attn.call(hidden).split(n_embd, 2).map((x) =>
      x.view([batch, sequence, n_head, n_embd / n_head]).transpose(1, 2)
    );
    const dropoutP = this.training ? attn_pdrop : 0;
    const attended = F.scaledDotProductAttention(query, key, value, { dropoutP, isCausal: true });
    const merged = attended.transpose(1, 2).reshape([batch, sequence, n_embd]);
    return this.resid_dropout.call(this.c_proj.call(merged));
  }
}

/** Two linear layers. */
export class GPT2MLP extends nn.Module {
  c_fc: Conv1D;
  c_proj: Conv1D;
  act = new nn.GELU("tanh");
  dropout: nn.Dropout;

  constructor(config: Config) {
    super();
    this.c_fc = new Conv1D(4 * config.n_embd, config.n_embd);
    this.c_proj = new Conv1D(config.n_embd, 4 * config.n_embd);
    this.dropout = new nn.Dropout(config.resid_pdrop);
  }

  forward(hidden: Tensor): Tensor {
    return this.dropout.call(this.c_proj.call(this.act.call(this.c_fc.call(hidden))));
  }
}

/** One of the layers. */
export class GPT2Block extends nn.Module {
  ln_1: nn.LayerNorm;
  attn: GPT2Attention;
  ln_2: nn.LayerNorm;
  mlp: GPT2MLP;

  constructor(config: Config) {
    super();
    this.ln_1 = new nn.LayerNorm(config.n_embd, { eps: config.layer_norm_epsilon });
    this.attn = new GPT2Attention(config);
    this.ln_2 = new nn.LayerNorm(config.n_embd, { eps: config.layer_norm_epsilon });
    this.mlp = new GPT2MLP(config);
  }

  forward(hidden: Tensor): Tensor {
    hidden = hidden.add(this.attn.call(this.ln_1.call(hidden)));
    return hidden.add(this.mlp.call(this.ln_2.call(hidden)));
  }
}

/** Words [N, S] to vectors [N, S, n_embd]. */
export class GPT2Model extends nn.Module {
  wte: nn.Embedding;
  wpe: nn.Embedding;
  drop: nn.Dropout;
  h: nn.ModuleList<GPT2Block>;
  ln_f: nn.LayerNorm;

  constructor(config: Config) {
    super();
    this.wte = new nn.Embedding(config.vocab_size, config.n_embd);
    this.wpe = new nn.Embedding(config.n_positions, config.n_embd);
    this.drop = new nn.Dropout(config.embd_pdrop);
    this.h = new nn.ModuleList(Array.from({ length: config.n_layer }, () => new GPT2Block(config)));
    this.ln_f = new nn.LayerNorm(config.n_embd, { eps: config.layer_norm_epsilon });
  }

  forward(inputIds: Tensor): Tensor {
    const positions = torch.arange(inputIds.shape[1]).unsqueeze(0);
    let hidden = this.wte.call(inputIds).add(this.wpe.call(positions));
    hidden = this.drop.call(hidden);
    for (const block of this.h) hidden = block.call(hidden);
    return this.ln_f.call(hidden);
  }
}

/** Words [N, S] to scores of the words that follow [N, S, vocab_size]. */
export class GPT2LMHeadModel extends nn.Module {
  transformer: GPT2Model;
  lm_head: nn.Linear;

  constructor(config: GPT2Config = {}) {
    super();
    const all = { ...SMALL, ...config };
    this.transformer = new GPT2Model(all);
    this.lm_head = new nn.Linear(all.n_embd, all.vocab_size, { bias: false });
    // Words have the same vectors where they come in and where they go out
    this.lm_head.weight = this.transformer.wte.weight;
  }

  forward(inputIds: Tensor): Tensor {
    return this.lm_head.call(this.transformer.call(inputIds));
  }
}

/** The size of the default export. */
export const tinyGPT2: GPT2Config = { vocab_size: 64, n_positions: 24, n_embd: 32, n_layer: 2, n_head: 4 };

export default {
  model: new GPT2LMHeadModel(tinyGPT2).eval(),
  args: [torch.randint(64, [2, 7])],
  // There are no more positions than these
  dynamicShapes: [{ 0: "batch", 1: new onnx.Dim("sequence", { max: 24 }) }],
  inputNames: ["input_ids"],
  outputNames: ["logits"],
};
