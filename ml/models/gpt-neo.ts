import type * as tf from '@tensorflow/tfjs';
import { embed } from '../engine/embedding.ts';
import { layerNorm } from '../engine/layer-norm.ts';
import { linear } from '../engine/linear.ts';
import type { Architecture, ModelDescription, Network, Pass, Places } from './architecture.ts';
import { ConfigError, configReader } from './config.ts';
import { activation } from './parts/activation.ts';
import { type AttentionBias, windowBias } from './parts/attention.ts';
import { groupedAttention } from './parts/grouped-attention.ts';
import { positionRows } from './parts/learned-positions.ts';
import { ParameterList, parameterAccess } from './parts/parameter-list.ts';
import { refuseFields } from './parts/refused-fields.ts';

/**
 * GPT-Neo (Black et al. 2021, doi 10.5281/zenodo.5297715): GPT-2's block, with every other layer looking back over a window
 * of positions only, scores that are not divided by sqrt(h), and no biases on q, k and v.
 */
export const gptNeo: Architecture = { modelType: 'gpt_neo', describe };

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
  /** By layer: whether it looks back over the window only. */
  local: boolean[];
  window: number;
}

const PREFIX = 'transformer.';
const blockPrefix = (layer: number) => `${PREFIX}h.${layer}.`;

function describe(config: Record<string, unknown>): ModelDescription {
  refuseFields(config);
  const settings = readSettings(config);
  const { layers, width, vocabulary, maxPositions, tied } = settings;
  return {
    layers,
    width,
    vocabulary,
    maxPositions,
    initializerRange: configReader(config).number('initializer_range', 0.02),
    parameters: parameters(settings),
    basePrefix: PREFIX,
    ignored: tied
      ? /\.attn\.attention\.(bias|masked_bias)$|^lm_head\.weight$/
      : /\.attn\.attention\.(bias|masked_bias)$/,
    blockPrefix,
    build: (parameter) => network(settings, parameter),
  };
}

function readSettings(config: Record<string, unknown>): Settings {
  const read = configReader(config);
  const width = read.integer('hidden_size');
  const heads = read.integer('num_heads');
  const layers = read.integer('num_layers');
  if (width % heads !== 0)
    throw new ConfigError(`config.json: hidden_size ${width} is not a multiple of num_heads ${heads}`);
  return {
    layers,
    width,
    // Absent or null: four times the width.
    inner: read.integer('intermediate_size', 4 * width),
    heads,
    vocabulary: read.integer('vocab_size'),
    maxPositions: read.integer('max_position_embeddings', 2048),
    epsilon: read.number('layer_norm_epsilon', 1e-5),
    tied: read.boolean('tie_word_embeddings', true),
    activate: activation(read.string('activation_function', 'gelu_new')),
    local: attentionTypes(config, layers).map((type) => type === 'local'),
    window: read.integer('window_size', 256),
  };
}

/** attention_types [[["global", "local"], 12]] says: twelve times these two. attention_layers spells them out. */
function attentionTypes(config: Record<string, unknown>, layers: number): string[] {
  const { attention_types: groups, attention_layers: spelled } = config;
  let types: unknown[];
  if (Array.isArray(groups))
    types = groups.flatMap((group) => {
      const [names, times] = Array.isArray(group) ? group : [];
      if (!Array.isArray(names) || !Number.isInteger(times) || times < 0)
        throw new ConfigError(
          `config.json: attention_types has ${JSON.stringify(group)}`,
          'as [["global"], 12]',
        );
      return Array.from({ length: times as number }, () => names).flat();
    });
  else if (Array.isArray(spelled)) types = spelled;
  else types = Array.from({ length: layers }, (_, layer) => (layer % 2 === 0 ? 'global' : 'local'));
  const unknown = types.find((type) => type !== 'global' && type !== 'local');
  if (unknown !== undefined)
    throw new ConfigError(
      `config.json: attention_types has ${JSON.stringify(unknown)}, which is not supported`,
      'global and local are',
    );
  if (types.length !== layers)
    throw new ConfigError(
      `config.json: attention_types names ${types.length} layers, num_layers is ${layers}`,
    );
  return types as string[];
}

function parameters({ layers, width, inner, vocabulary, maxPositions, tied }: Settings) {
  const list = new ParameterList();
  list.matrix(`${PREFIX}wte.weight`, vocabulary, width);
  list.matrix(`${PREFIX}wpe.weight`, maxPositions, width);
  for (let layer = 0; layer < layers; layer++) {
    const block = blockPrefix(layer);
    list.layerNorm(`${block}ln_1`, width);
    for (const name of ['k_proj', 'v_proj', 'q_proj'])
      list.linear(`${block}attn.attention.${name}`, width, width, false);
    list.linear(`${block}attn.attention.out_proj`, width, width, true);
    list.layerNorm(`${block}ln_2`, width);
    list.linear(`${block}mlp.c_fc`, inner, width, true);
    list.linear(`${block}mlp.c_proj`, width, inner, true);
  }
  list.layerNorm(`${PREFIX}ln_f`, width);
  if (!tied) list.matrix('lm_head.weight', vocabulary, width);
  return list.entries;
}

function network(settings: Settings, parameter: (name: string) => tf.Variable): Network {
  const { heads, width, epsilon, window, local } = settings;
  const { matrix, vector } = parameterAccess(parameter);
  const project = (x: tf.Tensor2D, name: string, biased = true) =>
    linear(x, matrix(`${name}.weight`), biased ? vector(`${name}.bias`) : undefined);
  const norm = (x: tf.Tensor2D, name: string) =>
    layerNorm(x, vector(`${name}.weight`), vector(`${name}.bias`), epsilon);
  const embedding = matrix(`${PREFIX}wte.weight`);

  const attend = (x_ND: tf.Tensor2D, layer: number, pass: Pass) => {
    const name = `${blockPrefix(layer)}attn.attention`;
    const shape = {
      batch: pass.batch,
      positions: pass.length,
      heads,
      keyHeads: heads,
      headSize: width / heads,
    };
    const y_ND = groupedAttention(
      project(x_ND, `${name}.q_proj`, false),
      project(x_ND, `${name}.k_proj`, false),
      project(x_ND, `${name}.v_proj`, false),
      shape,
      { scale: 1 },
      local[layer] ? windowed(pass.bias, pass.places) : pass.bias,
      pass.caches?.[layer],
    );
    return pass.hook('attention_out', layer, project(y_ND, `${name}.out_proj`));
  };
  const mlp = (x_ND: tf.Tensor2D, layer: number, pass: Pass) => {
    const name = `${blockPrefix(layer)}mlp`;
    const input_ND = pass.hook('mlp_in', layer, x_ND);
    const inner = settings.activate(project(input_ND, `${name}.c_fc`));
    return pass.hook('mlp_out', layer, project(inner, `${name}.c_proj`));
  };

  return {
    places(batch, length, positionIds, keys): Places {
      const rows = positionRows(batch, length, positionIds);
      // Where the window holds all keys, local layers are global ones.
      return keys > window ? { rows, window: windowBias(length, keys, window) } : { rows };
    },
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

function windowed(bias: AttentionBias | null, { window }: Places): AttentionBias | null {
  if (!window) return bias;
  return bias ? bias.add(window) : (window as AttentionBias);
}
