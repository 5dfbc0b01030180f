/**
 * The weight beta of the KL term.
 *
 * adaptive: after a batch of n samples with mean sequence KL,
 *
 *   error = clip(KL / target - 1, -0.2, 0.2)        beta <- beta * (1 + error * n / horizon)
 *
 * Source: Ziegler et al., "Fine-Tuning Language Models from Human Preferences" (arXiv 1909.08593), section 2.2, as in TRL
 * 0.7.11, `AdaptiveKLController`. Defaults of TRL: initial 0.2, target 6 nats a sequence, horizon 10,000 samples.
 * fixed: beta never changes.
 */
export type KlControl =
  | { type: 'adaptive'; initial: number; target: number; horizon: number }
  | { type: 'fixed'; initial: number };

export class KlController {
  private beta: number;

  constructor(private readonly control: KlControl) {
    this.beta = control.initial;
  }

  get coefficient(): number {
    return this.beta;
  }

  /** @param kl mean over the batch of the KL summed over each sequence, in nats */
  update(kl: number, samples: number): void {
    if (this.control.type === 'fixed') return;
    const error = Math.min(0.2, Math.max(-0.2, kl / this.control.target - 1));
    this.beta *= 1 + (error * samples) / this.control.horizon;
  }

  /** Goes on from a saved coefficient. */
  restore(coefficient: number): void {
    this.beta = coefficient;
  }
}
