import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Plan, PlanSearch, PlanStep } from '../../compiler/plan/types.ts';
import { renderSvg } from '../../report/figures/render.ts';
import { type ReportPoint, ReportRun } from '../../report/run.ts';
import { searchesOf } from '../../report/searches.ts';
import { searchesSection } from '../../report/sections/searches.ts';
import type { FigureBlock, TableBlock } from '../../report/types.ts';
import type { PointRecord } from '../../store/types.ts';
import { plan, searching, step } from '../workflows/support/plans.ts';

const SPACE: PlanSearch['space'] = [
  { name: 'k', type: 'integer', low: 4, high: 64, log: true, step: 1 },
  { name: 'learning-rate', type: 'real', low: 1e-5, high: 1e-2, log: true },
  { name: 'variant', type: 'categorical', choices: ['topk', 'batch-topk'] },
];

const RUNGS = [10_000, 30_000, 90_000];

/** Trials of which one in two goes on to the next length, and one fails. */
function pointsOf(layer: number, trials: number): ReportPoint[] {
  return Array.from({ length: trials }, (_, trial) => {
    const k = 4 + ((trial * 17) % 60);
    const rate = 10 ** (-5 + ((trial * 7) % 30) / 10);
    const lengths = trial % 4 === 3 ? RUNGS : trial % 2 === 1 ? RUNGS.slice(0, 2) : RUNGS.slice(0, 1);
    return lengths.map((rung): ReportPoint => {
      const axes = {
        layer,
        k,
        'learning-rate': rate,
        variant: trial % 3 === 0 ? 'topk' : 'batch-topk',
        trial,
        rung,
      };
      const id = `saes[layer=${layer},rung=${rung},trial=${trial}]`;
      const common = { step: 'saes', id, kind: 'sae.train', axes, seed: 0, directories: {} };
      if (trial === 2)
        return { ...common, status: 'failed', error: { code: 'nan-loss', message: 'The loss is NaN.' } };
      const fvu = 4 / (8 + k) + Math.abs(Math.log10(rate) + 3) / 10 + 2000 / rung;
      const metrics = { fvu: { value: fvu }, l0: { value: k } };
      return { ...common, status: 'accepted', record: { metrics } as unknown as PointRecord };
    });
  }).flat();
}

function runOf(search: Partial<PlanSearch>, points: ReportPoint[], more: Partial<PlanStep> = {}): ReportRun {
  const saes = step('saes', {
    kind: 'sae.train',
    search: searching({
      space: SPACE,
      objectives: [{ metric: 'fvu', direction: 'minimise' }],
      parts: { parameter: 'tokens', whole: 90_000, rungs: [] },
      ...search,
    }),
    matrix: { axes: [{ name: 'layer', values: [1, 3] }], include: [], exclude: [], bound: 2 },
    ...more,
  });
  return new ReportRun('run', plan('searches', [saes]) as Plan, points);
}

test('trials are read back from their points', () => {
  const run = runOf({}, [...pointsOf(1, 40), ...pointsOf(3, 40)]);
  const searches = searchesOf(run, run.plan.steps[0]!);
  expect(searches.map(({ label, trials }) => [label, trials.length])).toEqual([
    ['layer=1', 40],
    ['layer=3', 40],
  ]);
  const [first] = searches;
  expect(first!.trials.slice(0, 4).map(({ state, length }) => [state, length])).toEqual([
    ['pruned', 10_000],
    ['pruned', 30_000],
    ['failed', 10_000],
    ['complete', 90_000],
  ]);
  expect(first!.trials[3]!.reports.map((report) => report.step)).toEqual(RUNGS);
});

test('every figure can be drawn, of one search and of several', async () => {
  const several = searchesSection(runOf({}, [...pointsOf(1, 40), ...pointsOf(3, 40)]))!;
  const two = runOf(
    {
      objectives: [
        { metric: 'l0', direction: 'minimise' },
        { metric: 'fvu', direction: 'minimise' },
      ],
    },
    pointsOf(1, 60),
    { id: 'saes' },
  );
  const one = searchesSection(two)!;
  const figures = (section: typeof one) =>
    section.blocks.filter((block): block is FigureBlock => block.type === 'figure');
  expect(figures(several).map(({ id }) => id)).toEqual([
    'best-so-far-saes',
    'trade-off-saes',
    'coordinates-saes-0',
    'coordinates-saes-1',
    'importance-saes',
  ]);
  expect(figures(one).map(({ id }) => id)).toEqual([
    'trade-off-saes',
    'coordinates-saes-0',
    'importance-saes',
  ]);
  for (const [name, section] of Object.entries({ several, one }))
    for (const { id, spec } of figures(section)) {
      const svg = await renderSvg(spec);
      expect(svg.length).toBeGreaterThan(2000);
      const folder = process.env['PLUMBLINE_FIGURES'];
      if (folder) writeFileSync(`${folder}/${name}-${id}.svg`, svg);
    }
});

test('the table has every trial, the best first, and says how each ended', () => {
  const section = searchesSection(runOf({}, pointsOf(1, 12)))!;
  const { rows } = section.blocks.filter((block): block is TableBlock => block.type === 'table')[0]!.table;
  expect(rows).toHaveLength(12);
  const values = rows.filter(({ state }) => state === 'complete').map(({ fvu }) => Number(fvu));
  expect(values).toEqual([...values].sort((a, b) => a - b));
  expect(rows.at(-1)).toMatchObject({ trial: 2, fvu: null, state: 'failed: nan-loss' });
});

test('without searches there is no such section', () => {
  expect(searchesSection(new ReportRun('run', plan('none', [step('a')]), []))).toBeUndefined();
});
