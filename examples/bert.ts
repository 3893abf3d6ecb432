/**
 * BERT, with the structure and the names of Hugging Face's `BertModel`, so that its checkpoints load by name:
 *
 * ```ts ignore
 * const model = new BertModel(); // the size of bert-base-uncased
 * model.loadStateDict(await torch.load("model.safetensors")); // what BertModel.save_pretrained wrote
 * ```
 *
 * The default export is a small one, with dynamic batch and sequence.
 *
 * Source: https://huggingface.co/docs/transformers/model_doc/bert
 */
import * as onnx from "@fx2onnx/fx2onnx";
import { F, nn, type Tensor, torch } from "@fx2onnx/fx2onnx/torch";

/** What {@linkcode BertModel} is told, by the names of its config.json; the defaults are bert-base-uncased. */
export interface BertConfig {
  vocab_size?: number;
  hidden_size?: number;
  num_hidden_layers?: number;
  num_attention_heads?: number;
  intermediate_size?: number;
  max_position_embeddings?: number;
  type_vocab_size?: number;
  layer_norm_eps?: number;
  hidden_dropout_prob?: number;
  attention_probs_dropout_prob?: number;
}

const BASE: Required<BertConfig> = {
  vocab_size: 30522,
  hidden_size: 768,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  intermediate_size: 3072,
  max_position_embeddings: 512,
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
  hidden_dropout_prob: 0.1,
  attention_probs_dropout_prob: 0.1,
};

type Config = Required<BertConfig>;

/** Words, their positions, and which of two sentences they are in. */
export class BertEmbeddings extends nn.Module {
  word_embeddings: nn.Embedding;
  position_embeddings: nn.Embedding;
  token_type_embeddings: nn.Embedding;
  LayerNorm: nn.LayerNorm;
  dropout: nn.Dropout;
  position_ids: nn.Buffer;

  constructor(config: Config) {
    super();
    this.word_embeddings = new nn.Embedding(config.vocab_size, config.hidden_size, { paddingIdx: 0 });
    this.position_embeddings = new nn.Embedding(config.max_position_embeddings, config.hidden_size);
    this.token_type_embeddings = new nn.Embedding(config.type_vocab_size, config.hidden_size);
    this.LayerNorm = new nn.LayerNorm(config.hidden_size, { eps: config.layer_norm_eps });
    this.dropout = new nn.Dropout(config.hidden_dropout_prob);
    // Not in the checkpoint
    const positions = torch.arange(config.max_position_embeddings).unsqueeze(0);
    this.position_ids = new nn.Buffer(positions, { persistent: false });
  }

  forward(inputIds: Tensor, tokenTypeIds: Tensor): Tensor {
    const positionIds = this.position_ids.narrow(1, 0, inputIds.shape[1]);
    let embeddings = this.word_embeddings.call(inputIds);
    embeddings = embeddings.add(this.token_type_embeddings.call(tokenTypeIds));
    embeddings = embeddings.add(this.position_embeddings.call(positionIds));
    embeddings = this.LayerNorm.call(embeddings);
    return this.dropout.call(embeddings);
  }
}

/** Attention of all words to all words that the mask leaves. */
export class BertSelfAttention extends nn.Module {
  query: nn.Linear;
  key: nn.Linear;
  value: nn.Linear;
  readonly numHeads: number;
  readonly headSize: number;
  readonly dropoutProb: number;

  constructor(config: Config) {
    super();
    this.numHeads = config.num_attention_heads;
    this.headSize = config.hidden_size / config.num_attention_heads;
    this.query = new nn.Linear(config.hidden_size, config.hidden_size);
    this.key = new nn.Linear(config.hidden_size, config.hidden_size);
    this.value = new nn.Linear(config.hidden_size, config.hidden_size);
    this.dropoutProb = config.attention_probs_dropout_prob;
  }

  forward(hidden: Tensor, mask: Tensor): Tensor {
    const [batch, sequence] = hidden.shape;
    const split = (x: Tensor): Tensor => x.view([batch, sequence, this.numHeads, this.headSize]).transpose(1, 2);
    const query = split(this.query.call(hidden));
    const key = split(this.key.call(hidden));
    const value = split(this.value.call(hidden));
    const context = F.scaledDotProductAttention(query, key, value, {
      attnMask: mask,
      dropoutP: this.training ? this.dropoutProb : 0,
    });
    return context.transpose(1, 2).reshape([batch, sequence, this.numHeads * this.headSize]);
  }
}

/** A linear layer, the input added, and a norm: after attention, and at the end of a layer. */
export class BertOutput extends nn.Module {
  dense: nn.Linear;
  LayerNorm: nn.LayerNorm;
  dropout: nn.Dropout;

  constructor(inFeatures: number, config: Config) {
    super();
    this.dense = new nn.Linear(inFeatures, config.hidden_size);
    this.LayerNorm = new nn.LayerNorm(config.hidden_size, { eps: config.layer_norm_eps });
    this.dropout = new nn.Dropout(config.hidden_dropout_prob);
  }

  forward(hidden: Tensor, input: Tensor): Tensor {
    hidden = this.dense.call(hidden);
    hidden = this.dropout.call(hidden);
    return this.LayerNorm.call(hidden.add(input));
  }
}

/** Attention with what follows it. */
export class BertAttention extends nn.Module {
  self: BertSelfAttention;
  output: BertOutput;

  constructor(config: Config) {
    super();
    this.self = new BertSelfAttention(config);
    this.output = new BertOutput(config.hidden_size, config);
  }

  forward(hidden: Tensor, mask: Tensor): Tensor {
    return this.output.call(this.self.call(hidden, mask), hidden);
  }
}

/** The wide linear layer between. */
export class BertIntermediate extends nn.Module {
  dense: nn.Linear;

  constructor(config: Config) {
    super();
    this.dense = new nn.Linear(config.hidden_size, config.intermediate_size);
  }

  forward(hidden: Tensor): Tensor {
    return F.gelu(this.dense.call(hidden));
  }
}

/** One of the layers. */
export class BertLayer extends nn.Module {
  attention: BertAttention;
  intermediate: BertIntermediate;
  output: BertOutput;

  constructor(config: Config) {
    super();
    this.attention = new BertAttention(config);
    this.intermediate = new BertIntermediate(config);
    this.output = new BertOutput(config.intermediate_size, config);
  }

  forward(hidden: Tensor, mask: Tensor): Tensor {
    hidden = this.attention.call(hidden, mask);
    return this.output.call(this.intermediate.call(hidden), hidden);
  }
}

/** All layers. */
export class BertEncoder extends nn.Module {
  layer: nn.ModuleList<BertLayer>;

  constructor(config: Config) {
    super();
    this.layer = new nn.ModuleList(Array.from({ length: config.num_hidden_layers }, () => new BertLayer(config)));
  }

  forward(hidden: Tensor, mask: Tensor): Tensor {
    for (const layer of this.layer) hidden = layer.call(hidden, mask);
    return hidden;
  }
}

/** The first word, which stands for the whole. */
export class BertPooler extends nn.Module {
  dense: nn.Linear;

  constructor(config: Config) {
    super();
    this.dense = new nn.Linear(config.hidden_size, config.hidden_size);
  }

  forward(hidden: Tensor): Tensor {
    return torch.tanh(this.dense.call(hidden.select(1, 0)));
  }
}

/** Words [N, S] to vectors [N, S, hidden_size], and one [N, hidden_size] for each text. */
export class BertModel extends nn.Module {
  embeddings: BertEmbeddings;
  encoder: BertEncoder;
  pooler: BertPooler;

  constructor(config: BertConfig = {}) {
    super();
    const all = { ...BASE, ...config };
    this.embeddings = new BertEmbeddings(all);
    this.encoder = new BertEncoder(all);
    this.pooler = new BertPooler(all);
  }

  /**
   * @param inputIds words
   * @param attentionMask 1 for words, 0 for what only fills the text
   * @param tokenTypeIds 0 for the first sentence, 1 for the second
   */
  forward(
    inputIds: Tensor,
    attentionMask: Tensor,
    tokenTypeIds: Tensor,
  ): { last_hidden_state: Tensor; pooler_output: Tensor } {
    const mask = attentionMask.unsqueeze(1).unsqueeze(1).to("bool"); // [N, 1, 1, S]
    const hidden = this.encoder.call(this.embeddings.call(inputIds, tokenTypeIds), mask);
    return { last_hidden_state: hidden, pooler_output: this.pooler.call(hidden) };
  }
}

/** The size of the default export. */
export const tinyBert: BertConfig = {
  vocab_size: 64,
  hidden_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  intermediate_size: 48,
  max_position_embeddings: 24,
};

// There are no more positions than these
const dims = { 0: "batch", 1: new onnx.Dim("sequence", { max: 24 }) };

export default {
  model: new BertModel(tinyBert).eval(),
  args: [
    torch.randint(64, [2, 7]),
    torch.ones([2, 7], { dtype: "int64" }),
    torch.zeros([2, 7], { dtype: "int64" }),
  ],
  dynamicShapes: [dims, dims, dims],
  inputNames: ["input_ids", "attention_mask", "token_type_ids"],
  outputNames: ["last_hidden_state", "pooler_output"],
};
