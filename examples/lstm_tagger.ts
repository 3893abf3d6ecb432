/**
 * A tagger of words, with the names of PyTorch's tutorial on sequence models, here with a batch, two layers and both
 * directions. The default export has dynamic batch and sequence.
 *
 * Source: https://docs.pytorch.org/tutorials/beginner/nlp/sequence_models_tutorial.html
 */
import { F, nn, type Tensor, torch } from "@fx2onnx/fx2onnx/torch";

/** Words [N, S] to logarithms of probabilities of tags [N, S, tagsetSize]. */
export class LSTMTagger extends nn.Module {
  word_embeddings: nn.Embedding;
  lstm: nn.LSTM;
  hidden2tag: nn.Linear;

  constructor(embeddingDim: number, hiddenDim: number, vocabSize: number, tagsetSize: number) {
    super();
    this.word_embeddings = new nn.Embedding(vocabSize, embeddingDim);

    // The LSTM takes word embeddings as inputs, and outputs hidden states with dimensionality hiddenDim
    this.lstm = new nn.LSTM(embeddingDim, hiddenDim, { numLayers: 2, batchFirst: true, bidirectional: true });

    // The linear layer that maps from hidden state space to tag space
    this.hidden2tag = new nn.Linear(2 * hiddenDim, tagsetSize);
  }

  forward(sentence: Tensor): Tensor {
    const embeds = this.word_embeddings.call(sentence);
    const [lstmOut] = this.lstm.call(embeds);
    const tagSpace = this.hidden2tag.call(lstmOut);
    return F.logSoftmax(tagSpace, 2);
  }
}

export default {
  model: new LSTMTagger(12, 16, 40, 5).eval(),
  args: [torch.randint(40, [2, 6])],
  dynamicShapes: [{ 0: "batch", 1: "sequence" }],
  inputNames: ["sentence"],
  outputNames: ["tag_scores"],
};
