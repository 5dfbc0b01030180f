export interface ScatterFigure {
  rows: readonly Record<string, unknown>[];
  x: { field: string; title: string; log?: boolean };
  y: { field: string; title: string };
  colour?: { field: string; title?: string };
  shape?: { field: string; title?: string };
  /** Writes this field beside each point. */
  text?: string;
  /** One panel a value. */
  facet?: string;
}

/** Points in the plane; a field may colour, shape, label or split them. */
export function scatterFigure(figure: ScatterFigure): Record<string, unknown> {
  const x = {
    field: figure.x.field,
    type: 'quantitative',
    title: figure.x.title,
    scale: { zero: false, padding: 14, ...(figure.x.log ? { type: 'log' } : {}) },
  };
  const y = {
    field: figure.y.field,
    type: 'quantitative',
    title: figure.y.title,
    scale: { zero: false, padding: 14 },
  };
  const legend = (title?: string) => ({ title: title ?? null, orient: 'bottom' });
  const colour = figure.colour
    ? { color: { field: figure.colour.field, type: 'nominal', legend: legend(figure.colour.title) } }
    : {};
  const shape = figure.shape
    ? { shape: { field: figure.shape.field, type: 'nominal', legend: legend(figure.shape.title) } }
    : {};
  const layer = [
    { mark: { type: 'point', opacity: 0.8 }, encoding: { x, y, ...colour, ...shape } },
    ...(figure.text
      ? [
          {
            mark: { type: 'text', align: 'left', dx: 8, fontSize: 11 },
            encoding: { x, y, text: { field: figure.text } },
          },
        ]
      : []),
  ];
  const size = figure.facet ? { width: 250, height: 220 } : { width: 520, height: 280 };
  const data = { values: figure.rows };
  if (!figure.facet) return { data, ...size, layer };
  return {
    data,
    facet: { field: figure.facet, type: 'nominal', title: null },
    columns: 3,
    spec: { ...size, layer },
  };
}
