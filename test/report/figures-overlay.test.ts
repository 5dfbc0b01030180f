import { expect, test } from 'vitest';
import { barFigure } from '../../report/figures/bars.ts';
import { curveFigure } from '../../report/figures/curves.ts';
import { figureRows } from '../../report/figures/data.ts';
import { distributionFigure } from '../../report/figures/distributions.ts';
import { intervalFigure } from '../../report/figures/intervals.ts';
import { overlay } from '../../report/figures/overlay.ts';
import { parallelCoordinates } from '../../report/figures/parallel-coordinates.ts';
import { renderSvg } from '../../report/figures/render.ts';
import { scatterFigure } from '../../report/figures/scatter.ts';

const interval = (label: string, value: number) =>
  intervalFigure([{ label, role: 'claim', value, low: value - 1, high: value + 1 }], {
    title: 'τ',
    reference: 0,
  });
const curves = (slope: number, series?: string) =>
  curveFigure({
    rows: [0, 1, 2].map((step) => ({ step, loss: slope * step, way: 'ppo' })),
    x: { field: 'step', title: 'step' },
    panels: [{ field: 'loss', title: 'loss' }],
    ...(series ? { series } : {}),
  });
const bars = (value: number) =>
  barFigure({
    rows: [{ layer: 0, value, selected: true }],
    x: { field: 'layer', title: 'layer' },
    y: { field: 'value', title: 'divergence' },
    highlight: 'selected',
  });
const scatter = (value: number) =>
  scatterFigure({
    rows: [{ l0: value, fvu: 0.1, variant: 'topk', layer: 'layer 1' }],
    x: { field: 'l0', title: 'L0' },
    y: { field: 'fvu', title: 'FVU' },
    colour: { field: 'variant' },
    text: 'layer',
  });
const distribution = (share: number) =>
  distributionFigure([{ from: 0, to: 1, share, series: 'features', role: 'claim', panel: 'a' }], {
    title: 'cosine',
  });

test.each<[string, Record<string, unknown>, Record<string, unknown>, string[]]>([
  ['intervals', interval('one', 1), interval('two', 2), ['yOffset']],
  ['curves', curves(1), curves(2), []],
  ['curves of several', curves(1, 'way'), curves(2, 'way'), ['strokeDash']],
  ['bars', bars(1), bars(2), ['xOffset']],
  ['scatter', scatter(1), scatter(2), ['shape']],
  ['distribution', distribution(0.5), distribution(1), ['"stack":null']],
])('%s of two runs share their axes, each told apart', async (_, a, b, channels) => {
  const both = overlay(a, b);
  const rows = figureRows(both);
  expect(rows.map(({ compared }) => compared)).toEqual([
    ...figureRows(a).map(() => 'A'),
    ...figureRows(b).map(() => 'B'),
  ]);
  for (const channel of channels) expect(JSON.stringify(both)).toContain(channel);
  const svg = await renderSvg(both as Record<string, unknown>);
  // Both are named.
  expect(svg).toMatch(/>A</);
  expect(svg).toMatch(/>B</);
  // No point is left without a colour.
  for (const mark of svg.match(/<path[^>]*aria-roledescription="point"[^>]*>/g) ?? [])
    expect(mark).toMatch(/ (fill|stroke)="#/);
});

test('rows of either run have a place, and the line of reference stays one', async () => {
  const both = overlay(interval('one', 1), interval('two', 2)) as Record<string, unknown>;
  expect(JSON.stringify(both)).toContain('"sort":["one","two"]');
  const svg = await renderSvg(both);
  expect(svg).toMatch(/>one</);
  expect(svg).toMatch(/>two</);
});

test('figures of other kinds, and those with several data sets, are not laid over each other', () => {
  expect(overlay(curves(1), bars(1))).toBeNull();
  const lines = parallelCoordinates({
    axes: [{ name: 'l1', ticks: [{ place: 0, label: '0' }] }],
    lines: [{ line: '0', places: [0], colour: 1 }],
    title: 'loss',
    smallIsGood: true,
  });
  expect(overlay(lines, lines)).toBeNull();
  expect(figureRows(lines)).toEqual([
    { line: '0', axis: 'l1', place: 0, colour: 1 },
    { axis: 'l1', place: 0, label: '0' },
  ]);
});
