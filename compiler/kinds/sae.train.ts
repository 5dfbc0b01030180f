import { STATE_OUTPUT, STATE_WITH } from '../training-state.ts';
import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'sae.train',
  version: 3,
  title: 'Train a sparse autoencoder',
  stage: 'dictionaries',
  seeding: 'per-seed',
  primary: 'sae',
  outputs: {
    sae: { type: 'artifact', artifact: 'sae' },
    history: { type: 'artifact', artifact: 'table' },
    ...STATE_OUTPUT,
  },
  outputsWith: { ...STATE_WITH },
  lengthParameters: ['tokens'],
  metrics: {
    l0: 'Mean number of features above 0 at a position, held-out activations.',
    fvu: 'Fraction of variance unexplained: Σ‖x − x̂‖² / Σ‖x − mean x‖², held-out activations.',
    fve: 'Fraction of variance explained: 1 − Σ Var(x − x̂) / Σ Var(x), held-out activations; any constant reconstruction scores 0.',
    mse: 'Mean over positions and coordinates of (x − x̂)², held-out activations, in the model’s units.',
    dead_fraction: 'Share of features that fire on none of n activations (training ones among them).',
    base_only_fraction:
      'crosscoder: share of the features that fire that are the base model’s alone: (‖d tuned‖ − ‖d base‖) / the larger, halved, + ½, is below 0.1.',
    shared_fraction: 'crosscoder: the same of features of both models, 0.4 to 0.6.',
    tuned_only_fraction: 'crosscoder: the same of features of the tuned model alone, above 0.9.',
  },
  queue: 'gpu',
  retry: { attempts: 4, backoffSeconds: 10 },
  timeoutSeconds: 24 * 3600,
  stallSeconds: 600,
  // Its batches, but for what they are multiplied by.
  stream: {
    by: [
      ...['activations', 'layer', 'site', 'target', 'target-site', 'target-layer', 'tuned'],
      ...['batch', 'protocol', 'held-out', 'normalise'],
    ],
    sharedBytes: 1e9,
  },
  estimate(params) {
    const batch = Number(params.batch ?? (params.protocol === 'faithful' ? 8192 : 1024));
    const steps = Math.ceil(Number(params.tokens ?? 300_000) / batch);
    // Known before the run only if given: the width is the model's.
    const features = Number(params.features ?? 1024);
    return {
      steps,
      seconds: 3 + steps * batch * features * 8e-8,
      memoryBytes: 7e8 + batch * features * 4 * 6 + 5e8,
      dollars: 0,
    };
  },
};
