import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../../ml/engine/engine.ts';
import { readSafetensors } from '../../ml/models/safetensors.ts';
import { trapezoidSchedule } from '../../ml/optimisers/schedules/trapezoid.ts';
import { BatchTopKAutoencoder } from '../../ml/sae/batch-topk.ts';
import { GATED_FORMS, GatedAutoencoder } from '../../ml/sae/gated.ts';
import { JUMPRELU_DEFAULTS, JumpReluAutoencoder } from '../../ml/sae/jumprelu.ts';
import { StandardAutoencoder } from '../../ml/sae/standard.ts';
import { TOPK_DEFAULTS, TopKAutoencoder } from '../../ml/sae/topk.ts';
import { Trainer } from '../../ml/sae/trainer.ts';
import type { InferenceWeights, SparseAutoencoder } from '../../ml/sae/types.ts';
import { answer } from '../lib/answer.ts';
import { gemmSeconds } from '../lib/gemm.ts';
import { opProfile } from '../lib/op-profile.ts';
import { BANDWIDTH, BATCHES, type Configuration, RATE } from './configurations.ts';

/**
 * Our side of the benchmark of dictionaries. `gate`: the losses of the first updates, as dictionary_learning trains (its
 * first learning rate is 0) or as sparsify does. `steps`: so many updates, timed. `profile`: the ops of one.
 */
const directory = process.argv[2] as string;
const configuration = JSON.parse(process.argv[3] as string) as Configuration;
const { variant, width: D, features: F, batch, k, dead } = configuration;

await answer(async () => {
  const data = readSafetensors(join(directory, 'data.safetensors'));
  const take = (name: string) => data.get(name)?.data as Float32Array;
  const batches = Array.from({ length: BATCHES }, (_, i) =>
    tensorflow().tensor2d(take(`batch.${i}`), [batch, D]),
  );
  const weights = (): InferenceWeights => ({
    encoder_FD: take('rows').slice(),
    decoder_FD: take('rows').slice(),
    encoderBias_F: take('encoder_bias').slice(),
    decoderBias_D: new Float32Array(D),
  });
  let trainer = start('loss');

  function start(how: 'loss' | 'fvu'): Trainer {
    const made = new Trainer(create(how), {
      learningRate: RATE,
      schedule: how === 'loss' ? trapezoidSchedule({ total: 10_000, warmup: 1 }) : () => 1,
      sparsity: () => 1,
      maxGradientNorm: how === 'loss' && variant !== 'standard' && variant !== 'gated' ? 1 : null,
      deadAfter: 10_000_000,
      threshold: { beta: 0.999, from: 1000 },
    });
    const { tensors, json } = made.state();
    const quiet_F = Int32Array.from({ length: F }, (_, f) => (f >= F * (1 - dead) ? 10_000_000 : 0));
    made.load({ tensors: { ...tensors, dead: { dtype: 'I32', shape: [F], data: quiet_F } }, json });
    return made;
  }

  function create(how: 'loss' | 'fvu'): SparseAutoencoder {
    const auxiliaryCoefficient = dead > 0 ? 1 / 32 : 0;
    switch (variant) {
      case 'topk': {
        const reconstruction = how === 'fvu' ? 'fvu' : 'squared-error';
        return new TopKAutoencoder(D, F, weights(), {
          ...TOPK_DEFAULTS,
          k,
          reconstruction,
          auxiliaryCoefficient,
        });
      }
      case 'batch-topk':
        return new BatchTopKAutoencoder(D, F, weights(), { ...TOPK_DEFAULTS, k, auxiliaryCoefficient });
      case 'standard':
        return new StandardAutoencoder(D, F, weights(), { l1: 0.1 });
      case 'gated':
        return new GatedAutoencoder(
          D,
          F,
          { ...weights(), magnitudeBias_F: new Float32Array(F), logScale_F: new Float32Array(F) },
          { l1: 0.1, form: GATED_FORMS['dictionary-learning'] },
        );
      case 'jumprelu':
        return new JumpReluAutoencoder(
          D,
          F,
          { ...weights(), threshold_F: new Float32Array(F).fill(BANDWIDTH) },
          { ...JUMPRELU_DEFAULTS, bandwidth: BANDWIDTH, stepReads: 'activation' },
        );
    }
  }

  let done = 0;
  const step = () => {
    const i = done++;
    return trainer.step(i, batches[i % BATCHES] as tf.Tensor2D)['loss'] as number;
  };
  const restart = (how: 'loss' | 'fvu') => {
    trainer.dispose();
    trainer = start(how);
    done = 0;
  };

  return {
    gate(updates: number, how: 'loss' | 'fvu') {
      restart(how);
      const check = Array.from({ length: updates }, step);
      restart('loss');
      return { seconds: 0, check, parts: {} };
    },
    steps(updates: number) {
      const begin = performance.now();
      for (let i = 0; i < updates; i++) step();
      return { seconds: (performance.now() - begin) / 1000, check: [], parts: {} };
    },
    async profile() {
      return { seconds: 0, check: [], parts: await opProfile(step) };
    },
    gemm: () => ({ seconds: gemmSeconds(), check: [], parts: {} }),
  };
});
