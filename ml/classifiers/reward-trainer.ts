import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { gradients } from '../engine/gradients.ts';
import { ComputeError } from '../failure.ts';
import type { Schedule } from '../optimisers/schedules/types.ts';
import { sumGradients } from '../training/sum-gradients.ts';
import { fullTraining, type Trainable } from '../training/trainable.ts';
import { Updater, type UpdaterState } from '../training/updater.ts';
import { bradleyTerry } from './bradley-terry.ts';
import type { CausalClassifier } from './causal-classifier.ts';
import type { TokenPair } from './token-pairs.ts';

/**
 * Training of a reward model on comparisons: the loss of bradley-terry.ts over a batch of pairs, AdamW (matrices decay,
 * vectors do not), gradients clipped by their global norm. Step i depends on the state, the order of the pairs and i alone.
 */
export interface RewardTrainerOptions {
  /** What moves of the trunk; all of it when absent. The head moves in every case. */
  trainable?: Trainable;
  pairs: readonly TokenPair[];
  /** Which pairs each step takes. */
  order: { rows(step: number): Int32Array };
  /** The most pairs in memory at once: larger batches are summed up from parts, to the same gradient. */
  microBatch: number;
  learningRate: number;
  schedule: Schedule;
  weightDecay: number;
  maxGradientNorm: number;
  /** Weight of the term that centres the scores. */
  centring: number;
}

/** Of the batch before its update. */
export interface RewardStep {
  loss: number;
  /** Share of pairs whose chosen text scores higher. */
  accuracy: number;
  /** Mean of r_c - r_r. */
  margin: number;
  /** Mean score over both texts. */
  score: number;
  /** Before clipping. */
  gradient_norm: number;
  learning_rate: number;
}

export class RewardTrainer {
  private readonly updater: Updater;

  /** @param classifier with one output; its owner frees it */
  constructor(
    private readonly classifier: CausalClassifier,
    private readonly options: RewardTrainerOptions,
  ) {
    const { weightDecay, maxGradientNorm } = options;
    const trainable = options.trainable ?? fullTraining(classifier.trunk);
    this.updater = new Updater(trainable, classifier.head, { weightDecay, maxGradientNorm });
  }

  /** @throws ComputeError nan-loss when the loss is not finite; the parameters are then as before the step */
  step(i: number): RewardStep {
    const { order, learningRate, schedule, pairs } = this.options;
    const batch = Array.from(order.rows(i), (row) => pairs[row] as TokenPair);
    const rate = learningRate * schedule(i);
    const { loss, chosen, rejected, grads } = this.gradientsOf(batch);
    const update = this.updater.prepare(grads);
    const { norm } = update;
    try {
      if (!Number.isFinite(loss) || !Number.isFinite(norm)) throw diverged(i, loss, norm, rate);
      update.apply(rate);
    } finally {
      update.dispose();
    }
    const differences = chosen.map((score, n) => score - (rejected[n] as number));
    return {
      loss,
      accuracy: mean(differences.map((difference) => Number(difference > 0))),
      margin: mean(differences),
      score: (mean(chosen) + mean(rejected)) / 2,
      gradient_norm: norm,
      learning_rate: rate,
    };
  }

  /** The loss of all pairs, their scores, and the gradients of the loss, part by part. */
  private gradientsOf(batch: readonly TokenPair[]) {
    const chosen: number[] = [];
    const rejected: number[] = [];
    let loss = 0;
    let grads: Map<string, tf.Tensor> | null = null;
    // Pairs of similar lengths share a part, so that little padding is computed.
    const ordered = [...batch].sort((a, b) => longest(a) - longest(b));
    for (let from = 0; from < ordered.length; from += this.options.microBatch) {
      const part = this.gradientsOfPart(ordered.slice(from, from + this.options.microBatch), batch.length);
      loss += part.loss;
      chosen.push(...part.chosen);
      rejected.push(...part.rejected);
      grads = sumGradients(grads, part.grads);
    }
    return { loss, chosen, rejected, grads: grads ?? new Map<string, tf.Tensor>() };
  }

  /**
   * The loss is computed in double precision from the scores; what TensorFlow differentiates is the linear function of them
   * that has the same gradient.
   */
  private gradientsOfPart(part: readonly TokenPair[], of: number) {
    const { classifier, options, updater } = this;
    const n = part.length;
    const rows = [...part.map(({ chosen }) => chosen), ...part.map(({ rejected }) => rejected)];
    const margins = part.map(({ margin }) => margin);
    let loss = Number.NaN;
    let scores: Float32Array = new Float32Array(0);
    const { value, grads } = gradients(() => {
      const scores_N = classifier.logits(rows).reshape<tf.Tensor1D>([2 * n]);
      scores = scores_N.dataSync() as Float32Array;
      const made = bradleyTerry(scores.subarray(0, n), scores.subarray(n), margins, {
        centring: options.centring,
        of,
      });
      loss = made.loss;
      const slopes = Float32Array.from([...made.gradients.chosen, ...made.gradients.rejected]);
      return tensorflow().dot(scores_N, tensorflow().tensor1d(slopes)).asScalar();
    }, updater.differentiated);
    value.dispose();
    return { loss, grads, chosen: scores.subarray(0, n), rejected: scores.subarray(n) };
  }

  /** Everything that later steps depend on, but the settings and the pairs. */
  save(): UpdaterState {
    return this.updater.save();
  }

  load(state: UpdaterState): void {
    this.updater.load(state);
  }

  dispose(): void {
    this.updater.dispose();
  }
}

const longest = ({ chosen, rejected }: TokenPair) => Math.max(chosen.length, rejected.length);
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

function diverged(step: number, loss: number, norm: number, rate: number): ComputeError {
  return new ComputeError(
    'nan-loss',
    `Training diverged at step ${step + 1}: the loss is ${loss}, the gradient's norm ${norm}, the learning rate ${rate}`,
    { hint: 'lower `learning-rate`, raise `warm-up`, or lower `max-gradient-norm`' },
  );
}
