import { expect, test } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { stream } from '../../../ml/random/stream.ts';
import { APRIL_DEFAULTS, AprilAutoencoder } from '../../../ml/sae/april.ts';
import type { DictionaryConfig } from '../../../ml/sae/dictionary.ts';
import { GATED_FORMS, GatedAutoencoder, type GatedForm } from '../../../ml/sae/gated.ts';
import { randomDirections } from '../../../ml/sae/initial-weights.ts';
import { JUMPRELU_DEFAULTS, JumpReluAutoencoder } from '../../../ml/sae/jumprelu.ts';
import { loadDictionary } from '../../../ml/sae/load.ts';
import { PAnnealAutoencoder } from '../../../ml/sae/p-anneal.ts';
import { saveDictionary, unscaled } from '../../../ml/sae/save.ts';
import { Trainer } from '../../../ml/sae/trainer.ts';
import type { SparseAutoencoder } from '../../../ml/sae/types.ts';
import { temporaryDirectory } from '../activations/run-body.ts';
import { difference } from './fixture.ts';
import { PLANTED, plantedRows } from './planted.ts';

const tf = tensorflow();
const { width: D } = PLANTED;
const F = 2 * D;
const N = 500;

const weights = (norm: number) => {
  const rows = randomDirections(F, D, norm, stream(3, 'test.weights'));
  const zeros = new Float32Array(F);
  return {
    ...{ encoder_FD: rows, decoder_FD: rows, encoderBias_F: zeros, decoderBias_D: new Float32Array(D) },
    ...{ threshold_F: zeros.map(() => 0.05), magnitudeBias_F: zeros, logScale_F: zeros },
  };
};
const gated = (form: GatedForm) => () =>
  new GatedAutoencoder(D, F, weights(form.unitNorm ? 1 : 0.1), { l1: 0.1, form });

const CREATE: Record<string, () => SparseAutoencoder> = {
  april: () => new AprilAutoencoder(D, F, weights(0.1), APRIL_DEFAULTS),
  jumprelu: () => new JumpReluAutoencoder(D, F, weights(1), { ...JUMPRELU_DEFAULTS, targetL0: 4 }),
  'jumprelu with free rows': () =>
    new JumpReluAutoencoder(D, F, weights(0.1), {
      ...{ ...JUMPRELU_DEFAULTS, sparsity: 'tanh', coefficient: 0.01, thresholdParameter: 'log' },
      ...{ unitNorm: false, subtractsDecoderBias: true },
    }),
  gated: gated(GATED_FORMS['dictionary-learning']),
  'gated with free rows': gated(GATED_FORMS.saelens),
  'p-anneal': () =>
    new PAnnealAutoencoder(D, F, weights(0.1), {
      ...{ l1: 0.1, penalty: 'Lp^p', pEnd: 0.2, annealStart: 5, annealEnd: 30, updates: 4, window: 3 },
    }),
};

test.each(Object.entries(CREATE))(
  '%s: the stored dictionary encodes and decodes as the one in training',
  (_, create) => {
    const acts_ND = tf.tensor2d(plantedRows().acts_ND.subarray(0, N * D), [N, D]);
    const scale = 0.2;
    const scaled_ND = acts_ND.mul<typeof acts_ND>(scale);
    const autoencoder = create();
    const trainer = new Trainer(autoencoder, {
      ...{ learningRate: 0.01, schedule: () => 1, sparsity: () => 1, maxGradientNorm: null, deadAfter: N },
      threshold: { beta: 0.9, from: 0 },
    });
    for (let i = 0; i < 40; i++) trainer.step(i, scaled_ND);

    const { variant, activation, subtractsDecoderBias } = autoencoder;
    const config = {
      variant,
      layer: 0,
      site: 'mlp_out',
      width: D,
      features: F,
      activation,
      subtractsDecoderBias,
    };
    const directory = temporaryDirectory();
    const stored = unscaled(autoencoder.inferenceWeights(), D, F, scale);
    saveDictionary(directory, config as unknown as DictionaryConfig, stored);
    const dictionary = loadDictionary(directory);
    const features_NF = autoencoder.encode(scaled_ND);
    const stored_NF = dictionary.encode(acts_ND);
    expect(features_NF.greater(0).sum().dataSync()[0]).toBeGreaterThan(N);
    expect(features_NF.equal(0).sum().dataSync()[0]).toBeGreaterThan(N);
    expect(difference(stored_NF.mul(scale).dataSync(), features_NF.dataSync())).toBeLessThan(1e-5);
    const reconstruction_ND = dictionary.decode(stored_NF).mul(scale);
    expect(difference(reconstruction_ND.dataSync(), autoencoder.decode(features_NF).dataSync())).toBeLessThan(
      1e-5,
    );
    const norms_F = dictionary.decoder_FD.norm('euclidean', 1).dataSync();
    expect(Math.min(...norms_F)).toBeCloseTo(1, 5);
    expect(Math.max(...norms_F)).toBeCloseTo(1, 5);
    // What training reports is the error of just these features.
    const { losses } = autoencoder.backward(scaled_ND, { step: 40, sparsity: 1, dead: new Int32Array(0) });
    const error = scaled_ND.sub(reconstruction_ND).square().sum().div(N).dataSync()[0]!;
    expect(losses.reconstruction!.dataSync()[0]! / error).toBeCloseTo(1, 4);
  },
);
