import { importances } from '../../search/importance/fanova.ts';
import { paretoFront } from '../../search/pareto.ts';
import { toUnit } from '../../search/space.ts';
import type { Dimension, Direction, Value } from '../../search/types.ts';
import type { Table } from '../../store/table.ts';
import type { Json } from '../../store/types.ts';
import { barFigure } from '../figures/bars.ts';
import { bestSoFarFigure } from '../figures/best-so-far.ts';
import { type CoordinateAxis, parallelCoordinates } from '../figures/parallel-coordinates.ts';
import { paretoFigure } from '../figures/pareto.ts';
import { formatNumber } from '../format.ts';
import type { ReportRun } from '../run.ts';
import { type ReportSearch, type ReportTrial, searchesOf } from '../searches.ts';
import type { Block, Section } from '../types.ts';

/** Figures of single searches: more of them bury what comes after. */
const MOST_DRAWN = 4;
/** Metrics that say how good a dictionary is only together. */
const TRADE_OFF = ['l0', 'fvu'] as const;

/** What searches tried and found, and what mattered. */
export function searchesSection(run: ReportRun): Section | undefined {
  const blocks = run.plan.steps.flatMap((step) => {
    const searches = searchesOf(run, step).filter(({ trials }) => trials.length > 0);
    return searches.length === 0 ? [] : blocksOf(step.id, searches);
  });
  if (blocks.length === 0) return undefined;
  return {
    id: 'searches',
    title: 'Searches',
    question:
      'Which values were tried, which were best, and which of them mattered? The best of many trials is better by chance than it would be again.',
    blocks,
  };
}

function blocksOf(id: string, searches: readonly ReportSearch[]): Block[] {
  return [
    ...bestSoFarBlocks(id, searches),
    ...tradeOffBlocks(id, searches),
    ...searches.slice(0, MOST_DRAWN).flatMap((search, i) => coordinateBlocks(`${id}-${i}`, search)),
    ...importanceBlocks(id, searches),
    { type: 'table', table: trialTable(id, searches), fold: 12, from: pointsOf(searches) },
  ];
}

function bestSoFarBlocks(id: string, searches: readonly ReportSearch[]): Block[] {
  const { objectives } = searches[0]!.search;
  if (objectives.length > 1) return [];
  const [{ metric, direction }] = objectives as [{ metric: string; direction: Direction }];
  const rows = searches.flatMap(({ label, trials }) => {
    let best: number | null = null;
    return trials.flatMap(({ number, state, objectives: values }) => {
      if (!values) return [];
      const value = values[0]!;
      if (state === 'complete' && (best === null || isBetter(value, best, direction))) best = value;
      return [{ trial: number, value, best, inFull: state === 'complete', search: label }];
    });
  });
  if (rows.length === 0) return [];
  return [
    {
      type: 'figure',
      id: `best-so-far-${id}`,
      from: pointsOf(searches),
      title: `The best of ${id} so far`,
      caption: `Each dot is a trial, in the order in which they were proposed; the line is the best ${metric} among those trained in full up to there. Grey ones were stopped early, and are shown as they were then.`,
      spec: bestSoFarFigure({ rows, title: metric }),
    },
  ];
}

const isBetter = (a: number, b: number, direction: Direction) => (direction === 'minimise' ? a < b : a > b);

function tradeOffBlocks(id: string, searches: readonly ReportSearch[]): Block[] {
  const { objectives } = searches[0]!.search;
  const pair =
    objectives.length > 1
      ? objectives.slice(0, 2)
      : TRADE_OFF.map((metric) => ({ metric, direction: 'minimise' as const }));
  const [x, y] = pair as [(typeof objectives)[number], (typeof objectives)[number]];
  const rows = searches.flatMap(({ label, trials }) => {
    const placed = trials.flatMap(({ number, state, point }) => {
      const [a, b] = [point.record?.metrics[x.metric]?.value, point.record?.metrics[y.metric]?.value];
      return state === 'complete' && a !== undefined && b !== undefined ? [{ number, x: a, y: b }] : [];
    });
    const signs = [x, y].map(({ direction }) => (direction === 'minimise' ? 1 : -1));
    const front = new Set(paretoFront(placed.map((one) => [signs[0]! * one.x, signs[1]! * one.y])));
    return placed.map((one, i) => ({
      x: one.x,
      y: one.y,
      front: front.has(i),
      trial: String(one.number),
      search: label,
    }));
  });
  // Where one of the two is given, there is nothing to give up.
  if (!varies(rows.map((row) => row.x)) || !varies(rows.map((row) => row.y))) return [];
  return [
    {
      type: 'figure',
      id: `trade-off-${id}`,
      from: pointsOf(searches),
      title: `${x.metric} against ${y.metric}: the trials of ${id}`,
      caption: `Trials trained in full. The orange ones, with their numbers, are on the Pareto front: no other is as good in both (${x.direction} ${x.metric}, ${y.direction} ${y.metric}) and better in one.`,
      spec: paretoFigure({ rows, x: x.metric, y: y.metric }),
    },
  ];
}

const pointsOf = (searches: readonly ReportSearch[]) =>
  searches.flatMap(({ trials }) => trials.map(({ point }) => point));

/** By more than a hundredth. */
function varies(values: readonly number[]): boolean {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return high - low > 0.01 * Math.max(Math.abs(low), Math.abs(high));
}

function coordinateBlocks(id: string, { label, search, trials }: ReportSearch): Block[] {
  const { metric, direction } = search.objectives[0]!;
  const others = search.objectives.length > 1;
  const measured = trials.filter((trial) => trial.state === 'complete');
  if (measured.length < 2) return [];
  const scales = search.objectives.map((_, i) => scaleOf(measured.map(({ objectives }) => objectives![i]!)));
  return [
    {
      type: 'figure',
      id: `coordinates-${id}`,
      from: measured.map(({ point }) => point),
      title: `What was tried: ${label}`,
      caption: `Each line is a trial that was trained in full, from what it tried to its ${search.objectives.map((one) => one.metric).join(' and ')}; dark ones ${others ? `have a good ${metric}` : 'are good'}. Logarithmic ranges are drawn by their logarithm.`,
      spec: parallelCoordinates({
        axes: [
          ...search.space.map(coordinateAxis),
          ...scales.map(({ ticks }, i) => ({ name: search.objectives[i]!.metric, ticks })),
        ],
        lines: measured.map((trial) => ({
          line: String(trial.number),
          places: [
            ...search.space.map((dimension) => placeOf(dimension, trial)),
            ...scales.map(({ place }, i) => place(trial.objectives![i]!)),
          ],
          colour: trial.objectives![0]!,
        })),
        title: metric,
        smallIsGood: direction === 'minimise',
      }),
    },
  ];
}

/** From the least to the greatest of the values. */
function scaleOf(values: readonly number[]) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const place = (value: number) => (high > low ? (value - low) / (high - low) : 0.5);
  const ends = high > low ? [low, high] : [low];
  return { place, ticks: ends.map((value) => ({ place: place(value), label: formatNumber(value) })) };
}

const placeOf = (dimension: Dimension, { values }: ReportTrial) =>
  toUnit(dimension, values[dimension.name] as Value);

function coordinateAxis(dimension: Dimension): CoordinateAxis {
  const values: readonly Value[] =
    dimension.type === 'categorical' ? dimension.choices : [dimension.low, dimension.high];
  return {
    name: dimension.name,
    ticks: values.map((value) => ({
      place: toUnit(dimension, value),
      label: dimension.type === 'real' ? formatNumber(Number(value)) : String(value),
    })),
  };
}

function importanceBlocks(id: string, searches: readonly ReportSearch[]): Block[] {
  const { objectives, space } = searches[0]!.search;
  if (space.length < 2) return [];
  const directions = objectives.map(({ direction }) => direction);
  const rows = searches.flatMap(({ label, trials, search }) =>
    objectives.flatMap(({ metric }, i) => {
      const shares = importances(search.space, directions, trials, i, 0);
      const facet = [...(searches.length > 1 ? [label] : []), ...(objectives.length > 1 ? [metric] : [])];
      return Object.entries(shares ?? {}).map(([name, share]) => ({
        name,
        share,
        of: facet.join(' · ') || metric,
      }));
    }),
  );
  if (rows.length === 0) return [];
  const several = new Set(rows.map(({ of }) => of)).size > 1;
  return [
    {
      type: 'figure',
      id: `importance-${id}`,
      from: pointsOf(searches),
      title: `What mattered in ${id}`,
      caption: `Share of the variance of ${objectives.map(({ metric }) => metric).join(' and ')} over the whole space that each parameter explains by itself, by functional analysis of variance on a random forest of the trials trained in full (Hutter et al., 2014). What is missing to 1 is owed to parameters together.`,
      spec: barFigure({
        rows,
        x: { field: 'name', title: '' },
        y: { field: 'share', title: 'share of variance' },
        ...(several && { facet: 'of' }),
      }),
    },
  ];
}

function trialTable(id: string, searches: readonly ReportSearch[]): Table {
  const { space, objectives, parts } = searches[0]!.search;
  const several = searches.length > 1;
  const rows = searches.flatMap(({ label, trials, search }) =>
    inOrder(trials, search.objectives[0]!.direction).map(
      (trial): Record<string, Json> => ({
        ...(several && { search: label }),
        trial: trial.number,
        ...Object.fromEntries(
          space.map(({ name, type }) => [`tried ${name}`, shown(trial.values[name], type)]),
        ),
        ...Object.fromEntries(objectives.map(({ metric }, i) => [metric, trial.objectives?.[i] ?? null])),
        ...(parts && { length: trial.length }),
        state: trial.point.error ? `failed: ${trial.point.error.code}` : STATES[trial.state],
      }),
    ),
  );
  return {
    id: `trials-${id}`,
    title: `Trials of ${id}`,
    caption: 'The best first; those that were stopped early or failed last.',
    columns: [
      ...(several ? [{ key: 'search', label: 'search' }] : []),
      { key: 'trial', label: 'trial', format: 'integer' },
      ...space.map(({ name, type }) => ({
        key: `tried ${name}`,
        label: name,
        ...(type === 'categorical'
          ? {}
          : { format: type === 'integer' ? ('integer' as const) : ('number' as const) }),
      })),
      ...objectives.map(({ metric }) => ({ key: metric, label: metric, format: 'number' as const })),
      ...(parts ? [{ key: 'length', label: parts.parameter, format: 'integer' as const }] : []),
      { key: 'state', label: 'how it ended' },
    ],
    rows,
  };
}

/** A choice is a name, also where it is a number. */
const shown = (value: Value | undefined, type: Dimension['type']): Json =>
  value === undefined ? null : type === 'categorical' ? String(value) : value;

const STATES = {
  complete: 'complete',
  pruned: 'stopped early',
  failed: 'without its objective',
  running: '',
};

function inOrder(trials: readonly ReportTrial[], direction: Direction): ReportTrial[] {
  const rank = { complete: 0, running: 1, pruned: 1, failed: 2 };
  const loss = ({ objectives }: ReportTrial) =>
    objectives ? objectives[0]! * (direction === 'minimise' ? 1 : -1) : 0;
  return [...trials].sort(
    (a, b) =>
      rank[a.state] - rank[b.state] ||
      (b.length ?? 0) - (a.length ?? 0) ||
      loss(a) - loss(b) ||
      a.number - b.number,
  );
}
