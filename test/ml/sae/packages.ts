import type * as tf from '@tensorflow/tfjs';
import { expect } from 'vitest';
import { trapezoidSchedule } from '../../../ml/optimisers/schedules/trapezoid.ts';
import type { TrainerOptions } from '../../../ml/sae/trainer.ts';
import { type DictionaryLearningSection, difference } from './fixture.ts';

/** How dictionary_learning trained in a section. */
export function packageOptions(
  fixture: Pick<DictionaryLearningSection, 'hparams'>,
  more: Partial<TrainerOptions> = {},
): TrainerOptions {
  return {
    learningRate: fixture.hparams.lr,
    // Not among the hyperparameters that its JumpReluTrainer gives out.
    schedule: trapezoidSchedule({ total: 100, warmup: fixture.hparams.warmup_steps ?? 2 }),
    sparsity: () => 1,
    maxGradientNorm: null,
    deadAfter: 1000,
    threshold: { beta: 0.999, from: 0 },
    ...more,
  };
}

/** Each of `wanted` is there, and the largest difference is small beside the largest value. */
export function expectParameters(
  got: ReadonlyMap<string, tf.Tensor>,
  wanted: Record<string, ArrayLike<number>>,
  tolerance: number,
): void {
  expect([...got.keys()].sort()).toEqual(Object.keys(wanted).sort());
  for (const [name, values] of Object.entries(wanted)) {
    expect(difference(got.get(name)!.dataSync(), values), name).toBeLessThan(tolerance);
  }
}
