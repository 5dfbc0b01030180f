import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'sae.evaluate',
  version: 1,
  title: 'Measure a dictionary on unseen texts',
  stage: 'dictionaries',
  seeding: 'per-seed',
  primary: 'table',
  outputs: {
    table: { type: 'artifact', artifact: 'table' },
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
    dead_fraction: 'Share of features that fire on none of the n positions: a small n overstates it.',
    rare_fraction: 'Share of features that fire on fewer than 1 in 1,000 positions, dead ones among them.',
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
  },
  queue: 'gpu',
  retry: { attempts: 4, backoffSeconds: 10 },
  timeoutSeconds: 6 * 3600,
  stallSeconds: 600,
  estimate(params) {
    const texts = Number(params.texts ?? 200);
    const length = Number(params['max-length'] ?? 128);
    const logits = Number(params.batch ?? 16) * length * 50_000 * 4;
    return {
      steps: texts,
      seconds: 3 + (texts * length * 5) / 12_000,
      memoryBytes: 8e8 + 4 * logits,
      dollars: 0,
    };
  },
};
