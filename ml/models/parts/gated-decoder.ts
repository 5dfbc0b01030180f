import type * as tf from '@tensorflow/tfjs';
import { embed } from '../../engine/embedding.ts';
import { linear } from '../../engine/linear.ts';
import { rmsNorm } from '../../engine/rms-norm.ts';
import type { ModelDescription, Network, Pass, Places } from '../architecture.ts';
import { ConfigError, configReader } from '../config.ts';
import type { PositionTables } from './attention.ts';
import { groupedAttention } from './grouped-attention.ts';
import { ParameterList, parameterAccess } from './parameter-list.ts';
import { RotaryPlaces } from './rotary.ts';
import { type RotaryFrequencies, readFrequencies } from './rotary-frequencies.ts';

/**
 * The block that Llama, Qwen and Gemma share (Touvron et al. 2023, arXiv 2302.13971, section 2.2):
 *
 *   h = x + Wo attention(Wq n, Wk n, Wv n),   n = rmsnorm1(x)          rotary positions, grouped keys and values
 *   block(x) = h + Wdown (act(Wgate m) * Wup m),   m = rmsnorm2(h)     gated MLP (Shazeer 2020, arXiv 2002.05202)
 *
 * What differs between them is in `GatedDecoder`; each architecture's file reads it from its config.json.
 */
export interface GatedDecoder {
  layers: number;
  width: number;
  /** Inner width of the MLPs. */
  inner: number;
  vocabulary: number;
  heads: number;
  keyHeads: number;
  headSize: number;
  epsilon: number;
  initializerRange: number;
  frequencies: RotaryFrequencies;
  activate: (x: tf.Tensor2D) => tf.Tensor2D;
  /** Whether the unembedding is the embedding. */
  tied: boolean;
  /** Biases of Wq, Wk, Wv; of Wo; of the MLP. */
  qkvBias: boolean;
  outputBias: boolean;
  mlpBias: boolean;
  /** Normalises q and k, head by head, before they turn (Qwen 3). */
  headNorm: boolean;
  /** What is added to the stored gains of the norms. */
  gainOffset: 0 | 1;
  /** The padding token, whose embedding is not trained by being read. */
  padId: number | null;
  /** What embeddings are multiplied with. */
  embeddingScale: number;
}

const PREFIX = 'model.';
const blockPrefix = (layer: number) => `${PREFIX}layers.${layer}.`;

/** The sizes that all of them spell alike. `headSize` is used where config.json has no head_dim. */
export function readSizes(config: Record<string, unknown>, fallback: { headSize?: number } = {}) {
  const read = configReader(config);
  const width = read.integer('hidden_size');
  const heads = read.integer('num_attention_heads');
  const keyHeads = read.integer('num_key_value_heads', heads);
  if (keyHeads < 1 || heads % keyHeads !== 0)
    throw new ConfigError(
      `config.json: num_attention_heads ${heads} is not a multiple of num_key_value_heads ${keyHeads}`,
    );
  const headSize = read.integer('head_dim', fallback.headSize ?? width / heads);
  if (headSize % 2 !== 0)
    throw new ConfigError(
      `config.json: heads have ${headSize} dimensions: rotary positions need pairs`,
      'hidden_size / num_attention_heads, or head_dim, must be an even number',
    );
  return {
    layers: read.integer('num_hidden_layers'),
    width,
    heads,
    keyHeads,
    headSize,
    inner: read.integer('intermediate_size'),
    vocabulary: read.integer('vocab_size'),
    epsilon: read.number('rms_norm_eps', 1e-6),
    initializerRange: read.number('initializer_range', 0.02),
    padId: read.optionalInteger('pad_token_id'),
    frequencies: readFrequencies(config, headSize, read.integer('max_position_embeddings')),
  };
}

export function describeGatedDecoder(decoder: GatedDecoder): ModelDescription {
  return {
    layers: decoder.layers,
    width: decoder.width,
    vocabulary: decoder.vocabulary,
    maxPositions: decoder.frequencies.maxPositions,
    initializerRange: decoder.initializerRange,
    parameters: parameters(decoder),
    basePrefix: PREFIX,
    ignored: decoder.tied ? /rotary_emb\.inv_freq$|^lm_head\.weight$/ : /rotary_emb\.inv_freq$/,
    blockPrefix,
    build: (parameter) => network(decoder, parameter),
  };
}

function parameters(decoder: GatedDecoder) {
  const { width, inner, heads, keyHeads, headSize, vocabulary } = decoder;
  const list = new ParameterList();
  const gain = decoder.gainOffset === 1 ? 'zeros' : 'ones';
  list.matrix(`${PREFIX}embed_tokens.weight`, vocabulary, width);
  for (let layer = 0; layer < decoder.layers; layer++) {
    const block = blockPrefix(layer);
    list.linear(`${block}self_attn.q_proj`, heads * headSize, width, decoder.qkvBias);
    list.linear(`${block}self_attn.k_proj`, keyHeads * headSize, width, decoder.qkvBias);
    list.linear(`${block}self_attn.v_proj`, keyHeads * headSize, width, decoder.qkvBias);
    list.linear(`${block}self_attn.o_proj`, width, heads * headSize, decoder.outputBias);
    if (decoder.headNorm) {
      list.vector(`${block}self_attn.q_norm.weight`, headSize, gain);
      list.vector(`${block}self_attn.k_norm.weight`, headSize, gain);
    }
    list.linear(`${block}mlp.gate_proj`, inner, width, decoder.mlpBias);
    list.linear(`${block}mlp.up_proj`, inner, width, decoder.mlpBias);
    list.linear(`${block}mlp.down_proj`, width, inner, decoder.mlpBias);
    list.vector(`${block}input_layernorm.weight`, width, gain);
    list.vector(`${block}post_attention_layernorm.weight`, width, gain);
  }
  list.vector(`${PREFIX}norm.weight`, width, gain);
  if (!decoder.tied) list.matrix('lm_head.weight', vocabulary, width);
  return list.entries;
}

function network(decoder: GatedDecoder, parameter: (name: string) => tf.Variable): Network {
  const { heads, keyHeads, headSize, epsilon, gainOffset, embeddingScale } = decoder;
  const { matrix, vector } = parameterAccess(parameter);
  const project = (x: tf.Tensor2D, name: string, biased: boolean) =>
    linear(x, matrix(`${name}.weight`), biased ? vector(`${name}.bias`) : undefined);
  const norm = (x: tf.Tensor2D, name: string) => rmsNorm(x, vector(`${name}.weight`), epsilon, gainOffset);
  /** One normalisation a head: rows of headSize. */
  const normHeads = (x: tf.Tensor2D, name: string) =>
    decoder.headNorm ? norm(x.reshape<tf.Tensor2D>([-1, headSize]), name).reshape<tf.Tensor2D>(x.shape) : x;
  const rotary = new RotaryPlaces({ headSize, rotated: headSize, frequencies: decoder.frequencies });
  const embedding = matrix(`${PREFIX}embed_tokens.weight`);

  const attend = (x_ND: tf.Tensor2D, layer: number, pass: Pass) => {
    const name = `${blockPrefix(layer)}self_attn`;
    const shape = { batch: pass.batch, positions: pass.length, heads, keyHeads, headSize };
    const y_NA = groupedAttention(
      normHeads(project(x_ND, `${name}.q_proj`, decoder.qkvBias), `${name}.q_norm`),
      normHeads(project(x_ND, `${name}.k_proj`, decoder.qkvBias), `${name}.k_norm`),
      project(x_ND, `${name}.v_proj`, decoder.qkvBias),
      shape,
      pass.places as unknown as PositionTables,
      pass.bias,
      pass.caches?.[layer],
    );
    return pass.hook('attention_out', layer, project(y_NA, `${name}.o_proj`, decoder.outputBias));
  };
  const mlp = (x_ND: tf.Tensor2D, layer: number, pass: Pass) => {
    const name = `${blockPrefix(layer)}mlp`;
    const input_ND = pass.hook('mlp_in', layer, x_ND);
    const gate = decoder.activate(project(input_ND, `${name}.gate_proj`, decoder.mlpBias));
    const gated = gate.mul<tf.Tensor2D>(project(input_ND, `${name}.up_proj`, decoder.mlpBias));
    return pass.hook('mlp_out', layer, project(gated, `${name}.down_proj`, decoder.mlpBias));
  };

  return {
    places: (_batch, length, positionIds) => rotary.at(length, positionIds) as unknown as Places,
    embed: (ids_N) => {
      const x_ND = embed(embedding, ids_N, decoder.padId);
      return embeddingScale === 1 ? x_ND : x_ND.mul<tf.Tensor2D>(embeddingScale);
    },
    block(x_ND, layer, pass) {
      const block = blockPrefix(layer);
      const h_ND = x_ND.add<tf.Tensor2D>(attend(norm(x_ND, `${block}input_layernorm`), layer, pass));
      return h_ND.add<tf.Tensor2D>(mlp(norm(h_ND, `${block}post_attention_layernorm`), layer, pass));
    },
    finalNorm: (x_ND) => norm(x_ND, `${PREFIX}norm`),
    unembedding: decoder.tied ? embedding : matrix('lm_head.weight'),
    dispose: () => rotary.dispose(),
  };
}
