import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'data.files',
  version: 2,
  title: 'Read texts from a file',
  stage: 'data',
  seeding: 'per-seed',
  primary: 'texts',
  outputs: {
    texts: { type: 'artifact', artifact: 'texts' },
    held_out: { type: 'artifact', artifact: 'texts' },
  },
  metrics: {
    texts: 'Texts kept.',
    held_out: 'Texts held out of them.',
    short: 'Texts left out because they are shorter than `min-characters`.',
    long: 'Texts left out because they are longer than `max-characters`.',
    filtered: 'Rows left out by `where`.',
    duplicates: 'Texts left out because an equal one came before.',
    bad: 'Rows that could not be read.',
    characters: 'Mean characters of a text.',
  },
  queue: 'cpu',
  retry: { attempts: 3, backoffSeconds: 2 },
  timeoutSeconds: 4 * 3600,
  stallSeconds: 600,
  estimate: (params) => ({ steps: Number(params.count ?? 10_000), seconds: 2, memoryBytes: 3e8, dollars: 0 }),
};
