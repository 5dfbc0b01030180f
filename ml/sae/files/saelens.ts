import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Activation, DictionaryWeights } from '../dictionary.ts';
import { placeOfHook } from '../hook-names.ts';
import { badDictionary } from './failure.ts';
import { gatedAsJumpRelu, withNormsInEncoder, withScale } from './fold.ts';
import { Settings } from './settings.ts';
import { StoredWeights } from './stored-weights.ts';
import type { StoredDictionary } from './types.ts';

export const SAELENS_CONFIG = 'cfg.json';
export const SAELENS_WEIGHTS = 'sae_weights.safetensors';
/** Beside a checkpoint of a training that is not over: the factor on its activations, not folded in yet. */
export const SAELENS_SCALER = 'activation_scaler.json';

/**
 * SAELens 6 (`SAE.save_model`; and what its trainer writes at a checkpoint, which is why batchtopk is among them): cfg.json with
 * d_in, d_sae, architecture, apply_b_dec_to_input, normalize_activations, reshape_activations, and of topk k and
 * rescale_acts_by_decoder_norm; sae_weights.safetensors with W_enc [D, F], W_dec [F, D], b_dec and, but for gated, b_enc.
 *
 *   standard    relu(pre)
 *   topk        the k largest of relu(pre)
 *   jumprelu    relu(pre) where pre > threshold [F]
 *   batchtopk, matryoshka_batchtopk    relu(pre) where pre > topk_threshold []
 *   gated       see `gatedAsJumpRelu`; b_gate, b_mag, r_mag [F]
 *
 * Files of versions before 6 hold the same under older names, as SAELens itself translates them.
 */
export function readSaeLens(directory: string): StoredDictionary {
  const config = Settings.read(join(directory, SAELENS_CONFIG));
  const architecture = architectureOf(config);
  checkInput(config);
  const features = config.integer('d_sae', 1);
  const width = config.integer('d_in', 1);
  if (features === null || width === null) throw badDictionary(config.where, 'd_in or d_sae is missing');
  const scale = scaleOf(config, directory);
  const read = ARCHITECTURES[architecture] as Reader;
  return StoredWeights.with(join(directory, SAELENS_WEIGHTS), (stored) => {
    skipUnitFactor(stored, features);
    const { activation, weights } = read({ stored, config, scale, D: width, F: features });
    return {
      format: 'saelens',
      variant: variantOf(config, architecture),
      width,
      features,
      activation,
      subtractsDecoderBias: config.boolean('apply_b_dec_to_input') ?? true,
      weights,
      trainingScale: scale,
      threshold: null,
      ...placeOf(config),
    };
  });
}

interface Source {
  stored: StoredWeights;
  config: Settings;
  scale: number;
  D: number;
  F: number;
}
type Reader = (source: Source) => { activation: Activation; weights: DictionaryWeights };

const ARCHITECTURES: Record<string, Reader> = {
  standard: (source) => ({ activation: { type: 'relu' }, weights: plainWeights(source) }),
  topk(source) {
    const { config, F } = source;
    const k = config.integer('k', 1) ?? config.within('activation_fn_kwargs').integer('k', 1);
    if (k === null || k > F)
      throw badDictionary(config.where, `k is ${k ?? 'missing'}, but should lie between 1 and d_sae, ${F}`);
    const weights = plainWeights(source);
    const rescale = config.boolean('rescale_acts_by_decoder_norm') ?? false;
    return {
      activation: { type: 'topk', k },
      weights: rescale ? withNormsInEncoder(weights) : weights,
    };
  },
  jumprelu(source) {
    const threshold = source.stored.take('threshold', [source.F]);
    return jumpRelu({ ...plainWeights(source), threshold });
  },
  batchtopk: batchTopK,
  matryoshka_batchtopk: batchTopK,
  gated(source) {
    const { stored, F, scale } = source;
    const gates = {
      gateBias: stored.take('b_gate', [F]),
      magnitudeBias: stored.take('b_mag', [F]),
      logRatio: stored.take('r_mag', [F]),
    };
    return {
      activation: { type: 'jumprelu' },
      weights: withScale(gatedAsJumpRelu(matrices(source), gates), scale),
    };
  },
};

/** In training, with one threshold for all features; decoder norms are part of what it is compared with. */
function batchTopK(source: Source): ReturnType<Reader> {
  const { stored, config, scale, F } = source;
  const rescale = config.boolean('rescale_acts_by_decoder_norm') ?? true;
  const [common] = stored.take('topk_threshold', []);
  const weights = plainWeights(source);
  // A smaller decoder makes smaller features where those are multiplied by its norms.
  const threshold = new Float32Array(F).fill((common as number) / (rescale ? scale : 1));
  return jumpRelu({ ...(rescale ? withNormsInEncoder(weights) : weights), threshold });
}

/** A threshold below 0 does what 0 does: features are rectified as well. */
const jumpRelu = (weights: DictionaryWeights): ReturnType<Reader> => ({
  activation: { type: 'jumprelu' },
  weights: { ...weights, threshold: weights.threshold?.map((value) => Math.max(0, value)) as Float32Array },
});

const matrices = ({ stored, D, F }: Source) => ({
  W_enc: stored.take('W_enc', [D, F]),
  W_dec: stored.take('W_dec', [F, D]),
  b_dec: stored.take('b_dec', [D]),
});

const plainWeights = (source: Source): DictionaryWeights =>
  withScale({ ...matrices(source), b_enc: source.stored.take('b_enc', [source.F]) }, source.scale);

function architectureOf(config: Settings): string {
  const named = config.string('architecture') ?? 'standard';
  const isTopK = (config.string('activation_fn_str') ?? config.string('activation_fn')) === 'topk';
  const architecture = named === 'standard' && isTopK ? 'topk' : named;
  if (Object.hasOwn(ARCHITECTURES, architecture)) return architecture;
  throw badDictionary(
    config.where,
    `the architecture ${JSON.stringify(architecture)} is not supported (${Object.keys(ARCHITECTURES).join(', ')} are)`,
  );
}

/** @throws ComputeError when it reads something else than activations as the model has them, times a constant */
function checkInput(config: Settings): void {
  const refuse = (what: string, hint?: string): never => {
    throw badDictionary(config.where, what, hint);
  };
  const reshape = config.string('reshape_activations') ?? 'none';
  if (reshape !== 'none')
    refuse(`reshape_activations is ${reshape}: it reads the heads of attention one by one`);
  if (config.value('finetuning_scaling_factor') === true)
    refuse('its features have a finetuning_scaling_factor');
  for (const from of [config, config.within('metadata')]) {
    if (from.has('hook_head_index')) refuse('it reads a single head (hook_head_index)');
    const { where } = from.within('model_from_pretrained_kwargs');
    if (from.within('model_from_pretrained_kwargs').boolean('center_writing_weights') === true)
      throw badDictionary(
        where,
        'center_writing_weights is set: it was trained on a model whose weights TransformerLens had changed, so its activations are not those of the checkpoint',
        'train on HookedTransformer.from_pretrained_no_processing',
      );
  }
}

/** What activations are multiplied by before they are read. */
function scaleOf(config: Settings, directory: string): number {
  const given = config.value('normalize_activations') ?? 'none';
  if (given === 'none' || given === false) return 1;
  if (given !== 'expected_average_only_in' && given !== true)
    throw badDictionary(
      config.where,
      `normalize_activations is ${JSON.stringify(given)}, which depends on each activation and cannot be folded into the weights`,
    );
  const path = join(directory, SAELENS_SCALER);
  const scale = existsSync(path) ? Settings.read(path).number('scaling_factor') : null;
  if (scale !== null && Number.isFinite(scale) && scale > 0) return scale;
  throw badDictionary(
    config.where,
    'normalize_activations is expected_average_only_in, but no activation_scaler.json says by how much',
    'fold it in with sae.fold_activation_norm_scaling_factor(FACTOR) and save it again',
  );
}

/** Some versions wrote a factor that is 1 everywhere. */
function skipUnitFactor(stored: StoredWeights, F: number): void {
  if (!stored.has('scaling_factor')) return;
  if (stored.take('scaling_factor', [F]).some((value) => Math.abs(value - 1) > 1e-5))
    throw badDictionary(stored.path, 'its features have a scaling_factor that is not 1');
}

/** Names of architectures, where ours differ. */
const TRAINED_AS: ReadonlyMap<string, string> = new Map([
  ['batchtopk', 'batch-topk'],
  ['matryoshka_batchtopk', 'matryoshka'],
]);

/** What it was trained as: one that was batchtopk in training is jumprelu afterwards. */
function variantOf(config: Settings, architecture: string): string {
  const named = config.within('metadata').string('training_architecture') ?? architecture;
  return TRAINED_AS.get(named) ?? (/^[\w.-]{1,40}$/.test(named) ? named : architecture);
}

function placeOf(
  config: Settings,
): Pick<StoredDictionary, 'layer' | 'site' | 'maxLength' | 'skippedPositions'> {
  const metadata = config.within('metadata');
  const older = (name: string, also = name) =>
    metadata.string(name) ?? config.string(name) ?? config.string(also);
  const place = placeOfHook(older('hook_name', 'hook_point') ?? '');
  const slice = metadata.value('seqpos_slice') ?? config.value('seqpos_slice');
  const [from, to] = Array.isArray(slice) ? slice : [];
  return {
    layer: place?.layer ?? null,
    site: place?.site ?? null,
    maxLength: metadata.integer('context_size', 1) ?? config.integer('context_size', 1),
    // Of a slice (a, null) of positions, a.
    skippedPositions: Number.isSafeInteger(from) && from >= 0 && to == null ? (from as number) : null,
  };
}
