import type * as tf from '@tensorflow/tfjs';
import { ComputeError } from '../failure.ts';
import { constantSchedule } from '../optimisers/schedules/constant.ts';
import { linearSchedule } from '../optimisers/schedules/linear.ts';
import type { Schedule } from '../optimisers/schedules/types.ts';
import type { RandomStream } from '../random/stream.ts';
import { fullTraining } from '../training/trainable.ts';
import { Updater, type UpdaterState } from '../training/updater.ts';
import type { OnPolicyParts, OnPolicySettings } from './on-policy.ts';

export interface Pass<Loss> {
  /** For the order of the rows. */
  draws: RandomStream;
  /** The loss of some rows of the batch and its gradients in `PolicyUpdates.differentiated`. */
  gradientsOf(rows: Int32Array): { loss: Loss; gradients: Map<string, tf.Tensor> };
  /** Asked after each pass, with the loss of its last mini-batch: whether the step ends here. */
  over?(last: Loss): boolean;
}

export interface Learned<Loss> {
  losses: Loss[];
  /** Norms of the gradients before clipping. */
  norms: number[];
}

/** The updates that a batch is good for: `epochs` passes over it in mini-batches of a new random order each. */
export class PolicyUpdates {
  private readonly updater: Updater;
  private readonly schedule: Schedule;

  /** @param heads what moves beside the policy: its value head, the trunk of a value model; the caller frees it */
  constructor(
    private readonly parts: OnPolicyParts<OnPolicySettings>,
    private readonly algorithm: { title: string; ifDiverging: string },
    heads: ReadonlyMap<string, tf.Variable> = new Map(),
  ) {
    const { policy, trainable, settings, steps } = parts;
    this.updater = new Updater(trainable ?? fullTraining(policy), heads, {
      weightDecay: settings.weightDecay,
      decays: () => true,
      maxGradientNorm: settings.maxGradientNorm,
    });
    this.schedule =
      settings.schedule === 'linear'
        ? linearSchedule({ total: steps, warmup: settings.warmUp })
        : constantSchedule({ warmup: settings.warmUp });
  }

  get differentiated(): ReadonlyMap<string, tf.Variable> {
    return this.updater.differentiated;
  }

  learningRate(i: number): number {
    return this.parts.settings.learningRate * this.schedule(i);
  }

  /** @throws ComputeError `nan-loss` before an update that would not be finite */
  learn<Loss extends { totalLoss: number }>(
    i: number,
    { draws, gradientsOf, over }: Pass<Loss>,
  ): Learned<Loss> {
    const { epochs, batch, miniBatch } = this.parts.settings;
    const rate = this.learningRate(i);
    const losses: Loss[] = [];
    const norms: number[] = [];
    for (let epoch = 0; epoch < epochs; epoch++) {
      const shuffled = draws.permutation(batch);
      for (let from = 0; from < batch; from += miniBatch) {
        const { loss, gradients } = gradientsOf(shuffled.subarray(from, from + miniBatch));
        const update = this.updater.prepare(gradients);
        try {
          this.checkFinite(i, loss.totalLoss, update.norm);
          update.apply(rate);
        } finally {
          update.dispose();
        }
        losses.push(loss);
        norms.push(update.norm);
      }
      if (over?.(losses.at(-1) as Loss)) break;
    }
    return { losses, norms };
  }

  save(): UpdaterState {
    return this.updater.save();
  }

  load(state: UpdaterState): void {
    this.updater.load(state);
  }

  dispose(): void {
    this.updater.dispose();
  }

  private checkFinite(step: number, loss: number, norm: number): void {
    if (Number.isFinite(loss) && Number.isFinite(norm)) return;
    const { title, ifDiverging } = this.algorithm;
    throw new ComputeError(
      'nan-loss',
      `${title} diverged in step ${step + 1}: the loss is ${loss}, the norm of its gradient ${norm}`,
      { hint: ifDiverging },
    );
  }
}
