import type { KindRegistry } from '../../activities/host.ts';
import type { KindDefinition } from '../../compiler/kinds/types.ts';

const base = {
  version: 1,
  title: 'for chaos runs',
  stage: 'data',
  seeding: 'none',
  queue: 'cpu',
  metrics: {},
  retry: { attempts: 20, backoffSeconds: 0.2 },
  timeoutSeconds: 300,
  stallSeconds: 60,
  estimate: () => ({ steps: 0, seconds: 0, memoryBytes: 0, dollars: 0 }),
} as const;

const KINDS: KindDefinition[] = [
  {
    ...base,
    name: 'chaos.walk',
    outputs: { table: { type: 'artifact', artifact: 'table' }, steps: { type: 'integer' } },
    metrics: { average: 'The running average.' },
  },
  {
    ...base,
    name: 'chaos.gather',
    outputs: { table: { type: 'artifact', artifact: 'table' }, count: { type: 'integer' } },
  },
];

/** The kinds of the chaos runs: cheap, but with checkpoints, artifacts and a fan-in as the real ones have. */
export const REGISTRY: KindRegistry = {
  kinds: new Map(KINDS.map((kind) => [kind.name, kind])),
  validateParameters: (_kind, params) => ({ params, problems: [] }),
};
