import { colours } from './theme.ts';

export interface ParetoFigure {
  /** One row a trial: `x`, `y`, whether it is on the `front`, its number, and which search it belongs to. */
  rows: readonly { x: number; y: number; front: boolean; trial: string; search: string }[];
  x: string;
  y: string;
}

/** Trials in the plane of two metrics; those that none betters in both stand out, and a line runs through them. */
export function paretoFigure({ rows, x, y }: ParetoFigure): Record<string, unknown> {
  const searches = [...new Set(rows.map(({ search }) => search))];
  const scale = { zero: false, padding: 14 };
  const encoding = {
    x: { field: 'x', type: 'quantitative', title: x, scale },
    y: { field: 'y', type: 'quantitative', title: y, scale },
  };
  const onFront = [{ filter: 'datum.front' }];
  const layer = [
    {
      transform: [{ filter: '!datum.front' }],
      mark: { type: 'point', color: colours.control, opacity: 0.7 },
      encoding,
    },
    {
      transform: onFront,
      mark: { type: 'line', interpolate: 'step-after', color: colours.accent, strokeWidth: 1.4 },
      encoding: { ...encoding, order: { field: 'x', type: 'quantitative' } },
    },
    { transform: onFront, mark: { type: 'point', color: colours.accent, opacity: 1, size: 70 }, encoding },
    {
      transform: onFront,
      mark: { type: 'text', align: 'left', dx: 7, dy: -7, fontSize: 10, color: colours.text },
      encoding: { ...encoding, text: { field: 'trial' } },
    },
  ];
  const data = { values: rows };
  if (searches.length === 1) return { data, width: 520, height: 300, layer };
  return {
    data,
    facet: { field: 'search', type: 'nominal', sort: searches, title: null },
    columns: 2,
    spec: { width: 300, height: 240, layer },
  };
}
