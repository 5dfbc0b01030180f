import type { ValueTrace } from '../store/table.ts';
import type { Json } from '../store/types.ts';
import { formatInteger } from './format.ts';
import { type Html, html } from './html.ts';
import type { ReportPoint } from './run.ts';

/**
 * How a number is traced: it links to its point's row under Lineage, which has the key of its result and what that was made
 * from; names of measures link to their definitions. One mechanism for tables, figures, tiles and verdicts.
 */

/** More links than this bury what they belong to. */
const MOST_NAMED = 4;
/** What people compare keys by. */
const KEY_SHOWN = 12;

export const pointAnchor = (id: string): string => `point-${id.replace(/\s+/g, '_')}`;
export const measureAnchor = (kind: string, name: string): string => `measure-${kind}-${name}`;
export const featureAnchor = (set: string, { layer, feature }: { layer: number; feature: number }): string =>
  `feature-${set.replace(/\s+/g, '_')}-${layer}-${feature}`;

export const linkTo = (anchor: string): string => `#${encodeURIComponent(anchor)}`;

export const shortKey = (key: string): string => key.slice(0, KEY_SHOWN);

/** A value that leads to its point, with what is known of it on hover. */
export function tracedValue(trace: ValueTrace, row: Record<string, Json>, shown: Html): Html {
  const point = row[trace.point];
  if (typeof point !== 'string' || point === '') return shown;
  const of = (name: keyof ValueTrace) => {
    const key = trace[name];
    const value = key === undefined ? undefined : row[key];
    return value === null || value === undefined || value === '' ? null : String(value);
  };
  const n = of('n');
  const key = of('key');
  const title = [
    of('definition'),
    n && `n = ${formatInteger(Number(n))}${of('of') ? ` (${of('of')})` : ''}`,
    of('seed') && `seed ${of('seed')}`,
    point,
    key && `result ${shortKey(key)}`,
  ].filter(Boolean);
  return html`<a class="traced" href="${linkTo(pointAnchor(point))}" title="${title.join(' · ')}">${shown}</a>`;
}

/** `From evaluation, seed 0, result 1a2b…`: the points that a figure or a table is of. */
export function sourceLine(points: readonly ReportPoint[] | undefined): Html | null {
  if (!points || points.length === 0) return null;
  const named = points.slice(0, MOST_NAMED).map((point, i) => html`${i > 0 && ', '}${pointLink(point)}`);
  const more = points.length - MOST_NAMED;
  return html`<p class="source">From ${named}${more > 0 && html` and ${formatInteger(more)} more <a href="#table-lineage">points</a>`}</p>`;
}

export function pointLink(point: ReportPoint): Html {
  const { record } = point;
  const title = [
    point.kind,
    point.seed !== null && `seed ${point.seed}`,
    record ? `result ${shortKey(record.key)}` : point.status,
  ].filter(Boolean);
  return html`<a href="${linkTo(pointAnchor(point.id))}" title="${title.join(' · ')}">${point.id}</a>`;
}
