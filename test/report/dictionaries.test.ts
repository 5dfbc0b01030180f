import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Plan } from '../../compiler/plan/types.ts';
import type { MatchesFile } from '../../ml/sae/comparison/types.ts';
import { renderSvg } from '../../report/figures/render.ts';
import { type ReportPoint, ReportRun } from '../../report/run.ts';
import { dictionariesSection } from '../../report/sections/dictionaries.ts';
import type { Block } from '../../report/types.ts';
import type { Json, Metric, PointRecord } from '../../store/types.ts';

const directory = mkdtempSync(join(tmpdir(), 'plumb-dictionaries-'));
afterAll(() => rmSync(directory, { recursive: true }));

interface Given {
  step: string;
  kind: string;
  params?: Record<string, Json>;
  outputs?: Record<string, Json>;
  metrics?: Record<string, number>;
  axes?: Record<string, Json>;
  /** Output name -> file name -> content. */
  files?: Record<string, [file: string, content: unknown]>;
}

let points = 0;

function accepted({
  step,
  kind,
  params = {},
  outputs = {},
  metrics = {},
  axes = {},
  files = {},
}: Given): ReportPoint {
  const id = `${step}[${Object.entries(axes).join(';')}]`;
  const directories: Record<string, string> = {};
  for (const [output, [file, content]] of Object.entries(files)) {
    const folder = join(directory, String(points++));
    mkdirSync(folder);
    writeFileSync(join(folder, file), JSON.stringify(content));
    directories[output] = folder;
  }
  const record = {
    key: 'a'.repeat(64),
    kind,
    params,
    outputs,
    metrics: Object.fromEntries(
      Object.entries(metrics).map(([name, value]): [string, Metric] => [name, { value, n: 10 }]),
    ),
  } as unknown as PointRecord;
  return { step, id, kind, status: 'accepted', axes, seed: 0, record, directories };
}

const WEIGHTS = [5e-4, 1e-3, 2e-3];
const LAYERS = [0, 1, 2, 3];

/** A dictionary and its evaluation: error grows with the weight and with the layer, L0 falls with the weight. */
function dictionary(layer: number, variant: string, l1: number): ReportPoint[] {
  const digest = `${variant}-${layer}-${l1}`;
  const axes = { layer, variant, l1 };
  const metrics = { mse: 1000 * l1 * (layer + 1), l0: 0.05 / l1, fvu: 100 * l1, dead_fraction: 0.1 };
  const history = {
    id: 'h',
    title: 'h',
    caption: '',
    columns: [],
    rows: [0, 1, 2].map((step) => ({ step, loss: 3 - step, reconstruction: 2, dead: 0 })),
  };
  const counts = [4, ...new Array<number>(39).fill(0)];
  counts[30] = 12;
  return [
    accepted({
      step: 'saes',
      kind: 'sae.train',
      params: { layer, variant, l1, activations: { $artifact: 'activations', digest: 'x', from: 'acts' } },
      outputs: { sae: { $artifact: 'sae', digest } },
      metrics: { mse: 77, l0: 77, fvu: 77 },
      axes,
      files: { history: ['table.json', history] },
    }),
    accepted({
      step: 'quality',
      kind: 'sae.evaluate',
      params: { dictionary: { $artifact: 'sae', digest, from: 'saes' } },
      outputs: { density: { edges: Array.from({ length: 41 }, (_, i) => -10 + i / 4), counts } },
      metrics,
      axes,
    }),
  ];
}

const cosines = (from: number) => Array.from({ length: 50 }, (_, i) => from + (0.3 * i) / 50);
const matches: MatchesFile = {
  format: 1,
  threshold: 0.7,
  texts: null,
  dictionaries: ['base', 'tuned'].map((from) => ({
    digest: from,
    from,
    variant: 'standard',
    layer: 1,
    site: 'mlp_out',
    features: 50,
  })),
  pairs: [
    {
      first: 0,
      second: 1,
      likesOfFirst: { match: [], cosine: cosines(0.7) },
      likesOfSecond: { match: [], cosine: cosines(0.7) },
      assigned: null,
      controls: {
        random: cosines(0.1),
        permuted: cosines(0.2),
        assignedRandom: null,
        assignedPermuted: null,
      },
    },
  ],
};

const run = new ReportRun('run', {} as Plan, [
  ...LAYERS.flatMap((layer) => WEIGHTS.flatMap((l1) => dictionary(layer, 'l1-tied', l1))),
  ...LAYERS.flatMap((layer) => dictionary(layer, 'standard', 1e-3)),
  accepted({
    step: 'layers',
    kind: 'model.divergence',
    files: { divergence: ['divergence.json', { layers: [], selected: [3, 2] }] },
  }),
  accepted({ step: 'tuning', kind: 'sae.compare', files: { matches: ['matches.json', matches] } }),
]);
const { blocks } = dictionariesSection(run)!;

function tableOf(id: string) {
  const block = blocks.find((each) => each.type === 'table' && each.table.id === id);
  return (block as Extract<Block, { type: 'table' }>).table;
}
function figureOf(id: string) {
  return blocks.find((each) => each.type === 'figure' && each.id === id) as Extract<
    Block,
    { type: 'figure' }
  >;
}

test('figure 8: means over layers of the evaluated numbers, a row a weight', () => {
  const { rows } = tableOf('l1-sweep-values');
  expect(rows.map(({ l1 }) => l1)).toEqual(WEIGHTS);
  // Of layers 0 to 3: 1000 l1 (1 + 2 + 3 + 4) / 4, and never the 77 of the training.
  expect(rows.map(({ mse }) => mse)).toEqual(WEIGHTS.map((l1) => 2500 * l1));
  expect(rows.map(({ l0_scaled }) => l0_scaled)).toEqual([1, 0.5, 0.25]);
  expect(rows.map(({ dictionaries }) => dictionaries)).toEqual([4, 4, 4]);
  expect(figureOf('l1-sweep').caption).toContain('layers 0, 1, 2, 3 on unseen texts');
});

test('table 11: tied and untied over the same layers, a row for each setting', () => {
  const { rows } = tableOf('tied-against-untied');
  expect(rows.map(({ tying, settings }) => `${tying}: ${settings}`)).toEqual([
    'tied: l1-tied, l1 0.0005',
    'tied: l1-tied, l1 0.001',
    'tied: l1-tied, l1 0.002',
    'untied: standard, l1 0.001',
  ]);
  for (const row of rows) expect(row).toMatchObject({ layers: '0, 1, 2, 3', dictionaries: 4 });
  expect(rows.map(({ mse }) => mse)).toEqual([1.25, 2.5, 5, 2.5]);
});

test('table 12: the selected layers against as many of the lowest', () => {
  const rows = tableOf('layer-choice').rows.filter(({ settings }) => /standard/.test(String(settings)));
  expect(rows).toMatchObject([
    { choice: 'moved most by tuning', layers: '2, 3', mse: 3.5 },
    { choice: 'lowest', layers: '0, 1', mse: 1.5 },
  ]);
});

test('nothing is shown that the run has no points for', () => {
  const few = new ReportRun('run', {} as Plan, [
    ...dictionary(2, 'l1-tied', 1e-3),
    ...dictionary(2, 'l1-tied', 2e-3),
    accepted({
      step: 'layers',
      kind: 'model.divergence',
      files: { divergence: ['divergence.json', { layers: [], selected: [2] }] },
    }),
  ]);
  const ids = dictionariesSection(few)!.blocks.flatMap((block) =>
    block.type === 'figure' ? block.id : block.type === 'table' ? block.table.id : [],
  );
  for (const id of ['l1-sweep', 'tied-against-untied', 'layer-choice', 'dictionary-comparison'])
    expect(ids).not.toContain(id);
  expect(dictionariesSection(new ReportRun('run', {} as Plan, []))).toBeUndefined();
});

test('densities, comparisons and training curves are drawn, each sample as a whole', async () => {
  for (const id of [
    'sparsity-reconstruction',
    'l1-sweep',
    'feature-densities',
    'dictionary-comparison',
    'dictionary-training-l1-tied',
  ])
    expect(await renderSvg(figureOf(id).spec)).toContain('<svg');
  const { values } = figureOf('dictionary-comparison').spec.data as {
    values: { series: string; share: number; from: number }[];
  };
  for (const series of ['features', 'permuted coordinates', 'random directions']) {
    const rows = values.filter((row) => row.series === series);
    expect(rows.reduce((sum, row) => sum + row.share, 0)).toBeCloseTo(1, 9);
    expect([rows[0]!.share, rows.at(-1)!.share]).toEqual([0, 0]);
  }
  expect(figureOf('feature-densities').caption).toContain('The first 9 of 16');
  expect(figureOf('dictionary-training-l1-tied').caption).not.toContain('The first');
});

test('what settings have in common is said once', () => {
  expect(tableOf('tied-against-untied').caption).toMatch(/ All: acts\.$/);
});

test('an evaluation that does not say the variant shows that of its dictionary; many dots have shapes, not names', () => {
  const points = LAYERS.flatMap((layer) => WEIGHTS.flatMap((l1) => dictionary(layer, 'l1-tied', l1)));
  const unsaid = points.map((point) =>
    point.kind === 'sae.evaluate' ? { ...point, axes: { layer: point.axes.layer as number } } : point,
  );
  const found = dictionariesSection(new ReportRun('run', {} as Plan, unsaid))!.blocks.find(
    (block) => block.type === 'figure' && block.id === 'sparsity-reconstruction',
  ) as Extract<Block, { type: 'figure' }>;
  const { data, layer } = found.spec as { data: { values: { variant: string }[] }; layer: object[] };
  expect(new Set(data.values.map(({ variant }) => variant))).toEqual(new Set(['l1-tied']));
  expect(layer).toHaveLength(1);
  expect(JSON.stringify(layer)).toContain('"shape"');
});

test('weights over several decades have a logarithmic axis', () => {
  const wide = [1e-4, 1e-3, 1e-2].flatMap((l1) => dictionary(1, 'april', l1));
  const { blocks: own } = dictionariesSection(new ReportRun('run', {} as Plan, wide))!;
  const figure = (of: readonly Block[]) =>
    of.find((block) => block.type === 'figure' && block.id === 'l1-sweep') as typeof found;
  const found = figureOf('l1-sweep');
  expect(JSON.stringify(figure(own).spec)).toContain('"log"');
  expect(JSON.stringify(found.spec)).not.toContain('"log"');
});

test('tables of many points are one, each row saying whose it is', () => {
  const table = { id: 'density', title: 'How often', caption: '', columns: [], rows: [{ share: 1 }] };
  const many = Array.from({ length: 8 }, (_, layer) =>
    accepted({ step: 'q', kind: 'sae.evaluate', axes: { layer }, files: { table: ['table.json', table] } }),
  );
  const tables = dictionariesSection(new ReportRun('run', {} as Plan, many))!.blocks.filter(
    (block) => block.type === 'table' && block.table.id === 'density',
  ) as Extract<Block, { type: 'table' }>[];
  expect(tables).toHaveLength(1);
  expect(tables[0]!.table.title).toBe('How often (8 points)');
  expect(tables[0]!.table.rows.map((row) => row['-of'])).toEqual(
    many.map(({ axes }) => `q layer=${axes.layer}`),
  );
});
