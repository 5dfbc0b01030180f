import { colours } from './theme.ts';

export interface IntervalRow {
  label: string;
  /** What the row is: `claim` stands out, `control` is grey. */
  role: 'claim' | 'control';
  value: number;
  low: number | null;
  high: number | null;
  group?: string;
}

/** Dots with their intervals, one row each, in the order given, beside a line at `reference`. Grouped rows get a panel each. */
export function intervalFigure(
  rows: readonly IntervalRow[],
  axis: { title: string; reference?: number },
): Record<string, unknown> {
  const labels = [...new Set(rows.map((row) => row.label))];
  const groups = [...new Set(rows.map((row) => row.group ?? ''))];
  const y = {
    field: 'label',
    type: 'nominal',
    sort: labels,
    title: null,
    axis: { labelLimit: 340, ticks: false, domain: false, grid: true },
  };
  const colour = {
    field: 'role',
    type: 'nominal',
    scale: { domain: ['claim', 'control'], range: [colours.tuned, colours.control] },
    legend: { title: null, orient: 'bottom' },
  };
  const layer = [
    ...(axis.reference === undefined
      ? []
      : [
          {
            mark: { type: 'rule', strokeDash: [4, 3], color: '#5b6472' },
            encoding: { x: { datum: axis.reference, type: 'quantitative' } },
          },
        ]),
    {
      transform: [{ filter: 'isValid(datum.low) && isValid(datum.high)' }],
      mark: { type: 'rule', strokeWidth: 2 },
      encoding: { y, x: { field: 'low', type: 'quantitative' }, x2: { field: 'high' }, color: colour },
    },
    {
      mark: { type: 'point', size: 80 },
      encoding: {
        y,
        x: { field: 'value', type: 'quantitative', title: axis.title, scale: { zero: false } },
        color: colour,
      },
    },
  ];
  const size = { width: 520, height: { step: 26 } };
  const data = { values: rows.map((row) => ({ ...row, group: row.group ?? '' })) };
  if (groups.length <= 1) return { data, ...size, layer };
  return {
    data,
    facet: {
      row: {
        field: 'group',
        type: 'nominal',
        sort: groups,
        title: null,
        header: { labelAngle: 0, labelAlign: 'left' },
      },
    },
    spec: { ...size, layer },
    resolve: { scale: { y: 'independent' } },
  };
}
