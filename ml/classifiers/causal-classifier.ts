import type * as tf from '@tensorflow/tfjs';
import { embed } from '../engine/embedding.ts';
import { tensorflow } from '../engine/engine.ts';
import { linear } from '../engine/linear.ts';
import { architectureOf } from '../models/architectures.ts';
import { causalModel } from '../models/causal-model.ts';
import { readConfig, readingCheckpoint, readParameters } from '../models/load.ts';
import type { LanguageModel } from '../models/types.ts';
import type { RandomStream } from '../random/stream.ts';
import { labelFields, labelsOf } from './labels.ts';
import type { SequenceClassifier } from './types.ts';

/**
 * The trunk of a causal language model with a linear head without bias on its last real position, after the final norm:
 *
 *   logits = W_LD hidden[last]         W_LD is the tensor `score.weight`
 *
 * As `GPTNeoXForSequenceClassification`, `GPT2...`, `GPTNeo...`, `Llama...`, `Qwen2...`, `Qwen3...`, `Gemma...` of
 * transformers 5.17. As there, a row is read at its last token that is not `pad_token_id`, also where that token was meant:
 * a tokenizer that pads with its end-of-text token makes classifiers that do not read it.
 */
export interface CausalClassifier extends SequenceClassifier {
  /** Everything but the head. It has no unembedding of its own: do not use it to predict tokens. */
  readonly trunk: LanguageModel;
  /** `score.weight` alone, by its name. */
  readonly head: ReadonlyMap<string, tf.Variable>;
}

const HEAD = 'score.weight';

/** Classes of transformers, by `model_type`. */
export const CAUSAL_CLASSIFIERS: Readonly<Record<string, string>> = {
  gemma: 'GemmaForSequenceClassification',
  gpt2: 'GPT2ForSequenceClassification',
  gpt_neo: 'GPTNeoForSequenceClassification',
  gpt_neox: 'GPTNeoXForSequenceClassification',
  llama: 'LlamaForSequenceClassification',
  qwen2: 'Qwen2ForSequenceClassification',
  qwen3: 'Qwen3ForSequenceClassification',
};

/** Reads a saved classifier. @throws ConfigError, SafetensorsError: see `loadClassifier` */
export function openCausalClassifier(directory: string, config: Record<string, unknown>): CausalClassifier {
  const { description, trunkConfig } = trunkOf(config);
  const head = { name: HEAD, shape: [labelsOf(config).length, description.width], start: 'normal' as const };
  const parameters = readParameters(directory, {
    ...description,
    parameters: [...description.parameters, head],
  });
  const score = parameters.get(HEAD) as tf.Variable;
  parameters.delete(HEAD);
  return new TrunkWithHead(config, causalModel(architectureOf(config), trunkConfig, parameters), score);
}

export interface NewHead {
  /** Names of the outputs: `['reward']`. */
  labels: readonly string[];
  /** What texts will be padded with: `padId` of the model's tokenizer. */
  padId: number;
  draws: RandomStream;
}

/**
 * A classifier over the trunk of the language model in `directory`, its head drawn from N(0, initializer_range) as
 * transformers does.
 * @throws ComputeError bad-model
 */
export function classifierFromModel(directory: string, { labels, padId, draws }: NewHead): CausalClassifier {
  return readingCheckpoint(directory, () => {
    const modelConfig = readConfig(directory);
    const { description, trunkConfig } = trunkOf(modelConfig);
    const { ignored, width, initializerRange } = description;
    const parameters = readParameters(directory, {
      ...description,
      // The unembedding of the language model has no place here.
      ignored: new RegExp(`${ignored.source}|^(lm_head|embed_out)\\.weight$`),
    });
    const tf = tensorflow();
    const start = draws.normals(labels.length * width, initializerRange);
    const score = tf.tidy(() => tf.variable(tf.tensor2d(start, [labels.length, width])));
    const { modelType } = architectureOf(modelConfig);
    const config = {
      ...modelConfig,
      architectures: [CAUSAL_CLASSIFIERS[modelType] as string],
      ...labelFields(labels),
      pad_token_id: padId,
    };
    return new TrunkWithHead(
      config,
      causalModel(architectureOf(modelConfig), trunkConfig, parameters),
      score,
    );
  });
}

/** Tied embeddings leave a description without an unembedding of its own, which is the trunk. */
function trunkOf(config: Record<string, unknown>) {
  const trunkConfig = { ...config, tie_word_embeddings: true };
  return { trunkConfig, description: architectureOf(config).describe(trunkConfig) };
}

class TrunkWithHead implements CausalClassifier {
  readonly labels: readonly string[];
  readonly maxPositions: number;
  readonly parameters: ReadonlyMap<string, tf.Variable>;
  readonly head: ReadonlyMap<string, tf.Variable>;
  private readonly padId: number | null;

  constructor(
    readonly config: Record<string, unknown>,
    readonly trunk: LanguageModel,
    private readonly score: tf.Variable,
  ) {
    this.labels = labelsOf(config);
    this.maxPositions = trunk.maxPositions;
    this.head = new Map([[HEAD, score]]);
    this.parameters = new Map([...trunk.parameters, ...this.head]);
    this.padId = Number.isInteger(config.pad_token_id) ? (config.pad_token_id as number) : null;
  }

  logits(rows: readonly (readonly number[])[]): tf.Tensor2D {
    const tf = tensorflow();
    const { trunk, padId } = this;
    const width = Math.max(...rows.map((row) => row.length));
    // Causal attention keeps what follows a row from being seen, so that any id pads.
    const ids = new Int32Array(rows.length * width);
    const last = new Int32Array(rows.length);
    for (const [i, row] of rows.entries()) {
      if (row.length === 0) throw new RangeError(`Row ${i} has no tokens: there is nothing to read`);
      ids.set(row, i * width);
      last[i] = i * width + lastRead(row, padId);
    }
    return tf.tidy(() => {
      const hidden_BTD = trunk.forward(tf.tensor2d(ids, [rows.length, width], 'int32'));
      const hidden_ND = hidden_BTD.reshape<tf.Tensor2D>([rows.length * width, trunk.width]);
      const last_BD = embed(hidden_ND, tf.tensor1d(last, 'int32'));
      return linear(last_BD, this.score as unknown as tf.Tensor2D);
    });
  }

  dispose(): void {
    this.trunk.dispose();
    this.score.dispose();
  }
}

/** The last token that does not pad; the first where all do. */
function lastRead(row: readonly number[], padId: number | null): number {
  if (padId === null) return row.length - 1;
  return Math.max(
    0,
    row.findLastIndex((id) => id !== padId),
  );
}
