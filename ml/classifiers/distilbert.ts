import type * as tf from '@tensorflow/tfjs';
import { embed } from '../engine/embedding.ts';
import { tensorflow } from '../engine/engine.ts';
import { layerNorm } from '../engine/layer-norm.ts';
import { linear } from '../engine/linear.ts';
import { ConfigError, configReader } from '../models/config.ts';
import { readParameters } from '../models/load.ts';
import { activation } from '../models/parts/activation.ts';
import { type AttentionBias, paddingBias } from '../models/parts/attention.ts';
import { groupedAttention } from '../models/parts/grouped-attention.ts';
import { type ParameterAccess, ParameterList, parameterAccess } from '../models/parts/parameter-list.ts';
import { refuseFields } from '../models/parts/refused-fields.ts';
import { labelsOf } from './labels.ts';
import type { SequenceClassifier } from './types.ts';

/**
 * DistilBERT (Sanh et al. 2019, arXiv 1910.01108): BERT's encoder without segment embeddings and pooler, normalised after
 * each residual, every token seeing every other:
 *
 *   x = norm(E[ids] + P[0..T-1])
 *   h = norm1(x + W_o attention(x) + b_o);   block(x) = norm2(h + W_2 gelu(W_1 h + b_1) + b_2)
 *   logits = W_c relu(W_p x[0] + b_p) + b_c           x[0]: the first token, [CLS]
 *
 * As `DistilBertForSequenceClassification` of transformers 5.17. Normalisations have eps 1e-12, whatever the config.
 */
export const DISTILBERT_CLASSIFIER = 'DistilBertForSequenceClassification';

const EPSILON = 1e-12;

const EMBEDDINGS = 'distilbert.embeddings.';
const layerPrefix = (layer: number) => `distilbert.transformer.layer.${layer}.`;

interface Settings {
  layers: number;
  width: number;
  inner: number;
  heads: number;
  vocabulary: number;
  maxPositions: number;
  /** Its embedding is never trained; null: there is none. */
  padId: number | null;
  labels: string[];
  activate: (x: tf.Tensor2D) => tf.Tensor2D;
}

/** Reads a saved classifier. @throws ConfigError, SafetensorsError: see `loadClassifier` */
export function openDistilbert(directory: string, config: Record<string, unknown>): SequenceClassifier {
  const settings = readSettings(config);
  const parameters = readParameters(directory, {
    parameters: describe(settings),
    basePrefix: 'distilbert.',
    // A table of positions that older versions saved.
    ignored: /embeddings\.position_ids$/,
  });
  return new Distilbert(config, settings, parameters);
}

function readSettings(config: Record<string, unknown>): Settings {
  refuseFields(config, { is_decoder: [false] });
  const read = configReader(config);
  // Attention heads that were cut out leave projections of other shapes.
  if (Object.keys(read.object('pruned_heads') ?? {}).length > 0)
    throw new ConfigError('config.json: "pruned_heads" names heads, which is not supported for distilbert');
  const width = read.integer('dim', 768);
  const heads = read.integer('n_heads', 12);
  if (width % heads !== 0)
    throw new ConfigError(`config.json: dim ${width} is not a multiple of n_heads ${heads}`);
  return {
    layers: read.integer('n_layers', 6),
    width,
    inner: read.integer('hidden_dim', 3072),
    heads,
    vocabulary: read.integer('vocab_size', 30522),
    maxPositions: read.integer('max_position_embeddings', 512),
    padId: config.pad_token_id === undefined ? 0 : read.optionalInteger('pad_token_id'),
    labels: labelsOf(config),
    activate: activation(read.string('activation', 'gelu')),
  };
}

function describe({ layers, width, inner, vocabulary, maxPositions, labels }: Settings) {
  const list = new ParameterList();
  list.matrix(`${EMBEDDINGS}word_embeddings.weight`, vocabulary, width);
  list.matrix(`${EMBEDDINGS}position_embeddings.weight`, maxPositions, width);
  list.layerNorm(`${EMBEDDINGS}LayerNorm`, width);
  for (let layer = 0; layer < layers; layer++) {
    const block = layerPrefix(layer);
    for (const name of ['q_lin', 'k_lin', 'v_lin', 'out_lin'])
      list.linear(`${block}attention.${name}`, width, width, true);
    list.layerNorm(`${block}sa_layer_norm`, width);
    list.linear(`${block}ffn.lin1`, inner, width, true);
    list.linear(`${block}ffn.lin2`, width, inner, true);
    list.layerNorm(`${block}output_layer_norm`, width);
  }
  list.linear('pre_classifier', width, width, true);
  list.linear('classifier', labels.length, width, true);
  return list.entries;
}

class Distilbert implements SequenceClassifier {
  readonly labels: readonly string[];
  readonly maxPositions: number;
  private readonly access: ParameterAccess;

  constructor(
    readonly config: Record<string, unknown>,
    private readonly settings: Settings,
    readonly parameters: ReadonlyMap<string, tf.Variable>,
  ) {
    this.labels = settings.labels;
    this.maxPositions = settings.maxPositions;
    this.access = parameterAccess((name) => parameters.get(name) as tf.Variable);
  }

  logits(rows: readonly (readonly number[])[]): tf.Tensor2D {
    const tf = tensorflow();
    const batch = rows.length;
    const length = Math.max(...rows.map((row) => row.length));
    if (length > this.maxPositions)
      throw new RangeError(`A row has ${length} tokens, the classifier ${this.maxPositions} positions`);
    const ids = new Int32Array(batch * length).fill(this.settings.padId ?? 0);
    const real = new Uint8Array(batch * length);
    const first = new Int32Array(batch);
    for (const [i, row] of rows.entries()) {
      if (row.length === 0) throw new RangeError(`Row ${i} has no tokens: there is nothing to read`);
      ids.set(row, i * length);
      real.fill(1, i * length, i * length + row.length);
      first[i] = i * length;
    }
    const padded = rows.some((row) => row.length < length);
    return tf.tidy(() => {
      const bias = padded ? paddingBias(real, batch, length) : null;
      let x_ND = this.embed(ids, length);
      for (let layer = 0; layer < this.settings.layers; layer++)
        x_ND = this.block(x_ND, layer, batch, length, bias);
      const first_BD = embed(x_ND, tf.tensor1d(first, 'int32'));
      return this.linear(this.linear(first_BD, 'pre_classifier').relu(), 'classifier');
    });
  }

  private embed(ids: Int32Array, length: number): tf.Tensor2D {
    const tf = tensorflow();
    const { matrix } = this.access;
    const words = matrix(`${EMBEDDINGS}word_embeddings.weight`);
    const places = Int32Array.from(ids, (_, i) => i % length);
    const words_ND = embed(words, tf.tensor1d(ids, 'int32'), this.settings.padId);
    const places_ND = embed(matrix(`${EMBEDDINGS}position_embeddings.weight`), tf.tensor1d(places, 'int32'));
    return this.norm(words_ND.add(places_ND), `${EMBEDDINGS}LayerNorm`);
  }

  private block(
    x_ND: tf.Tensor2D,
    layer: number,
    batch: number,
    length: number,
    bias: AttentionBias | null,
  ): tf.Tensor2D {
    const { heads, width, activate } = this.settings;
    const name = layerPrefix(layer);
    const headSize = width / heads;
    const shape = { batch, positions: length, heads, keyHeads: heads, headSize };
    const [q, k, v] = ['q_lin', 'k_lin', 'v_lin'].map((part) =>
      this.linear(x_ND, `${name}attention.${part}`),
    ) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
    const seen_ND = groupedAttention(q, k, v, shape, { scale: 1 / Math.sqrt(headSize) }, bias);
    const h_ND = this.norm(
      x_ND.add(this.linear(seen_ND, `${name}attention.out_lin`)),
      `${name}sa_layer_norm`,
    );
    const inner = activate(this.linear(h_ND, `${name}ffn.lin1`));
    return this.norm(h_ND.add(this.linear(inner, `${name}ffn.lin2`)), `${name}output_layer_norm`);
  }

  private linear(x: tf.Tensor2D, name: string): tf.Tensor2D {
    const { matrix, vector } = this.access;
    return linear(x, matrix(`${name}.weight`), vector(`${name}.bias`));
  }

  private norm(x: tf.Tensor2D, name: string): tf.Tensor2D {
    const { vector } = this.access;
    return layerNorm(x, vector(`${name}.weight`), vector(`${name}.bias`), EPSILON);
  }

  dispose(): void {
    for (const parameter of this.parameters.values()) parameter.dispose();
  }
}
