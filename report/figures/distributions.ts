import { colours } from './theme.ts';

/** Share of a sample in one bin. */
export interface DistributionRow {
  /** The bin: [from, to). */
  from: number;
  to: number;
  share: number;
  /** Which sample: `claim` is drawn as an area, controls as lines. */
  series: string;
  role: 'claim' | 'control';
  /** One panel a value. */
  panel: string;
}

const CONTROL_COLOURS = [colours.accent, colours.control];

/** Distributions of one quantity beside those of its controls, three panels a row. */
export function distributionFigure(
  rows: readonly DistributionRow[],
  axis: { title: string },
): Record<string, unknown> {
  const claims = [...new Set(rows.filter(({ role }) => role === 'claim').map(({ series }) => series))];
  const controls = [...new Set(rows.filter(({ role }) => role === 'control').map(({ series }) => series))];
  const encoding = {
    x: { field: 'from', type: 'quantitative', title: axis.title, scale: { zero: false, nice: false } },
    y: { field: 'share', type: 'quantitative', title: 'share of features', axis: { format: '.0%' } },
    color: {
      field: 'series',
      type: 'nominal',
      scale: {
        domain: [...claims, ...controls],
        range: [...claims.map(() => colours.tuned), ...controls.map((_, i) => CONTROL_COLOURS[i % 2])],
      },
      legend: claims.length + controls.length > 1 ? { title: null, orient: 'bottom', labelLimit: 260 } : null,
    },
  };
  const layer = [
    {
      transform: [{ filter: "datum.role === 'claim'" }],
      mark: { type: 'bar', opacity: 0.55, binSpacing: 0 },
      encoding: { ...encoding, x: { ...encoding.x, bin: { binned: true } }, x2: { field: 'to' } },
    },
    ...(controls.length > 0
      ? [
          {
            transform: [{ filter: "datum.role === 'control'" }],
            mark: { type: 'line', interpolate: 'step-after' },
            encoding,
          },
        ]
      : []),
  ];
  const panels = new Set(rows.map(({ panel }) => panel));
  const data = { values: rows };
  if (panels.size <= 1) return { data, width: 460, height: 220, layer };
  return {
    data,
    facet: { field: 'panel', type: 'nominal', title: null, sort: [...panels], header: { labelLimit: 420 } },
    columns: 3,
    spec: { width: 260, height: 150, layer },
  };
}
