import type { KindDefinition } from './types.ts';

const PROBE =
  'Balanced accuracy (0.5: chance) of telling the sign of a rated word of which no word of its family was fitted on, by';

export const kind: KindDefinition = {
  name: 'sae.evaluate',
  version: 3,
  title: 'Measure a dictionary on unseen texts',
  stage: 'dictionaries',
  seeding: 'per-seed',
  primary: 'table',
  outputs: {
    table: { type: 'artifact', artifact: 'table' },
    similarity: { type: 'artifact', artifact: 'table' },
    density: { type: 'any' },
  },
  metrics: {
    l0: 'Mean number of features above 0 at a position.',
    l1: 'Mean sum of feature activations at a position, in the model’s units.',
    fvu: 'Fraction of variance unexplained: Σ‖x − x̂‖² / Σ‖x − mean x‖². The mean reconstructed scores 1.',
    fve: 'Fraction of variance explained: 1 − Σ Var(x − x̂) / Σ Var(x). Any constant reconstruction scores 0.',
    mse: 'Mean over positions and coordinates of (x − x̂)², in the model’s units.',
    squared_error: 'Mean over positions of ‖x − x̂‖²: mse times the width.',
    cosine: 'Mean cosine of activation and reconstruction.',
    l2_ratio: 'Mean of ‖x̂‖ / ‖x‖: below 1 where reconstructions shrink.',
    relative_bias: 'mean ‖x̂‖² / mean x·x̂: 1 is unbiased, below 1 shrinks.',
    dead_fraction:
      'Share of features that fire on none of the n positions, the window: a small n overstates it. Interval: jackknife over groups of texts.',
    rare_fraction: 'Share of features that fire on fewer than 1 in 1,000 positions, dead ones among them.',
    density_below_1e5:
      'Share of features that fire on fewer than 1 in 100,000 positions; with fewer than 100,000 in the window, dead_fraction.',
    density_below_1e6: 'The same below 1 in 1,000,000.',
    decoder_similarity:
      'Mean over features of the largest cosine of a decoder row to any other: near 1 where features repeat one another. Interval: bootstrap over features.',
    decoder_similarity_random: 'Control: the same of as many random directions.',
    loss_recovered_zero:
      '(CE zeroed − CE reconstructed) / (CE zeroed − CE clean), CE of the next token with the layer replaced. 1: nothing lost; 0: no better than zeros.',
    loss_recovered_mean:
      'The same beside the mean activation instead of zeros, which flatter: the stricter of the two.',
    kl_recovered_zero: '(KL zeroed − KL reconstructed) / KL zeroed, KL(clean ‖ replaced) of the next token.',
    kl_recovered_mean: 'The same beside the mean activation.',
    ce_clean: 'Cross-entropy of the next token in nats, the model as it is.',
    ce_reconstructed: 'The same with the layer replaced by the reconstruction.',
    ce_zero: 'The same with the layer replaced by zeros.',
    ce_mean: 'The same with the layer replaced by its mean.',
    probing_k1: `${PROBE} the one feature whose mean differs most.`,
    probing_k2: `${PROBE} the two features whose means differ most.`,
    probing_k5: `${PROBE} the five features whose means differ most.`,
    probing_raw_k1: 'The same by one coordinate of the activation itself.',
    probing_raw_k2: 'The same by two coordinates.',
    probing_raw_k5: 'The same by five coordinates.',
    probing_raw: 'The same by all coordinates of the activation: what is there to be told.',
    probing_gap_k1: 'probing_k1 minus probing_raw_k1, on the same words.',
    probing_shuffled_k1:
      'Control: probing_k1 with words’ values dealt anew among families; the interval is the central 95 % of 20 deals.',
    probing_shuffled_k5: 'Control: probing_k5 with words’ values dealt anew.',
    probing_words: 'Rated words of the texts that were probed, at n tokens.',
    absorption_silent:
      'Share of rated tokens, of those whose sign all coordinates tell, at which none of the sign’s main features fires.',
    absorption_full:
      'Share of the same at which, besides, one other feature carries at least 0.4 of the sign’s direction (Chanin et al. 2024; SAEBench).',
    absorption_fraction:
      'Mean share of the sign’s direction that at most 3 other features carry in place of its main features (SAEBench).',
  },
  queue: 'gpu',
  retry: { attempts: 4, backoffSeconds: 10 },
  timeoutSeconds: 6 * 3600,
  stallSeconds: 600,
  estimate(params) {
    const texts = Number(params.texts ?? 200);
    const length = Number(params['max-length'] ?? 128);
    const further = Math.max(0, Number(params.window ?? 0) - texts * length);
    const logits = Number(params.batch ?? 16) * length * 50_000 * 4;
    return {
      steps: texts,
      seconds: 3 + (texts * length * 5 + further) / 12_000 + (params.probing ? 30 : 0),
      memoryBytes: 8e8 + 4 * logits,
      dollars: 0,
    };
  },
};
