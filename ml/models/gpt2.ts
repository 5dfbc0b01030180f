import type * as tf from '@tensorflow/tfjs';
import { embed } from '../engine/embedding.ts';
import { layerNorm } from '../engine/layer-norm.ts';
import { projection } from '../engine/projection.ts';
import type { Architecture, ModelDescription, Network, Pass } from './architecture.ts';
import { ConfigError, configReader } from './config.ts';
import { activation } from './parts/activation.ts';
import { groupedAttention } from './parts/grouped-attention.ts';
import { positionRows } from './parts/learned-positions.ts';
import { ParameterList, parameterAccess } from './parts/parameter-list.ts';
import { refuseFields } from './parts/refused-fields.ts';

/**
 * GPT-2 (Radford et al. 2019):
 *
 *   h = x + attention(norm1(x));   block(x) = h + mlp(norm2(h))         mlp(x) = W2 gelu(W1 x + b1) + b2
 *
 * Learned positions; q, k and v from one projection, one after the other; weights stored inputs first; unembedding tied.
 */
export const gpt2: Architecture = { modelType: 'gpt2', describe };

interface Settings {
  layers: number;
  width: number;
  inner: number;
  heads: number;
  vocabulary: number;
  maxPositions: number;
  epsilon: number;
  tied: boolean;
  activate: (x: tf.Tensor2D) => tf.Tensor2D;
  /** The factor on the scores of a layer. */
  scale(layer: number): number;
}

const PREFIX = 'transformer.';
const blockPrefix = (layer: number) => `${PREFIX}h.${layer}.`;

function describe(config: Record<string, unknown>): ModelDescription {
  refuseFields(config);
  const settings = readSettings(config);
  const { layers, width, vocabulary, maxPositions } = settings;
  return {
    layers,
    width,
    vocabulary,
    maxPositions,
    initializerRange: configReader(config).number('initializer_range', 0.02),
    parameters: parameters(settings),
    basePrefix: PREFIX,
    ignored: settings.tied ? /\.attn\.(bias|masked_bias)$|^lm_head\.weight$/ : /\.attn\.(bias|masked_bias)$/,
    blockPrefix,
    build: (parameter) => network(settings, parameter),
  };
}

function readSettings(config: Record<string, unknown>): Settings {
  const read = configReader(config);
  const width = read.integer('n_embd');
  const heads = read.integer('n_head');
  if (width % heads !== 0)
    throw new ConfigError(`config.json: n_embd ${width} is not a multiple of n_head ${heads}`);
  const whole = read.boolean('scale_attn_weights', true) ? 1 / Math.sqrt(width / heads) : 1;
  const byLayer = read.boolean('scale_attn_by_inverse_layer_idx', false);
  return {
    layers: read.integer('n_layer'),
    width,
    inner: read.integer('n_inner', 4 * width),
    heads,
    vocabulary: read.integer('vocab_size'),
    maxPositions: read.integer('n_positions', 1024),
    epsilon: read.number('layer_norm_epsilon', 1e-5),
    tied: read.boolean('tie_word_embeddings', true),
    activate: activation(read.string('activation_function', 'gelu_new')),
    scale: (layer) => (byLayer ? whole / (layer + 1) : whole),
  };
}

function parameters({ layers, width, inner, vocabulary, maxPositions, tied }: Settings) {
  const list = new ParameterList();
  const conv = (name: string, inputs: number, outputs: number) => {
    list.matrix(`${name}.weight`, inputs, outputs);
    list.vector(`${name}.bias`, outputs);
  };
  list.matrix(`${PREFIX}wte.weight`, vocabulary, width);
  list.matrix(`${PREFIX}wpe.weight`, maxPositions, width);
  for (let layer = 0; layer < layers; layer++) {
    const block = blockPrefix(layer);
    list.layerNorm(`${block}ln_1`, width);
    conv(`${block}attn.c_attn`, width, 3 * width);
    conv(`${block}attn.c_proj`, width, width);
    list.layerNorm(`${block}ln_2`, width);
    conv(`${block}mlp.c_fc`, width, inner);
    conv(`${block}mlp.c_proj`, inner, width);
  }
  list.layerNorm(`${PREFIX}ln_f`, width);
  if (!tied) list.matrix('lm_head.weight', vocabulary, width);
  return list.entries;
}

function network(settings: Settings, parameter: (name: string) => tf.Variable): Network {
  const { heads, width, epsilon } = settings;
  const { matrix, vector } = parameterAccess(parameter);
  const project = (x: tf.Tensor2D, name: string) =>
    projection(x, matrix(`${name}.weight`), vector(`${name}.bias`));
  const norm = (x: tf.Tensor2D, name: string) =>
    layerNorm(x, vector(`${name}.weight`), vector(`${name}.bias`), epsilon);
  const embedding = matrix(`${PREFIX}wte.weight`);

  const attend = (x_ND: tf.Tensor2D, layer: number, pass: Pass) => {
    const name = `${blockPrefix(layer)}attn`;
    const shape = {
      batch: pass.batch,
      positions: pass.length,
      heads,
      keyHeads: heads,
      headSize: width / heads,
    };
    const [q_ND, k_ND, v_ND] = project(x_ND, `${name}.c_attn`).split<tf.Tensor2D>(3, 1) as [
      tf.Tensor2D,
      tf.Tensor2D,
      tf.Tensor2D,
    ];
    const turn = { scale: settings.scale(layer) };
    const y_ND = groupedAttention(q_ND, k_ND, v_ND, shape, turn, pass.bias, pass.caches?.[layer]);
    return pass.hook('attention_out', layer, project(y_ND, `${name}.c_proj`));
  };
  const mlp = (x_ND: tf.Tensor2D, layer: number, pass: Pass) => {
    const name = `${blockPrefix(layer)}mlp`;
    const input_ND = pass.hook('mlp_in', layer, x_ND);
    const inner = settings.activate(project(input_ND, `${name}.c_fc`));
    return pass.hook('mlp_out', layer, project(inner, `${name}.c_proj`));
  };

  return {
    places: (batch, length, positionIds) => ({ rows: positionRows(batch, length, positionIds) }),
    embed: (ids_N, { rows }) =>
      embed(embedding, ids_N).add(embed(matrix(`${PREFIX}wpe.weight`), rows as tf.Tensor1D)),
    block(x_ND, layer, pass) {
      const block = blockPrefix(layer);
      const h_ND = x_ND.add<tf.Tensor2D>(attend(norm(x_ND, `${block}ln_1`), layer, pass));
      return h_ND.add<tf.Tensor2D>(mlp(norm(h_ND, `${block}ln_2`), layer, pass));
    },
    finalNorm: (x_ND) => norm(x_ND, `${PREFIX}ln_f`),
    unembedding: settings.tied ? embedding : matrix('lm_head.weight'),
  };
}
