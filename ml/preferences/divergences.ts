import { logSigmoid, sigmoid } from './dpo-losses/logistic.ts';

/**
 * f-divergences between policy and reference (Wang et al. 2023, "Beyond Reverse KL", arXiv 2309.16240): a log-ratio d of a
 * completion becomes the score f'(t) at t = e^d, up to constants that cancel between the two sides of a pair.
 *
 *   reverse-kl   d                                     plain DPO
 *   forward-kl   1 - e^-d
 *   js           log 2 + log sigma(d)
 *   alpha        (e^((a - 1) d) - 1) / (a - 1)         a = 1: reverse KL; the exponent is held to at most 80, as in TRL
 *
 * As TRL 1.13.0, `DPOTrainer._compute_loss`; its default for a is 0.5.
 */
export type Divergence =
  | { type: 'reverse-kl' | 'forward-kl' | 'js' }
  /** `coefficient`: a. */
  | { type: 'alpha'; coefficient: number };

const LARGEST_EXPONENT = 80;

/** The score of a log-ratio and its derivative. */
export function divergenceScore(divergence: Divergence, d: number): [score: number, slope: number] {
  switch (divergence.type) {
    case 'reverse-kl':
      return [d, 1];
    case 'forward-kl':
      return [1 - Math.exp(-d), Math.exp(-d)];
    case 'js':
      return [Math.LN2 + logSigmoid(d), sigmoid(-d)];
    case 'alpha': {
      const scale = divergence.coefficient - 1;
      if (Math.abs(scale) < 1e-6) return [d, 1];
      const power = Math.exp(Math.min(LARGEST_EXPONENT, scale * d));
      return [(power - 1) / scale, scale * d > LARGEST_EXPONENT ? 0 : power];
    }
  }
}
