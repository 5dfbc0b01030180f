import { labelCost } from '../paid-calls.ts';
import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'features.explain',
  version: 3,
  title: 'Describe what features respond to',
  stage: 'features',
  seeding: 'per-seed',
  primary: 'features',
  outputs: { features: { type: 'artifact', artifact: 'features' } },
  metrics: {
    explained: 'Features with a description.',
    failed:
      'Features whose description could not be had; they are neither described nor counted as irrelevant.',
    alive_share:
      'Share of the dictionaries’ features that are active in at least `min-texts` of the texts surveyed, of those for explaining and of those for scoring.',
    dollars: 'US dollars spent, earlier attempts included.',
  },
  queue: 'label',
  retry: { attempts: 8, backoffSeconds: 10 },
  timeoutSeconds: 4 * 3600,
  stallSeconds: 600,
  estimate(params) {
    const dictionaries = Array.isArray(params.dictionaries) ? params.dictionaries.length : 1;
    const features = dictionaries * Number(params['per-dictionary'] ?? 30);
    return {
      steps: features,
      seconds: 3 + features * (usesModel(params.labeller) ? 1.5 : 0.01),
      memoryBytes: 1e9,
      ...labelCost(params.labeller, features, features * 2500, features * 60),
    };
  },
};

function usesModel(labeller: unknown): boolean {
  return (labeller as { type?: string } | undefined)?.type === 'openai';
}
