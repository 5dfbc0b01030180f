/**
 * The loss of a reward model on comparisons, from the scores r of what was chosen and rejected:
 *
 *   mean over pairs of  -log sigmoid(r_c - r_r - m) + c (r_c + r_r)^2
 *
 * The first term is the likelihood of Bradley & Terry (Biometrika 39, 1952), as in Stiennon et al. (NeurIPS 2020, section
 * 3.4, where m = 0) and with a margin m in Touvron et al. ("Llama 2", arXiv 2307.09288, eq. 2). The second pulls the scores
 * of a pair towards a mean of 0 (Eisenstein et al. 2023, arXiv 2312.09244; `center_rewards_coefficient` of TRL).
 */
export interface BradleyTerryOptions {
  /** c. */
  centring: number;
  /** Pairs that the mean is over; by default those given. More, when these are a part of a batch. */
  of?: number;
}

export interface BradleyTerryLoss {
  /** The part that these pairs have in the mean. */
  loss: number;
  /** dloss/dr, by pair. */
  gradients: { chosen: Float64Array; rejected: Float64Array };
}

export function bradleyTerry(
  chosen: ArrayLike<number>,
  rejected: ArrayLike<number>,
  margins: ArrayLike<number>,
  { centring, of = chosen.length }: BradleyTerryOptions,
): BradleyTerryLoss {
  const gradients = { chosen: new Float64Array(chosen.length), rejected: new Float64Array(chosen.length) };
  let loss = 0;
  for (let i = 0; i < chosen.length; i++) {
    const [c, r] = [chosen[i] as number, rejected[i] as number];
    const z = c - r - (margins[i] as number);
    const pull = 2 * centring * (c + r);
    loss += (softplus(-z) + centring * (c + r) ** 2) / of;
    gradients.chosen[i] = (pull - sigmoid(-z)) / of;
    gradients.rejected[i] = (pull + sigmoid(-z)) / of;
  }
  return { loss, gradients };
}

export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** log(1 + exp(x)) = -log sigmoid(-x), without overflow. */
export const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
