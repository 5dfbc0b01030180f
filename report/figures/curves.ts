export interface CurveFigure {
  rows: readonly Record<string, unknown>[];
  x: { field: string; title: string; log?: boolean };
  /** One panel each, three side by side. */
  panels: readonly { field: string; title: string; reference?: number }[];
  /** Colours the lines. */
  series?: string;
}

const SIDE_BY_SIDE = 3;

/** Small multiples of lines over a shared x. */
export function curveFigure(figure: CurveFigure): Record<string, unknown> {
  const { panels } = figure;
  const rows = Array.from({ length: Math.ceil(panels.length / SIDE_BY_SIDE) }, (_, i) => ({
    hconcat: panels
      .slice(SIDE_BY_SIDE * i, SIDE_BY_SIDE * (i + 1))
      .map((panel) => curvePanel(panel, figure, panels.length === 1 ? 520 : 270)),
  }));
  const data = { values: figure.rows };
  return rows.length === 1 ? { data, ...rows[0] } : { data, vconcat: rows };
}

function curvePanel(panel: CurveFigure['panels'][number], { x, series }: CurveFigure, width: number) {
  const line = {
    mark: { type: 'line' },
    encoding: {
      x: {
        field: x.field,
        type: 'quantitative',
        title: x.title,
        ...(x.log && { scale: { type: 'log' }, axis: { tickCount: 4, format: '~g' } }),
      },
      y: { field: panel.field, type: 'quantitative', title: panel.title, scale: { zero: false } },
      ...(series && {
        color: {
          field: series,
          type: 'nominal',
          legend: { title: null, orient: 'bottom', columns: 3, labelLimit: 280 },
        },
      }),
    },
  };
  const rule = {
    mark: { type: 'rule', strokeDash: [4, 3], color: '#5b6472' },
    encoding: { y: { datum: panel.reference } },
  };
  return { width, height: 190, layer: panel.reference === undefined ? [line] : [rule, line] };
}
