export interface ParallelCoordinates {
  /** From left to right. The last is what the lines are coloured by. */
  axes: readonly CoordinateAxis[];
  lines: readonly { line: string; places: readonly number[]; colour: number }[];
  /** What the colours mean. */
  title: string;
  /** Whether small values are the good ones. */
  smallIsGood: boolean;
}

export interface CoordinateAxis {
  name: string;
  /** What stands at which height, 0 at the bottom and 1 at the top. */
  ticks: readonly { place: number; label: string }[];
}

/** One line a trial across one vertical axis a parameter (Inselberg, 1985), each with its own ticks; the good ones dark. */
export function parallelCoordinates(figure: ParallelCoordinates): Record<string, unknown> {
  const { axes, lines, title, smallIsGood } = figure;
  const names = axes.map(({ name }) => name);
  const rows = lines.flatMap(({ line, places, colour }) =>
    places.map((place, i) => ({ line, axis: names[i], place, colour })),
  );
  const ticks = axes.flatMap(({ name, ticks: own }) => own.map((tick) => ({ axis: name, ...tick })));
  const x = {
    field: 'axis',
    type: 'ordinal',
    sort: names,
    title: null,
    scale: { padding: 0.35 },
    axis: {
      orient: 'top',
      labelAngle: 0,
      labelPadding: 14,
      labelFontWeight: 600,
      domain: false,
      ticks: false,
      grid: true,
    },
  };
  const label = { type: 'text', align: 'right', dx: -6, fontSize: 10 };
  const y = { field: 'place', type: 'quantitative', title: null, axis: null, scale: { domain: [0, 1] } };
  return {
    width: Math.max(420, 130 * names.length),
    height: 260,
    layer: [
      {
        data: { values: rows },
        mark: { type: 'line', opacity: 0.7, strokeWidth: 1.5 },
        encoding: {
          x,
          y,
          detail: { field: 'line' },
          color: {
            field: 'colour',
            type: 'quantitative',
            scale: { scheme: 'viridis', reverse: !smallIsGood },
            legend: { title, orient: 'right' },
          },
        },
      },
      {
        data: { values: ticks },
        // Lines run behind the labels.
        layer: [
          { mark: { ...label, stroke: 'white', strokeWidth: 4, opacity: 0.9 } },
          { mark: { ...label, color: '#3d4450' } },
        ],
        encoding: { x, y, text: { field: 'label' } },
      },
    ],
  };
}
