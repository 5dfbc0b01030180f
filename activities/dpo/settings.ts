import { ComputeError } from '../../ml/failure.ts';
import type { Divergence } from '../../ml/preferences/divergences.ts';
import type { DpoLossName } from '../../ml/preferences/dpo-losses/dpo-losses.ts';
import { DPO_PROTOCOLS, type DpoSettings } from '../../ml/preferences/dpo-settings.ts';
import type { RlhfDpoParameters } from '../../schemas/generated/parameters.ts';
import { defaultLearningRate } from '../trainable.ts';

/** Losses that without smoothing are plain DPO, or not defined at all. */
const SMOOTHED: readonly DpoLossName[] = ['cdpo', 'robust', 'exo-pair'];

/** The protocol's settings with what the step says in their place. @throws ComputeError bad-parameter */
export function dpoSettings(
  params: RlhfDpoParameters,
  pairs: number,
): { settings: DpoSettings; steps: number } {
  const protocol = DPO_PROTOCOLS[params.protocol];
  const { batch, epochs, loss } = params;
  if (params.steps !== undefined && epochs !== undefined) {
    throw new ComputeError('bad-parameter', '`steps` and `epochs` both say how long to train', {
      hint: 'leave one of them out',
    });
  }
  const passes = (count: number) => Math.max(1, Math.floor((count * pairs) / batch));
  const steps = params.steps ?? (epochs === undefined ? (protocol.steps ?? passes(1)) : passes(epochs));
  return {
    steps,
    settings: {
      loss,
      beta: params.beta,
      labelSmoothing: params['label-smoothing'] ?? (SMOOTHED.includes(loss) ? 0.1 : 0),
      discopopTau: params['discopop-tau'],
      divergence: divergenceOf(params),
      batch,
      microBatch: params['micro-batch'] ?? batch,
      learningRate: params['learning-rate'] ?? defaultLearningRate(params, protocol.learningRate),
      warmUp: params['warm-up'] ?? protocol.warmUp(steps),
      schedule: params.schedule,
      weightDecay: params['weight-decay'],
      maxGradientNorm: params['max-gradient-norm'],
    },
  };
}

const divergenceOf = ({ divergence, 'divergence-alpha': coefficient }: RlhfDpoParameters): Divergence =>
  divergence === 'alpha' ? { type: 'alpha', coefficient } : { type: divergence };
