import { colours } from './theme.ts';

type Spec = Record<string, unknown>;

/** The field that tells the two runs apart, and what it says. */
const RUN = 'compared';
const NAMES = ['A', 'B'];

/**
 * Two figures of one kind drawn over each other, run A and run B told apart: by a place of their own where there are rows or
 * bars, by dashes or shapes where colour is taken, else by colour. Null when they cannot share their axes: then they are to be
 * shown one after the other.
 */
export function overlay(a: Spec, b: Spec): Spec | null {
  const [from, to] = [valuesOf(a), valuesOf(b)];
  if (!from || !to || skeleton(a) !== skeleton(b)) return null;
  const values = [
    ...from.map((row) => ({ ...row, [RUN]: NAMES[0] })),
    ...to.map((row) => ({ ...row, [RUN]: NAMES[1] })),
  ];
  return { ...toldApart(merged(a, b) as Spec), data: { values } };
}

/** Rows of a figure with one data set, at its top. */
function valuesOf({ data, ...rest }: Spec): Spec[] | null {
  const values = (data as { values?: Spec[] } | undefined)?.values;
  return values && !JSON.stringify(rest).includes('"values":[{') ? values : null;
}

/** What must be alike: marks and the fields of their axes, not what stands on these. */
function skeleton(spec: unknown): string {
  return JSON.stringify(spec, (key, value) =>
    ['data', 'sort', 'domain', 'range', 'title', 'legend', 'width', 'height', 'facet', 'color'].includes(key)
      ? undefined
      : value,
  );
}

/** B's figure, with what A lists as well: orders of rows and panels hold both. */
function merged(a: unknown, b: unknown): unknown {
  if (Array.isArray(a) && Array.isArray(b))
    return [...a, ...b].every((item) => typeof item === 'string')
      ? [...new Set([...a, ...b])]
      : b.map((item, i) => merged(a[i], item));
  if (isSpec(a) && isSpec(b))
    return Object.fromEntries(Object.entries(b).map(([name, value]) => [name, merged(a[name], value)]));
  return b;
}

const isSpec = (value: unknown): value is Spec =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const colourOf = {
  field: RUN,
  type: 'nominal',
  scale: { domain: NAMES, range: [colours.control, colours.tuned] },
  legend: { title: null, orient: 'bottom' },
};
const byRun = { field: RUN, type: 'nominal', legend: { title: null, orient: 'bottom' } };

function toldApart(spec: Spec): Spec {
  const parts = ['layer', 'hconcat', 'vconcat'].filter((name) => Array.isArray(spec[name]));
  const inner = Object.fromEntries(parts.map((name) => [name, (spec[name] as Spec[]).map(toldApart)]));
  const faceted = isSpec(spec.spec) ? { spec: toldApart(spec.spec) } : {};
  const drawn = isSpec(spec.encoding) && spec.mark ? { encoding: encodingOf(spec, spec.encoding) } : {};
  const roomy = isSpec(spec.height) ? { height: { step: 36, for: 'position' } } : {};
  return { ...spec, ...inner, ...faceted, ...drawn, ...roomy };
}

function encodingOf({ mark }: Spec, encoding: Spec): Spec {
  const type = isSpec(mark) ? mark.type : mark;
  // A line of reference is the same for both.
  if (Object.values(encoding).some((channel) => isSpec(channel) && 'datum' in channel)) return encoding;
  // Colours of labels would be those of the scale that their points have.
  if (type === 'text') return encoding;
  const { x, y, color } = encoding as Record<string, Spec | undefined>;
  if (y?.type === 'nominal')
    return { ...encoding, color: colourOf, yOffset: { field: RUN, type: 'nominal' } };
  if (type === 'bar')
    return x?.type === 'ordinal'
      ? { ...encoding, color: colourOf, xOffset: { field: RUN, type: 'nominal' } }
      : { ...encoding, color: colourOf, y: { ...y, stack: null } };
  if (!color?.field || color.legend === null) return { ...encoding, color: colourOf };
  return type === 'line' ? { ...encoding, strokeDash: byRun } : { ...encoding, shape: byRun };
}
