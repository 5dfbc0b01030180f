import { logSigmoid, sigmoid } from './logistic.ts';
import type { LossOptions, PairwiseLoss } from './types.ts';

/**
 * Losses of x = beta (s_c - s_r), beta times the difference of the two scores; e is the label smoothing:
 *
 *   sigmoid    -log sigma(x)                                       Rafailov et al. 2023, arXiv 2305.18290, eq. 7
 *   cdpo       -(1 - e) log sigma(x) - e log sigma(-x)             Mitchell 2023, "A note on DPO with noisy preferences"
 *   robust     [-(1 - e) log sigma(x) + e log sigma(-x)] / (1 - 2e)   Chowdhury et al. 2024, arXiv 2403.00409
 *   hinge      max(0, 1 - x)                                       Zhao et al. 2023 (SLiC), arXiv 2305.10425
 *   ipo-sum    (s_c - s_r - 1 / (2 beta))^2                        Azar et al. 2023, arXiv 2310.12036, eq. 17
 *   exo-pair   s log(s / (1 - e)) + (1 - s) log((1 - s) / e), s = sigma(x)   Ji et al. 2024, arXiv 2402.00856, eq. 16
 *   discopop   u e^-x - (1 - u) log sigma(x), u = sigma(x / tau)   Lu et al. 2024, arXiv 2406.08414, eq. 5
 */
type DifferenceLoss = (x: number, options: LossOptions) => [value: number, slope: number];

const smoothed: DifferenceLoss = (x, { labelSmoothing: e }) => [
  -(1 - e) * logSigmoid(x) - e * logSigmoid(-x),
  -(1 - e) * sigmoid(-x) + e * sigmoid(x),
];

const robust: DifferenceLoss = (x, { labelSmoothing: e }) => {
  const scale = 1 / (1 - 2 * e);
  return [
    scale * (-(1 - e) * logSigmoid(x) + e * logSigmoid(-x)),
    scale * (-(1 - e) * sigmoid(-x) - e * sigmoid(x)),
  ];
};

const exoPair: DifferenceLoss = (x, { labelSmoothing: e }) => {
  const s = sigmoid(x);
  const chosen = logSigmoid(x) - Math.log1p(-e);
  const rejected = logSigmoid(-x) - Math.log(e);
  // The derivatives of the two logarithms cancel.
  return [s * chosen + (1 - s) * rejected, s * (1 - s) * (chosen - rejected)];
};

const discopop: DifferenceLoss = (x, { discopopTau: tau }) => {
  const u = sigmoid(x / tau);
  const uSlope = (u * (1 - u)) / tau;
  const exponential = Math.exp(-x);
  const logistic = -logSigmoid(x);
  return [
    u * exponential + (1 - u) * logistic,
    uSlope * (exponential - logistic) - u * exponential - (1 - u) * sigmoid(-x),
  ];
};

const ofDifference =
  (loss: DifferenceLoss): PairwiseLoss =>
  ({ chosen, rejected }, options) => {
    const [value, slope] = loss(options.beta * (chosen - rejected), options);
    return { value, chosen: options.beta * slope, rejected: -options.beta * slope };
  };

export const differenceLosses = {
  sigmoid: ofDifference((x) => [-logSigmoid(x), -sigmoid(-x)]),
  cdpo: ofDifference(smoothed),
  robust: ofDifference(robust),
  hinge: ofDifference((x) => (x < 1 ? [1 - x, -1] : [0, 0])),
  'ipo-sum': ofDifference((x, { beta }) => {
    const miss = x / beta - 1 / (2 * beta);
    return [miss * miss, (2 * miss) / beta];
  }),
  'exo-pair': ofDifference(exoPair),
  discopop: ofDifference(discopop),
} satisfies Record<string, PairwiseLoss>;

/** The loss of `aot`, which takes its differences over the sorted batch. */
export { smoothed };
