import type { DpoLossOptions } from './dpo-loss.ts';

/** Everything that decides the result of a DPO run, but the model, the pairs, the reference and the seed. */
export interface DpoSettings extends DpoLossOptions {
  /** Pairs of one optimiser step. */
  batch: number;
  /** The most pairs with gradients in memory at once: larger batches are summed up from parts, to the same gradient. */
  microBatch: number;
  learningRate: number;
  /** Steps over which the learning rate rises from 0. */
  warmUp: number;
  /** What it does then: stay, or fall to 0 at the last step in a line or half a cosine. */
  schedule: 'constant' | 'linear' | 'cosine';
  /** Decoupled, as in AdamW. */
  weightDecay: number;
  /** Largest norm of the gradient over all parameters. */
  maxGradientNorm: number;
}

/** What the two protocols differ in. */
export interface DpoProtocol {
  learningRate: number;
  warmUp(steps: number): number;
  /** null: one pass over the pairs. */
  steps: number | null;
}

/**
 * `faithful`: Marks et al. (NeurIPS 2024), DPO of all their models but Gemma: lr 3e-5, 5,000 steps of 8 pairs, 150 of them
 * warm-up, linear decay; all else as transformers' Trainer has it (AdamW, epsilon 1e-8, no decay, clipping at 1).
 * `corrected`: the same with one pass over the pairs, so that a small set is not learned by heart, a warm-up that fits it,
 * and a rate at which a model of two million parameters passes 0.5 on held-out pairs of HH-RLHF in 192 steps (accuracy 0.59
 * of 250 pairs, 95% interval 0.53 to 0.65).
 */
export const DPO_PROTOCOLS: Record<'faithful' | 'corrected', DpoProtocol> = {
  faithful: { learningRate: 3e-5, warmUp: () => 150, steps: 5000 },
  corrected: { learningRate: 1e-4, warmUp: (steps) => Math.floor(steps / 10), steps: null },
};
