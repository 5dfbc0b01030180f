import type { RandomStream } from '../random/stream.ts';
import { AUXILIARY_FORMS } from './auxiliary-loss.ts';
import { geometricMedian } from './geometric-median.ts';
import { orthogonal, randomDirections, xavierUniform } from './initial-weights.ts';
import { L1TiedAutoencoder } from './l1-tied.ts';
import { StandardAutoencoder } from './standard.ts';
import { TopKAutoencoder } from './topk.ts';
import type { SparseAutoencoder } from './types.ts';

/** What may be chosen about an autoencoder; each variant reads its own part. */
export interface VariantOptions {
  width: number;
  features: number;
  l1: number;
  norm: 'in-place' | 'in-graph';
  k: number;
  auxiliary: { coefficient: number; form: keyof typeof AUXILIARY_FORMS };
  reconstruction: 'squared-error' | 'fvu';
  /** Draws the starting weights. */
  stream: RandomStream;
  /** Some activations [n, D], scaled for training, from which top-k takes its starting bias. */
  sample_ND: Float32Array;
}

export type VariantName = 'l1-tied' | 'standard' | 'topk';

/** Every variant, as it starts. A new one is an entry here and a file of its own. */
const VARIANTS: Record<VariantName, (options: VariantOptions) => SparseAutoencoder> = {
  'l1-tied'({ width: D, features: F, l1, norm, stream }) {
    const encoder_FD = norm === 'in-graph' ? orthogonal(F, D, stream) : xavierUniform(F, D, stream);
    return new L1TiedAutoencoder(D, F, { encoder_FD, ...zeroBiases(F, D) }, { l1, norm });
  },
  standard({ width: D, features: F, l1, stream }) {
    const rows_FD = randomDirections(F, D, 0.1, stream);
    return new StandardAutoencoder(
      D,
      F,
      { encoder_FD: rows_FD, decoder_FD: rows_FD, ...zeroBiases(F, D) },
      { l1 },
    );
  },
  topk({ width: D, features: F, k, auxiliary, reconstruction, stream, sample_ND }) {
    const rows_FD = randomDirections(F, D, 1, stream);
    const decoderBias_D = geometricMedian(sample_ND, D);
    const weights = {
      encoder_FD: rows_FD,
      decoder_FD: rows_FD,
      encoderBias_F: new Float32Array(F),
      decoderBias_D,
    };
    return new TopKAutoencoder(D, F, weights, {
      k,
      auxiliaryCoefficient: auxiliary.coefficient,
      auxiliaryForm: AUXILIARY_FORMS[auxiliary.form],
      reconstruction,
    });
  },
};

export const createAutoencoder = (variant: VariantName, options: VariantOptions): SparseAutoencoder =>
  VARIANTS[variant](options);

const zeroBiases = (F: number, D: number) => ({
  encoderBias_F: new Float32Array(F),
  decoderBias_D: new Float32Array(D),
});
