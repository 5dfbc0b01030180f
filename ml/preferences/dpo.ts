import { ComputeError } from '../failure.ts';
import type { LanguageModel } from '../models/types.ts';
import { constantSchedule } from '../optimisers/schedules/constant.ts';
import { cosineSchedule } from '../optimisers/schedules/cosine.ts';
import { linearSchedule } from '../optimisers/schedules/linear.ts';
import type { Schedule } from '../optimisers/schedules/types.ts';
import { fullTraining, type Trainable } from '../training/trainable.ts';
import { Updater, type UpdaterState } from '../training/updater.ts';
import { checkLoss } from './dpo-losses/dpo-losses.ts';
import type { DpoMetrics } from './dpo-metrics.ts';
import type { DpoSettings } from './dpo-settings.ts';
import { dpoGradients } from './dpo-update.ts';
import type { LogProbsOfPairs } from './log-probs.ts';
import { pairOrder } from './order.ts';
import { checkFits, type TokenPair } from './token-pairs.ts';

/**
 * Direct preference optimisation (Rafailov et al., NeurIPS 2023, arXiv 2305.18290): the policy learns from pairs of
 * completions which of the two is preferred, held to a reference by the loss itself. No reward model, no sampling.
 *
 * The pairs are taken in a new random order each time around; the order comes from a stream named by the round, so that
 * weights and moments are all that a later step depends on.
 */
export interface DpoParts {
  policy: LanguageModel;
  /** What moves of the policy; all of it when absent. */
  trainable?: Trainable;
  pairs: readonly TokenPair[];
  padId: number;
  settings: DpoSettings;
  /** Steps of the whole run: the learning rate's schedule needs it. */
  steps: number;
  seed: number;
}

export type DpoState = UpdaterState;

export class DpoTrainer {
  private readonly updater: Updater;
  private readonly schedule: Schedule;
  private readonly order: (step: number) => Int32Array;

  /** @throws ComputeError bad-parameter */
  constructor(private readonly parts: DpoParts) {
    const { policy, settings, steps } = parts;
    checkLoss(settings.loss, settings.divergence.type, settings.labelSmoothing);
    checkFits(policy, parts.pairs);
    this.updater = new Updater(parts.trainable ?? fullTraining(policy), new Map(), {
      weightDecay: settings.weightDecay,
      maxGradientNorm: settings.maxGradientNorm,
    });
    this.schedule = scheduleOf(settings, steps);
    this.order = pairOrder(parts.pairs.length, settings.batch, parts.seed);
  }

  /**
   * Step `i`, from 0.
   * @param reference of all pairs; those of this step must be there
   * @throws ComputeError nan-loss; the parameters are then as before the step
   */
  step(i: number, reference: LogProbsOfPairs): DpoMetrics {
    const { policy, pairs, padId, settings } = this.parts;
    const learningRate = settings.learningRate * this.schedule(i);
    const places = this.order(i);
    const { differentiated } = this.updater;
    const { loss, gradients } = dpoGradients(
      { policy, differentiated, padId, microBatch: settings.microBatch },
      Array.from(places, (place) => pairs[place] as TokenPair),
      {
        chosen: Float32Array.from(places, (place) => reference.chosen[place] as number),
        rejected: Float32Array.from(places, (place) => reference.rejected[place] as number),
      },
      settings,
    );
    const update = this.updater.prepare(gradients);
    try {
      checkFinite(i, loss.loss, update.norm);
      update.apply(learningRate);
    } finally {
      update.dispose();
    }
    const { stats } = loss;
    return {
      loss: loss.loss,
      reward_chosen: stats.rewardChosen,
      reward_rejected: stats.rewardRejected,
      margin: stats.margin,
      accuracy: stats.accuracy,
      log_prob_chosen: stats.logProbChosen,
      log_prob_rejected: stats.logProbRejected,
      largest_log_ratio: stats.largestLogRatio,
      gradient_norm: update.norm,
      learning_rate: learningRate,
    };
  }

  /** Everything that later steps depend on, but the settings, the reference and the pairs. */
  save(): DpoState {
    return this.updater.save();
  }

  load(state: DpoState): void {
    this.updater.load(state);
  }

  dispose(): void {
    this.updater.dispose();
  }
}

function scheduleOf({ schedule, warmUp }: DpoSettings, steps: number): Schedule {
  const warmup = warmUp;
  if (schedule === 'linear') return linearSchedule({ total: steps, warmup });
  if (schedule === 'cosine') return cosineSchedule({ total: steps, warmup });
  return constantSchedule({ warmup });
}

function checkFinite(step: number, loss: number, norm: number): void {
  if (Number.isFinite(loss) && Number.isFinite(norm)) return;
  throw new ComputeError(
    'nan-loss',
    `DPO diverged in step ${step + 1}: the loss is ${loss}, the norm of its gradient ${norm}`,
    { hint: 'lower `learning-rate`, or raise `warm-up` or `beta`' },
  );
}
