import { colours } from './theme.ts';

export interface BestSoFarFigure {
  /** One row a trial; `best`: of those trained in full up to it. */
  rows: readonly { trial: number; value: number; best: number | null; inFull: boolean; search: string }[];
  title: string;
}

const STATES = ['trained in full', 'stopped early'];

/** Every trial as a dot, the best of the complete ones so far as a line; one panel a search. */
export function bestSoFarFigure({ rows, title }: BestSoFarFigure): Record<string, unknown> {
  const searches = [...new Set(rows.map(({ search }) => search))];
  const x = { field: 'trial', type: 'quantitative', title: 'trial', axis: { tickMinStep: 1 } };
  const scale = { zero: false, padding: 8 };
  const layer = [
    {
      transform: [{ filter: 'isValid(datum.best)' }],
      mark: { type: 'line', interpolate: 'step-after', color: colours.accent },
      encoding: { x, y: { field: 'best', type: 'quantitative', title, scale } },
    },
    {
      mark: { type: 'point', opacity: 0.75 },
      encoding: {
        x,
        y: { field: 'value', type: 'quantitative', title, scale },
        color: {
          field: 'state',
          type: 'nominal',
          scale: { domain: STATES, range: [colours.tuned, colours.control] },
          legend: { title: null, orient: 'bottom' },
        },
      },
    },
  ];
  const data = {
    values: rows.map(({ inFull, ...row }) => ({ ...row, state: STATES[inFull ? 0 : 1] })),
  };
  if (searches.length === 1) return { data, width: 520, height: 240, layer };
  return {
    data,
    facet: { field: 'search', type: 'nominal', sort: searches, title: null },
    columns: 2,
    spec: { width: 300, height: 200, layer },
  };
}
