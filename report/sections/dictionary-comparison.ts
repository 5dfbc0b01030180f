import type { ComparedPair, MatchesFile } from '../../ml/sae/comparison/types.ts';
import { type DistributionRow, distributionFigure } from '../figures/distributions.ts';
import { labelOf, type ReportRun, readJson } from '../run.ts';
import type { Block } from '../types.ts';
import { metricsTable } from './metrics.ts';
import { tableBlocks } from './tables.ts';

/** More panels than this nobody compares; the table has all. */
const MOST_PANELS = 9;
const BIN = 0.05;

/** Which features dictionaries share: cosines beside their controls, and who has no partner. */
export function comparisonBlocks(run: ReportRun): Block[] {
  const points = run.accepted('sae.compare');
  if (points.length === 0) return [];
  const panels = points.flatMap((point) => {
    const file = readJson<MatchesFile>(point, 'matches', 'matches.json');
    const prefix = points.length > 1 ? `${labelOf(point)}: ` : '';
    return (file?.pairs ?? []).map((pair) => panelOf(file as MatchesFile, pair, prefix));
  });
  const shown = panels.slice(0, MOST_PANELS);
  const blocks: Block[] = [];
  if (shown.length > 0) {
    blocks.push({
      type: 'figure',
      id: 'dictionary-comparison',
      from: points,
      title: 'What dictionaries have in common',
      caption: `Features of the first dictionary by the largest cosine of their direction to any of the second, beside two controls: the same directions with permuted coordinates, and random ones. Features right of the controls have a like; those under them do not.${panels.length > shown.length ? ` The first ${shown.length} of ${panels.length} comparisons; the table below has all.` : ''}`,
      spec: distributionFigure(shown.flat(), { title: 'largest cosine' }),
    });
  }
  blocks.push(...tableBlocks(run, 'sae.compare', 'table'));
  blocks.push(...tableBlocks(run, 'sae.compare', 'partners', { closed: true }));
  blocks.push(...tableBlocks(run, 'sae.compare', 'unpartnered', { closed: true }));
  const numbers = metricsTable(run, 'sae.compare');
  if (numbers) blocks.push({ type: 'table', table: numbers, closed: true });
  return blocks;
}

function panelOf({ dictionaries }: MatchesFile, pair: ComparedPair, prefix: string): DistributionRow[] {
  const name = (d: number) => dictionaries[d]?.from ?? '';
  const panel = `${prefix}${name(pair.first)} → ${name(pair.second)}`;
  return [
    ...binned(pair.likesOfFirst.cosine, { series: 'features', role: 'claim', panel }),
    ...binned(pair.controls.permuted, { series: 'permuted coordinates', role: 'control', panel }),
    ...binned(pair.controls.random, { series: 'random directions', role: 'control', panel }),
  ];
}

/** Bins from the lowest to the highest that is not empty, so that lines return to 0. */
function binned(
  values: readonly number[],
  of: Pick<DistributionRow, 'series' | 'role' | 'panel'>,
): DistributionRow[] {
  const bins = values.map((value) => Math.min(Math.floor(value / BIN + 1e-9), Math.round(1 / BIN) - 1));
  const lowest = Math.min(...bins);
  const highest = Math.max(...bins);
  return Array.from({ length: highest - lowest + 3 }, (_, i) => {
    const bin = lowest - 1 + i;
    const count = bins.filter((each) => each === bin).length;
    return { ...of, from: round(bin * BIN), to: round((bin + 1) * BIN), share: count / values.length };
  });
}

const round = (edge: number): number => Math.round(edge * 1e6) / 1e6;
