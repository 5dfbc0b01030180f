import type { KindDefinition } from './types.ts';

export const kind: KindDefinition = {
  name: 'data.preferences',
  version: 1,
  title: 'Make pairs of preferred and rejected completions',
  stage: 'data',
  seeding: 'per-seed',
  primary: 'preferences',
  outputs: {
    preferences: { type: 'artifact', artifact: 'preferences' },
    held_out: { type: 'artifact', artifact: 'preferences' },
  },
  metrics: {
    pairs: 'Pairs kept.',
    held_out: 'Pairs held out of them.',
    equal: 'Rows left out because both sides are the same.',
    prompt_differs: "Rows left out because the sides differ before the assistant's last turn.",
    empty: 'Rows left out because a side is empty.',
    unreadable: 'Rows left out because a column or the turn of an assistant is missing.',
    prompt_characters: 'Mean characters of a prompt.',
    chosen_characters: 'Mean characters of a preferred completion.',
    rejected_characters: 'Mean characters of a rejected completion.',
    chosen_longer:
      'Share of pairs whose preferred completion has more characters: far from a half, length alone tells the sides apart.',
  },
  queue: 'cpu',
  retry: { attempts: 3, backoffSeconds: 2 },
  timeoutSeconds: 3600,
  stallSeconds: 600,
  estimate: (params) => {
    const rows = Number(params.count ?? 50_000);
    return { steps: rows, seconds: 2 + rows * 5e-5, memoryBytes: 3e8 + rows * 1e4, dollars: 0 };
  },
};
