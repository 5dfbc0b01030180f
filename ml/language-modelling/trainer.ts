import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { gradients } from '../engine/gradients.ts';
import { ComputeError } from '../failure.ts';
import type { LanguageModel } from '../models/types.ts';
import type { Schedule } from '../optimisers/schedules/types.ts';
import { sumGradients } from '../training/sum-gradients.ts';
import { fullTraining, type Trainable } from '../training/trainable.ts';
import { Updater, type UpdaterState } from '../training/updater.ts';
import { nextTokenLoss } from './loss.ts';
import { predictedTokens, takeWindows, type Windows } from './windows.ts';

/**
 * Training on next tokens: the mean cross-entropy over all predicted tokens of a batch of windows, AdamW (matrices decay,
 * vectors do not), gradients clipped by their global norm. Step i depends on the state, the order of the windows and i alone.
 */
export interface TrainerOptions {
  /** What moves of the model; all of it when absent. */
  trainable?: Trainable;
  windows: Windows;
  /** Which windows each step takes. */
  order: { rows(step: number): Int32Array };
  /** The most windows in memory at once: larger batches are summed up from parts, to the same gradient. */
  microBatch: number;
  /** Whether blocks are computed again in the backward pass: less memory, a third more work, the same numbers. */
  recompute?: boolean;
  learningRate: number;
  schedule: Schedule;
  weightDecay: number;
  beta2: number;
  maxGradientNorm: number;
}

export interface StepResult {
  /** Mean loss of the batch before the update, in nats a token. */
  train_loss: number;
  /** Before clipping. */
  gradient_norm: number;
  learning_rate: number;
}

export interface TrainerState {
  tensors: UpdaterState['tensors'];
  /** The first loss is what later ones are compared with. */
  json: UpdaterState['json'] & { firstLoss: number | null };
}

export class LanguageModelTrainer {
  private readonly updater: Updater;
  private firstLoss: number | null = null;

  constructor(
    private readonly model: LanguageModel,
    private readonly options: TrainerOptions,
  ) {
    const { weightDecay, beta2, maxGradientNorm } = options;
    const trainable = options.trainable ?? fullTraining(model);
    this.updater = new Updater(trainable, new Map(), { weightDecay, beta2, maxGradientNorm });
  }

  /** @throws ComputeError nan-loss when the loss is not finite or has exploded; the parameters are then as before the step */
  step(i: number): StepResult {
    const { order, learningRate, schedule } = this.options;
    const rows = order.rows(i);
    const rate = learningRate * schedule(i);
    let loss = Number.NaN;
    let norm = Number.NaN;
    let broken = false;
    tensorflow().tidy(() => {
      const batch = this.gradientsOf(rows);
      loss = batch.loss;
      const update = this.updater.prepare(batch.grads);
      norm = update.norm;
      broken = !Number.isFinite(loss) || !Number.isFinite(norm) || loss > this.ceiling();
      if (!broken) update.apply(rate);
    });
    if (broken) throw diverged({ step: i, loss, norm, rate, rows, ceiling: this.ceiling() });
    this.firstLoss ??= loss;
    return { train_loss: loss, gradient_norm: norm, learning_rate: rate };
  }

  /**
   * A loss that is both three times that of the first step and twice that of guessing: no noise of batches does that.
   */
  private ceiling(): number {
    return this.firstLoss === null
      ? Number.POSITIVE_INFINITY
      : Math.max(3 * this.firstLoss, 2 * Math.log(this.model.vocabulary));
  }

  /** The loss of all rows and its gradients, part by part. */
  private gradientsOf(rows: Int32Array): { loss: number; grads: Map<string, tf.Tensor> } {
    const { windows, microBatch, recompute } = this.options;
    const tokens = predictedTokens(takeWindows(windows, rows));
    let loss = 0;
    let sums: Map<string, tf.Tensor> | null = null;
    for (let start = 0; start < rows.length; start += microBatch) {
      const block = takeWindows(windows, rows.subarray(start, start + microBatch));
      const { value, grads } = gradients(
        () => nextTokenLoss(this.model, block, tokens, recompute),
        this.updater.differentiated,
      );
      loss += value.dataSync()[0] as number;
      sums = sumGradients(sums, grads);
    }
    return { loss, grads: sums ?? new Map() };
  }

  save(): TrainerState {
    const { tensors, json } = this.updater.save();
    return { tensors, json: { ...json, firstLoss: this.firstLoss } };
  }

  load({ tensors, json }: TrainerState): void {
    this.updater.load({ tensors, json });
    this.firstLoss = json.firstLoss;
  }

  dispose(): void {
    this.updater.dispose();
  }
}

interface Divergence {
  step: number;
  loss: number;
  norm: number;
  rate: number;
  rows: Int32Array;
  ceiling: number;
}

function diverged({ step, loss, norm, rate, rows, ceiling }: Divergence): ComputeError {
  const shown = `${rows.subarray(0, 8).join(', ')}${rows.length > 8 ? ` and ${rows.length - 8} more` : ''}`;
  const limit = loss > ceiling ? ` (above ${ceiling.toPrecision(3)}, it has exploded)` : '';
  return new ComputeError(
    'nan-loss',
    `Training diverged at step ${step}, batch of the windows ${shown}: the loss is ${loss}${limit}, the gradient's norm ${norm}, the learning rate ${rate}`,
    { hint: 'lower `learning-rate`, raise `warm-up`, or lower `max-gradient-norm`' },
  );
}
