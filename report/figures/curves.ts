export interface CurveFigure {
  rows: readonly Record<string, unknown>[];
  x: { field: string; title: string };
  /** One panel each, side by side. */
  panels: readonly { field: string; title: string; reference?: number }[];
  /** Colours the lines. */
  series?: string;
}

/** Small multiples of lines over a shared x. */
export function curveFigure(figure: CurveFigure): Record<string, unknown> {
  const width = figure.panels.length === 1 ? 520 : 270;
  return {
    data: { values: figure.rows },
    hconcat: figure.panels.map((panel) => ({
      width,
      height: 190,
      layer: [
        ...(panel.reference === undefined
          ? []
          : [
              {
                mark: { type: 'rule', strokeDash: [4, 3], color: '#5b6472' },
                encoding: { y: { datum: panel.reference } },
              },
            ]),
        {
          mark: { type: 'line' },
          encoding: {
            x: { field: figure.x.field, type: 'quantitative', title: figure.x.title },
            y: { field: panel.field, type: 'quantitative', title: panel.title, scale: { zero: false } },
            ...(figure.series
              ? {
                  color: { field: figure.series, type: 'nominal', legend: { title: null, orient: 'bottom' } },
                }
              : {}),
          },
        },
      ],
    })),
  };
}
