import { canonicalJson } from '../../store/canonical.ts';
import type { Table } from '../../store/table.ts';
import type { Json } from '../../store/types.ts';
import { curveFigure } from '../figures/curves.ts';
import { labelOf, type ReportPoint, type ReportRun, readJson } from '../run.ts';
import type { Block } from '../types.ts';
import { type DictionaryPoint, dictionaryPoints, grouped, measuredOn } from './dictionary-points.ts';

/** Fewer values of the weight are no sweep. */
const FEWEST_WEIGHTS = 3;
/** Weights that span more than this are shown on a logarithmic axis. */
const MOST_LINEAR = 20;
/** Variants with an L1 penalty and a decoder of its own: what l1-tied is set against. */
const UNTIED = ['standard', 'april'];

/** The published sweeps of dictionaries (Marks et al. 2024, Appendix F), each where the run has the points for it. */
export function sweepBlocks(run: ReportRun): Block[] {
  const points = dictionaryPoints(run);
  return [...l1Blocks(points), ...tyingBlocks(points), ...layerBlocks(run, points)];
}

/** Figure 8: reconstruction and sparsity over the weight of the L1 penalty, averaged over layers and seeds. */
function l1Blocks(points: readonly DictionaryPoint[]): Block[] {
  const swept = points.filter(({ params }) => typeof params.l1 === 'number');
  const found = [...grouped(swept, (point) => seriesOf(point).join('; ')).values()].filter(
    (members) => new Set(members.map(({ params }) => params.l1)).size >= FEWEST_WEIGHTS,
  );
  if (found.length === 0) return [];
  const { names, common } = shortNames(found.map((members) => seriesOf(members[0] as DictionaryPoint)));
  const series = found.map((members, i) => [names[i] as string, members] as const);
  const rows = series
    .flatMap(([name, members]) =>
      [...grouped(members, ({ params }) => String(params.l1))].map(([l1, own]) => ({
        series: name,
        l1: Number(l1),
        ...means(own),
        dictionaries: own.length,
      })),
    )
    .sort((a, b) => a.l1 - b.l1);
  const used = series.flatMap(([, members]) => members);
  const weights = rows.map(({ l1 }) => l1);
  return [
    {
      type: 'figure',
      id: 'l1-sweep',
      from: used.map(({ point }) => point),
      title: 'The weight of the L1 penalty (the paper’s figure 8)',
      caption: `Mean over ${layersOf(used)} on ${measuredOn(used)}: squared error, over all elements, and active features a position, in hundreds as published. FVU is the error as a share of the variance, which other layers and models can be compared by.${allOf(common)}`,
      spec: curveFigure({
        rows,
        x: {
          field: 'l1',
          title: 'weight of the L1 penalty',
          log: Math.max(...weights) > MOST_LINEAR * Math.min(...weights),
        },
        panels: [
          { field: 'mse', title: 'mean squared error' },
          { field: 'l0_scaled', title: 'L0 / 100' },
          { field: 'fvu', title: 'FVU', reference: 1 },
        ],
        ...(series.length > 1 ? { series: 'series' } : {}),
      }),
    },
    {
      type: 'table',
      closed: true,
      from: used.map(({ point }) => point),
      table: {
        id: 'l1-sweep-values',
        title: 'The weight of the L1 penalty',
        caption: `The numbers of the figure, on ${measuredOn(used)}.`,
        columns: [
          ...(series.length > 1 ? [{ key: 'series', label: 'dictionaries of' }] : []),
          { key: 'l1', label: 'weight', format: 'number' },
          ...MEAN_COLUMNS,
        ],
        rows,
      },
    },
  ];
}

/** Table 11: the same encoder rows to decode with, or rows of their own. */
function tyingBlocks(points: readonly DictionaryPoint[]): Block[] {
  const rows = [
    ...grouped(points, ({ point, params }) => `${point.seed} ${sourceOf(params)}`).values(),
  ].flatMap((members) => {
    const tied = members.filter(({ variant }) => variant === 'l1-tied');
    const untied = members.filter(({ variant }) => UNTIED.includes(variant));
    const layersOfUntied = new Set(untied.map(({ layer }) => layer));
    const shared = new Set(tied.map(({ layer }) => layer).filter((layer) => layersOfUntied.has(layer)));
    if (shared.size === 0) return [];
    const compared = [...tied, ...untied].filter(({ layer }) => shared.has(layer));
    return [...grouped(compared, settingsKey)].map(([settings, own]) => ({
      settings,
      seed: (own[0] as DictionaryPoint).point.seed,
      tying: (own[0] as DictionaryPoint).variant === 'l1-tied' ? 'tied' : 'untied',
      layers: listed(own.map(({ layer }) => layer)),
      ...means(own),
      dictionaries: own.length,
    }));
  });
  return rows.length === 0
    ? []
    : [
        tableOf(
          'tied-against-untied',
          'Tied against untied (the paper’s table 11)',
          `Means over layers that have both, on ${measuredOn(points)}. The two differ in more than tying: the weight of the L1 penalty stands beside another form of the squared error (see sae.train), so compare the error at like L0.`,
          { key: 'tying', label: 'decoder' },
          rows,
          points.map(({ point }) => point),
        ),
      ];
}

interface DivergenceFile {
  selected: number[];
}

/** Table 12: the layers that tuning moved most, against as many of the lowest. */
function layerBlocks(run: ReportRun, points: readonly DictionaryPoint[]): Block[] {
  const divergences = run.accepted('model.divergence');
  const several = divergences.length > 1;
  const rows = divergences.flatMap((divergence) => {
    const selected = readJson<DivergenceFile>(divergence, 'divergence', 'divergence.json')?.selected ?? [];
    const lowest = [...selected.keys()];
    if (selected.length === 0 || selected.every((layer) => lowest.includes(layer))) return [];
    return [...grouped(points, settingsKey)].flatMap(([settings, members]) =>
      [...grouped(members, ({ point }) => String(point.seed)).values()].flatMap((own) => {
        const of = (layers: readonly number[]) => own.filter(({ layer }) => layers.includes(layer));
        const whole = (layers: readonly number[]) =>
          layers.every((layer) => own.some((member) => member.layer === layer));
        if (!whole(selected) || !whole(lowest)) return [];
        return [
          { choice: 'moved most by tuning', layers: selected },
          { choice: 'lowest', layers: lowest },
        ].map(({ choice, layers }) => ({
          settings: several ? `${settings}${SEPARATOR}layers of ${labelOf(divergence)}` : settings,
          seed: (own[0] as DictionaryPoint).point.seed,
          choice,
          layers: listed(layers),
          ...means(of(layers)),
          dictionaries: of(layers).length,
        }));
      }),
    );
  });
  return rows.length === 0
    ? []
    : [
        tableOf(
          'layer-choice',
          'Which layers (the paper’s table 12)',
          `Means over the layers of each choice on ${measuredOn(points)}. Activations of low layers are smaller, so their squared error is smaller for that alone; FVU is relative to the variance of the layer.`,
          { key: 'choice', label: 'layers chosen' },
          rows,
          points.map(({ point }) => point),
        ),
      ];
}

const MEAN_COLUMNS: Table['columns'] = [
  {
    key: 'mse',
    label: 'MSE',
    format: 'number',
    definition: 'Mean over positions and coordinates of (x − x̂)².',
  },
  {
    key: 'l0_scaled',
    label: 'L0 / 100',
    format: 'number',
    definition: 'Mean number of active features, in hundreds.',
  },
  { key: 'fvu', label: 'FVU', format: 'number', definition: 'Fraction of variance unexplained.' },
  { key: 'dictionaries', label: 'how many', format: 'integer' },
];

function tableOf(
  id: string,
  title: string,
  caption: string,
  choice: Table['columns'][number],
  rows: Record<string, Json>[],
  from: readonly ReportPoint[],
): Block {
  const seeds = new Set(rows.map(({ seed }) => seed));
  const { names, common } = shortNames(rows.map(({ settings }) => String(settings).split(SEPARATOR)));
  return {
    type: 'table',
    from,
    table: {
      id,
      title,
      caption: `${caption}${allOf(common)}`,
      columns: [
        { key: 'settings', label: 'dictionaries of' },
        ...(seeds.size > 1 ? [{ key: 'seed', label: 'seed', format: 'integer' as const }] : []),
        choice,
        { key: 'layers', label: 'layers' },
        ...MEAN_COLUMNS,
      ],
      rows: rows.map((row, i) => ({ ...row, settings: names[i] as string })),
    },
  };
}

/** Means over dictionaries; null where one lacks the number. */
function means(points: readonly DictionaryPoint[]): Record<'mse' | 'l0_scaled' | 'fvu', number | null> {
  const mean = (name: string): number | null => {
    const values = points.map(({ metrics }) => metrics[name]?.value);
    return values.some((value) => value === undefined)
      ? null
      : values.reduce<number>((sum, value) => sum + (value ?? 0), 0) / values.length;
  };
  const l0 = mean('l0');
  return { mse: mean('mse'), l0_scaled: l0 === null ? null : l0 / 100, fvu: mean('fvu') };
}

/** What dictionaries share that differ in nothing but layer, weight of the penalty and seed. */
function seriesOf({ params, variant }: DictionaryPoint): string[] {
  const kept = Object.entries(params).filter(([name]) =>
    ['expansion', 'features', 'norm', 'protocol'].includes(name),
  );
  const named = kept.map(([name, value]) => `${name} ${canonicalJson(value)}`.replaceAll('"', ''));
  return [variant, sourceOf(params), ...named];
}

/** What dictionaries share that differ in nothing but layer and seed. */
const settingsOf = (point: DictionaryPoint): string[] =>
  typeof point.params.l1 === 'number' ? [...seriesOf(point), `l1 ${point.params.l1}`] : seriesOf(point);

const SEPARATOR = '; ';
const settingsKey = (point: DictionaryPoint): string => settingsOf(point).join(SEPARATOR);

/** Names without what all of them have in common, but the first part: the variant. */
function shortNames(all: readonly string[][]): { names: string[]; common: string[] } {
  const [first = [], ...others] = all;
  const common = first.slice(1).filter((part) => others.every((parts) => parts.includes(part)));
  const names = all.map((parts) => parts.filter((part) => !common.includes(part)).join(', '));
  return { names, common };
}

const allOf = (common: readonly string[]): string =>
  common.length === 0 ? '' : ` All: ${common.join(', ')}.`;

/** The step that captured what a dictionary was trained on. */
function sourceOf({ activations }: Record<string, Json>): string {
  const from =
    activations !== null &&
    typeof activations === 'object' &&
    !Array.isArray(activations) &&
    activations?.from;
  return typeof from === 'string' ? from.replace(/\[.*$/, '') : 'activations';
}

const layersOf = (points: readonly DictionaryPoint[]): string => {
  const layers = points.map(({ layer }) => layer);
  return `${new Set(layers).size === 1 ? 'layer' : 'layers'} ${listed(layers)}`;
};

const listed = (layers: readonly number[]): string => [...new Set(layers)].sort((a, b) => a - b).join(', ');
