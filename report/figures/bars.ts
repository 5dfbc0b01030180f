import { categorical, colours } from './theme.ts';

export interface BarFigure {
  rows: readonly Record<string, unknown>[];
  x: { field: string; title: string };
  y: { field: string; title: string };
  /** true in this field: the bar stands out. */
  highlight?: string;
  /** One panel a value. */
  facet?: string;
  series?: string;
}

/** Bars over an ordered category. */
export function barFigure(figure: BarFigure): Record<string, unknown> {
  const encoding = {
    x: { field: figure.x.field, type: 'ordinal', title: figure.x.title, axis: { labelAngle: 0 } },
    y: { field: figure.y.field, type: 'quantitative', title: figure.y.title },
    ...(figure.highlight
      ? {
          color: {
            condition: { test: `datum['${figure.highlight}']`, value: colours.tuned },
            value: '#c7ccd4',
          },
        }
      : figure.series
        ? {
            color: {
              field: figure.series,
              type: 'nominal',
              scale: { range: categorical },
              legend: { title: null, orient: 'bottom' },
            },
            xOffset: { field: figure.series },
          }
        : { color: { value: colours.tuned } }),
  };
  const data = { values: figure.rows };
  if (!figure.facet) return { data, width: 420, height: 220, mark: 'bar', encoding };
  return {
    data,
    facet: { field: figure.facet, type: 'nominal', title: null },
    spec: { width: 260, height: 200, mark: 'bar', encoding },
    resolve: { scale: { y: 'independent' } },
  };
}
