import type * as tf from '@tensorflow/tfjs';
import { embed } from '../engine/embedding.ts';
import { layerNorms, type Normalise } from '../engine/layer-norm.ts';
import { linear } from '../engine/linear.ts';
import { addBoth } from '../engine/residual.ts';
import type {
  Architecture,
  ModelDescription,
  Network,
  ParameterDescription,
  Places,
} from './architecture.ts';
import { ConfigError, configReader } from './config.ts';
import { activation } from './parts/activation.ts';
import { attention, type PositionTables } from './parts/attention.ts';
import { cachedAttention } from './parts/key-value-cache.ts';
import { refuseFields } from './parts/refused-fields.ts';
import { RotaryPlaces } from './parts/rotary.ts';
import { defaultFrequencies } from './parts/rotary-frequencies.ts';

/**
 * GPT-NeoX (Black et al. 2022, arXiv 2204.06745), the architecture of Pythia:
 *
 *   parallel:    x + attention(norm1(x)) + mlp(norm2(x))
 *   sequential:  h = x + attention(norm1(x));  h + mlp(norm2(h))
 *   mlp(x) = W2 gelu(W1 x + b1) + b2           rotary positions on the first part of each head
 */
export const gptNeoX: Architecture = { modelType: 'gpt_neox', describe };

interface Settings {
  layers: number;
  width: number;
  heads: number;
  headSize: number;
  epsilon: number;
  parallel: boolean;
  tied: boolean;
  attentionBias: boolean;
  activate: (x: tf.Tensor2D) => tf.Tensor2D;
  rotated: number;
  rotaryBase: number;
  maxPositions: number;
}

const PREFIX = 'gpt_neox.';
const blockPrefix = (layer: number) => `${PREFIX}layers.${layer}.`;

function describe(config: Record<string, unknown>): ModelDescription {
  const read = configReader(config);
  refuseFields(config);
  const settings = readSettings(config);
  const { layers, width, maxPositions } = settings;
  const vocabulary = read.integer('vocab_size');
  return {
    layers,
    width,
    vocabulary,
    maxPositions,
    initializerRange: read.number('initializer_range', 0.02),
    parameters: parameters(settings, vocabulary, read.integer('intermediate_size')),
    basePrefix: PREFIX,
    ignored: /\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)$/,
    blockPrefix,
    build: (parameter) => network(settings, parameter),
  };
}

function readSettings(config: Record<string, unknown>): Settings {
  const read = configReader(config);
  const width = read.integer('hidden_size');
  const heads = read.integer('num_attention_heads');
  if (width % heads !== 0)
    throw new ConfigError(
      `config.json: hidden_size ${width} is not a multiple of num_attention_heads ${heads}`,
    );
  const rope = configReader(read.object('rope_parameters') ?? {}, 'config.json, rope_parameters');
  const type = rope.string('rope_type', 'default');
  const scaling = read.object('rope_scaling');
  if (type !== 'default' || scaling) {
    throw new ConfigError(
      `config.json: rotary scaling ${JSON.stringify(scaling ?? type)} is not supported for gpt_neox`,
    );
  }
  const headSize = width / heads;
  const fraction = rope.number(
    'partial_rotary_factor',
    read.number('partial_rotary_factor', read.number('rotary_pct', 0.25)),
  );
  const rotated = Math.floor(headSize * fraction);
  if (rotated % 2 !== 0)
    throw new ConfigError(
      `config.json: ${fraction} of ${headSize} head dimensions are ${rotated}, an odd number: rotary positions need pairs`,
    );
  return {
    layers: read.integer('num_hidden_layers'),
    width,
    heads,
    headSize,
    epsilon: read.number('layer_norm_eps', 1e-5),
    parallel: read.boolean('use_parallel_residual', true),
    tied: read.boolean('tie_word_embeddings', false),
    attentionBias: read.boolean('attention_bias', true),
    activate: activation(read.string('hidden_act', 'gelu')),
    rotated,
    rotaryBase: rope.number('rope_theta', read.number('rotary_emb_base', 10000)),
    maxPositions: read.integer('max_position_embeddings', 2048),
  };
}

function parameters(settings: Settings, vocabulary: number, inner: number): ParameterDescription[] {
  const { width, layers, attentionBias, tied } = settings;
  const list: ParameterDescription[] = [];
  const matrix = (name: string, rows: number, columns: number) =>
    list.push({ name, shape: [rows, columns], start: 'normal' });
  const bias = (name: string, size: number) => list.push({ name, shape: [size], start: 'zeros' });
  const norm = (name: string) => {
    list.push({ name: `${name}.weight`, shape: [width], start: 'ones' });
    bias(`${name}.bias`, width);
  };
  matrix(`${PREFIX}embed_in.weight`, vocabulary, width);
  for (let layer = 0; layer < layers; layer++) {
    const block = blockPrefix(layer);
    norm(`${block}input_layernorm`);
    norm(`${block}post_attention_layernorm`);
    matrix(`${block}attention.query_key_value.weight`, 3 * width, width);
    if (attentionBias) bias(`${block}attention.query_key_value.bias`, 3 * width);
    matrix(`${block}attention.dense.weight`, width, width);
    if (attentionBias) bias(`${block}attention.dense.bias`, width);
    matrix(`${block}mlp.dense_h_to_4h.weight`, inner, width);
    bias(`${block}mlp.dense_h_to_4h.bias`, inner);
    matrix(`${block}mlp.dense_4h_to_h.weight`, width, inner);
    bias(`${block}mlp.dense_4h_to_h.bias`, width);
  }
  norm(`${PREFIX}final_layer_norm`);
  if (!tied) matrix('embed_out.weight', vocabulary, width);
  return list;
}

function network(settings: Settings, parameter: (name: string) => tf.Variable): Network {
  const { heads, headSize, epsilon, parallel } = settings;
  const matrix = (name: string) => parameter(name) as unknown as tf.Tensor2D;
  const vector = (name: string) => parameter(name) as unknown as tf.Tensor1D;
  const project = (x: tf.Tensor2D, name: string, biased = true) =>
    linear(x, matrix(`${name}.weight`), biased ? vector(`${name}.bias`) : undefined);
  const norm = (normalise: Normalise, name: string) =>
    normalise(vector(`${name}.weight`), vector(`${name}.bias`));
  const frequencies = defaultFrequencies(settings.rotaryBase, settings.rotated);
  const rotary = new RotaryPlaces({
    headSize,
    rotated: settings.rotated,
    frequencies: {
      at: () => frequencies,
      steadyLength: Number.POSITIVE_INFINITY,
      maxPositions: settings.maxPositions,
    },
  });
  const embedding = matrix(`${PREFIX}embed_in.weight`);

  return {
    places: (_batch, length, positionIds) => rotary.at(length, positionIds) as unknown as Places,
    embed: (ids_N) => embed(embedding, ids_N),
    block(x_ND, layer, pass) {
      const block = blockPrefix(layer);
      const attend = (normalise: Normalise) => {
        const shape = { batch: pass.batch, positions: pass.length, heads, headSize };
        const places = pass.places as unknown as PositionTables;
        const qkv_N3D = project(
          norm(normalise, `${block}input_layernorm`),
          `${block}attention.query_key_value`,
          settings.attentionBias,
        );
        const cache = pass.caches?.[layer];
        const y_ND = cache
          ? cachedAttention(qkv_N3D, shape, places, pass.bias, cache)
          : attention(qkv_N3D, shape, places, pass.bias);
        return pass.hook(
          'attention_out',
          layer,
          project(y_ND, `${block}attention.dense`, settings.attentionBias),
        );
      };
      const mlp = (normalise: Normalise) => {
        const inner = project(
          pass.hook('mlp_in', layer, norm(normalise, `${block}post_attention_layernorm`)),
          `${block}mlp.dense_h_to_4h`,
        );
        return pass.hook('mlp_out', layer, project(settings.activate(inner), `${block}mlp.dense_4h_to_h`));
      };
      const normalise = layerNorms(x_ND, epsilon);
      if (parallel) {
        // The MLP does not need the attention of its block: what waits for the MLP need not either.
        const early = pass.observed ? mlp(normalise) : null;
        return addBoth(x_ND, attend(normalise), early ?? mlp(normalise));
      }
      const h_ND = x_ND.add(attend(normalise)) as tf.Tensor2D;
      return h_ND.add(mlp(layerNorms(h_ND, epsilon))) as tf.Tensor2D;
    },
    finalNorm: (x_ND) => norm(layerNorms(x_ND, epsilon), `${PREFIX}final_layer_norm`),
    unembedding: settings.tied ? embedding : matrix('embed_out.weight'),
    dispose: () => rotary.dispose(),
  };
}
