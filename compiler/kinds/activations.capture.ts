import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'activations.capture',
  version: 3,
  title: 'Capture activations',
  stage: 'dictionaries',
  seeding: 'per-seed',
  primary: 'activations',
  outputs: { activations: { type: 'artifact', artifact: 'activations' } },
  metrics: {
    rows: 'Captured positions: one row each, in every layer.',
    sequences: 'Texts (or members of triples) that they come from.',
  },
  queue: 'gpu',
  retry: { attempts: 4, backoffSeconds: 10 },
  timeoutSeconds: 12 * 3600,
  stallSeconds: 600,
  salvages: true,
  estimate(params) {
    const tokens = params.triples === undefined ? Number(params.tokens ?? 60_000) : 20_000;
    const layers = Array.isArray(params.layers) ? params.layers.length : 2;
    const places = layers * (Array.isArray(params.sites) ? params.sites.length : 1);
    const shard = Number(params['shard-size'] ?? 32) * 2 ** 20 * (params.dtype === 'f16' ? 2 : 1);
    const batch = Number(params.batch ?? 32) * Number(params['max-length'] ?? 256);
    return {
      steps: tokens,
      seconds: 3 + tokens / 12_000,
      memoryBytes: 8e8 + places * shard + batch * 4 * 8192,
      dollars: 0,
    };
  },
};
