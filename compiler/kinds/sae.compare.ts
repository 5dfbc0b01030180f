import type { KindDefinition } from './types.ts';

const MEAN =
  'Of several comparisons the mean; interval: bootstrap over features, not over trainings of the dictionaries.';

export const kind: KindDefinition = {
  name: 'sae.compare',
  version: 1,
  title: 'Compare dictionaries feature by feature',
  stage: 'dictionaries',
  seeding: 'pooled',
  primary: 'matches',
  outputs: {
    matches: { type: 'artifact', artifact: 'matches' },
    table: { type: 'artifact', artifact: 'table' },
    partners: { type: 'artifact', artifact: 'table' },
    unpartnered: { type: 'artifact', artifact: 'table' },
  },
  metrics: {
    mmcs_first: `MMCS: mean over the first dictionary’s features of the largest cosine of their decoder row to any of the second; several may share one. ${MEAN}`,
    mmcs_second: `The same from the second dictionary to the first. ${MEAN}`,
    mmcs_assigned: `Mean cosine of features paired one to one so that the sum is largest (Hungarian method); the smaller dictionary’s features all have a partner. ${MEAN}`,
    mmcs_random:
      'Control: mmcs_first with random directions in place of the first dictionary: what numbers of features and coordinates alone give.',
    mmcs_permuted:
      'Control: mmcs_first with the coordinates of the first dictionary’s rows in another order, the same for all rows.',
    mmcs_assigned_random: 'Control: mmcs_assigned with random directions in place of the first dictionary.',
    mmcs_assigned_permuted:
      'Control: mmcs_assigned with the coordinates of the first dictionary’s rows in another order.',
    mmcs_first_alive:
      'mmcs_first over features that fire on the texts: dead ones keep the rows they began with.',
    mmcs_second_alive: 'mmcs_second over features that fire on the texts.',
    partnered_first:
      'Share of the first dictionary’s features whose largest cosine reaches the threshold; the rest has no partner in the second.',
    partnered_second: 'The same of the second dictionary’s features.',
    partnered_permuted: 'Control: partnered_first with permuted coordinates.',
    cosine_chance: '95 % of the largest cosines of the permuted control are below it.',
    correlation:
      'Mean Pearson correlation of the activations of features paired one to one, over the same positions of the same texts; pairs of which both fire.',
    correlation_permuted: 'Control: the same with the partners of all pairs dealt anew.',
  },
  queue: 'gpu',
  retry: { attempts: 4, backoffSeconds: 10 },
  timeoutSeconds: 6 * 3600,
  stallSeconds: 1800,
  estimate(params) {
    const count = (list: unknown) => (Array.isArray(list) ? list.length : 2);
    const pairs = params.against
      ? count(params.dictionaries) * count(params.against)
      : Math.max(1, (count(params.dictionaries) * (count(params.dictionaries) - 1)) / 2);
    const positions = params.models ? Number(params.texts ?? 200) * Number(params['max-length'] ?? 128) : 0;
    return {
      steps: pairs,
      seconds:
        3 + pairs * (params.assignment === false ? 0.5 : 4) + (positions * count(params.models)) / 10_000,
      memoryBytes: 1.2e9,
      dollars: 0,
    };
  },
};
