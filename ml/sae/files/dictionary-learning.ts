import { join } from 'node:path';
import type { HookSite } from '../../models/types.ts';
import type { Activation, DictionaryWeights } from '../dictionary.ts';
import { badDictionary } from './failure.ts';
import { decoderNorms, gatedAsJumpRelu, transposed, withNormsInEncoder } from './fold.ts';
import { Settings } from './settings.ts';
import { StoredWeights } from './stored-weights.ts';
import type { StoredDictionary } from './types.ts';

export const DICTIONARY_LEARNING_CONFIG = 'config.json';
export const DICTIONARY_LEARNING_WEIGHTS = 'ae.pt';

/**
 * dictionary_learning (`trainSAE`; read as its `load_dictionary` does): config.json with `trainer` (dict_class, layer,
 * submodule_name, k) and `buffer` (io, ctx_len); ae.pt, a state_dict. Linear layers keep their weights transposed.
 *
 *   AutoEncoder              relu, decoder rows brought to norm 1 (StandardTrainer, StandardTrainerAprilUpdate, PAnnealTrainer)
 *   AutoEncoderNew           relu, no bias subtracted from the input
 *   AutoEncoderTopK          the k largest
 *   BatchTopKSAE, MatryoshkaBatchTopKSAE    relu(pre) where it is above `threshold`; -1: no threshold was averaged yet, all
 *   JumpReluAutoEncoder      pre where it is above `threshold` [F]
 *   GatedAutoEncoder         see `gatedAsJumpRelu`
 *
 * `normalize_activations` of the trainer is folded into the biases before it saves.
 */
export function readDictionaryLearning(directory: string): StoredDictionary {
  const config = Settings.read(join(directory, DICTIONARY_LEARNING_CONFIG));
  const trainer = config.within('trainer');
  const buffer = config.within('buffer');
  if (buffer.string('io') === 'in_and_out')
    throw badDictionary(
      buffer.where,
      'io is in_and_out: it is a transcoder, which reads one place and writes another',
    );
  const read = readerOf(trainer);
  return StoredWeights.with(join(directory, DICTIONARY_LEARNING_WEIGHTS), (stored) => {
    const part = read(stored);
    return {
      format: 'dictionary-learning',
      variant: TRAINERS.get(trainer.string('trainer_class') ?? '') ?? part.variant,
      width: part.weights.b_dec.length,
      features: part.weights.b_enc.length,
      activation: part.activation,
      subtractsDecoderBias: part.subtractsDecoderBias ?? true,
      weights: part.weights,
      trainingScale: 1,
      threshold: part.threshold ?? null,
      layer: trainer.integer('layer', 0),
      site: siteOf(trainer.string('submodule_name') ?? '', buffer.string('io') ?? 'out'),
      maxLength: buffer.integer('ctx_len', 1),
      skippedPositions: null,
    };
  });
}

interface Part {
  variant: string;
  activation: Activation;
  weights: DictionaryWeights;
  /** Whether the encoder reads x - b_dec; absent: it does. */
  subtractsDecoderBias?: boolean;
  threshold?: number | null;
}

type Reader = (stored: StoredWeights) => Part;

function readerOf(trainer: Settings): Reader {
  const name = trainer.string('dict_class');
  const reader = READERS.get(name ?? '');
  if (reader) return reader;
  throw badDictionary(
    trainer.where,
    `the dict_class ${JSON.stringify(name)} is not supported (${[...READERS.keys()].join(', ')} are)`,
  );
}

const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['AutoEncoder', (stored) => (stored.has('decoder.bias') ? autoEncoderNew(stored) : autoEncoder(stored))],
  ['AutoEncoderNew', autoEncoderNew],
  [
    'AutoEncoderTopK',
    (stored) => {
      const k = stored.integer('k');
      // Infinite once a batch had a row without k positive features, below 0 before there was any: of no use, and not needed.
      const threshold = stored.number('threshold');
      const weights = linearWeights(stored, 'b_dec');
      if (k < 1 || k > weights.b_enc.length)
        throw badDictionary(stored.path, `k is ${k}, of ${weights.b_enc.length} features`);
      return {
        variant: 'topk',
        activation: { type: 'topk', k },
        weights,
        threshold: Number.isFinite(threshold) && threshold >= 0 ? threshold : null,
      };
    },
  ],
  ['BatchTopKSAE', (stored) => batchTopK(stored, 'batch-topk', linearWeights(stored, 'b_dec'))],
  [
    'MatryoshkaBatchTopKSAE',
    (stored) => {
      // The groups shape the loss alone.
      stored.skip('group_sizes');
      return batchTopK(stored, 'matryoshka', plainWeights(stored));
    },
  ],
  [
    'JumpReluAutoEncoder',
    (stored) => {
      const weights = plainWeights(stored);
      const threshold = stored.take('threshold', [weights.b_enc.length]);
      return {
        variant: 'jumprelu',
        ...jumpRelu(weights, threshold),
        subtractsDecoderBias: false,
      };
    },
  ],
  [
    'GatedAutoEncoder',
    (stored) => {
      const { W_enc, W_dec, F, D } = linearMatrices(stored);
      const gates = {
        gateBias: stored.take('gate_bias', [F]),
        magnitudeBias: stored.take('mag_bias', [F]),
        logRatio: stored.take('r_mag', [F]),
      };
      const b_dec = stored.take('decoder_bias', [D]);
      return {
        variant: 'gated',
        activation: { type: 'jumprelu' },
        weights: gatedAsJumpRelu({ W_enc, W_dec, b_dec }, gates),
      };
    },
  ],
]);

/** By trainer, what several share a class of dictionaries for. */
const TRAINERS: ReadonlyMap<string, string> = new Map([
  ['StandardTrainerAprilUpdate', 'april'],
  ['PAnnealTrainer', 'p-anneal'],
]);

function autoEncoder(stored: StoredWeights): Part {
  const weights = linearWeights(stored, 'bias');
  // As load_dictionary: rows that are of norm 1 but for rounding stay as they are.
  const isUnit = decoderNorms(weights).every((norm) => Math.abs(norm - 1) <= 1e-5);
  return {
    variant: 'standard',
    activation: { type: 'relu' },
    weights: isUnit ? weights : withNormsInEncoder(weights),
  };
}

/** The trainer writes `AutoEncoder` into its config for these, too. */
function autoEncoderNew(stored: StoredWeights): Part {
  return {
    variant: 'april',
    activation: { type: 'relu' },
    weights: linearWeights(stored, 'decoder.bias'),
    subtractsDecoderBias: false,
  };
}

function batchTopK(stored: StoredWeights, variant: string, weights: DictionaryWeights): Part {
  stored.skip('k');
  const [common] = stored.take('threshold', []);
  return { variant, ...jumpRelu(weights, new Float32Array(weights.b_enc.length).fill(common as number)) };
}

/** A threshold below 0 does what 0 does: features are rectified as well. */
const jumpRelu = (
  weights: DictionaryWeights,
  threshold: Float32Array,
): Pick<Part, 'activation' | 'weights'> => ({
  activation: { type: 'jumprelu' },
  weights: { ...weights, threshold: threshold.map((value) => Math.max(0, value)) },
});

function plainWeights(stored: StoredWeights): DictionaryWeights {
  const { rows: D, columns: F, data: W_enc } = stored.matrix('W_enc');
  return {
    W_enc,
    W_dec: stored.take('W_dec', [F, D]),
    b_enc: stored.take('b_enc', [F]),
    b_dec: stored.take('b_dec', [D]),
  };
}

function linearMatrices(stored: StoredWeights) {
  const { rows: F, columns: D, data: encoder_FD } = stored.matrix('encoder.weight');
  return {
    D,
    F,
    W_enc: transposed(encoder_FD, F, D),
    W_dec: transposed(stored.take('decoder.weight', [D, F]), D, F),
  };
}

function linearWeights(stored: StoredWeights, decoderBias: string): DictionaryWeights {
  const { W_enc, W_dec, F, D } = linearMatrices(stored);
  return {
    W_enc,
    W_dec,
    b_enc: stored.take('encoder.bias', [F]),
    b_dec: stored.take(decoderBias, [D]),
  };
}

/** From what people call submodules: `resid_post_layer_8`, `mlp_out_layer_3`, `attention_out_layer_3`; null for others. */
function siteOf(submodule: string, io: string): HookSite | null {
  if (io !== 'out') return null;
  if (/resid_post|residual_post/.test(submodule)) return 'block_out';
  if (/mlp(_?out|_layer|\d|$)/.test(submodule)) return 'mlp_out';
  if (/(attn|attention)(_?out|_layer|\d|$)/.test(submodule)) return 'attention_out';
  return null;
}
