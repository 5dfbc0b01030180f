import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'features.explain',
  version: 2,
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
      'Share of the dictionaries’ features that are active in at least `min-texts` of the texts surveyed.',
    dollars: 'US dollars spent, earlier attempts included.',
  },
  queue: 'label',
  retry: { attempts: 8, backoffSeconds: 10 },
  timeoutSeconds: 4 * 3600,
  stallSeconds: 600,
  notInKey: [
    'labeller.base-url',
    'labeller.spend-cap',
    'labeller.concurrency',
    'labeller.attempts',
    'labeller.timeout-seconds',
  ],
  estimate(params) {
    const dictionaries = Array.isArray(params.dictionaries) ? params.dictionaries.length : 1;
    const features = dictionaries * Number(params['per-dictionary'] ?? 30);
    return {
      steps: features,
      seconds: 3 + features * (usesModel(params.labeller) ? 1.5 : 0.01),
      memoryBytes: 1e9,
      dollars: labelDollars(params.labeller, features, 2500, 60),
    };
  },
};

function usesModel(labeller: unknown): boolean {
  return (labeller as { type?: string } | undefined)?.type === 'openai';
}

/** A rough bill for `calls` questions, never above the cap. */
export function labelDollars(
  labeller: unknown,
  calls: number,
  promptTokens: number,
  completionTokens: number,
): number {
  if (!usesModel(labeller)) return 0;
  const { price, 'spend-cap': cap } = labeller as {
    price?: { prompt: number; completion: number };
    'spend-cap'?: number;
  };
  const rate = price ?? { prompt: 2.5, completion: 10 };
  return Math.min(
    cap ?? Number.POSITIVE_INFINITY,
    (calls * (rate.prompt * promptTokens + rate.completion * completionTokens)) / 1e6,
  );
}
