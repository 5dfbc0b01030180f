/**
 * The per-token KL term between policy p and reference q, from the log-probabilities of the token that was sampled from p,
 * d = log p - log q:
 *
 *   kl (= k1)   d                      unbiased, may be negative
 *   abs         |d|
 *   mse (= k2)  d^2 / 2                biased, never negative
 *   k3          exp(-d) - 1 + d        unbiased, never negative, little variance
 *   full        sum_v p_v (log p_v - log q_v): exact, needs both distributions: see full-kl.ts
 *
 * Sources: TRL 0.7.11, `PPOTrainer._kl_penalty`; J. Schulman, "Approximating KL Divergence" (2020) for k1, k2, k3.
 * Default: kl.
 */
export type SampledKlForm = 'kl' | 'abs' | 'mse' | 'k3';
export type KlForm = SampledKlForm | 'full';

export function sampledKl(form: SampledKlForm, logProb: number, referenceLogProb: number): number {
  const d = logProb - referenceLogProb;
  switch (form) {
    case 'kl':
      return d;
    case 'abs':
      return Math.abs(d);
    case 'mse':
      return 0.5 * d * d;
    case 'k3':
      return Math.expm1(-d) + d;
  }
}
