import { KINDS } from '../../compiler/kinds/registry.ts';
import type { PlanDiff } from '../../compiler/plan/diff.ts';
import { formatInteger } from '../../report/format.ts';
import { html } from '../../report/html.ts';
import type { Page } from '../../report/page.ts';
import { measureAnchor, pointAnchor, shortKey } from '../../report/trace.ts';
import type { Block, FigureBlock, Section, TableBlock } from '../../report/types.ts';
import type { Json, Metric } from '../../store/types.ts';
import { differs } from '../render/compare.ts';
import type { ComparedMeasure, ComparedMeasures } from './measures.ts';
import type { Side } from './side.ts';

export interface Comparison extends ComparedMeasures {
  before: Side;
  after: Side;
  settings: PlanDiff;
  figures: readonly FigureBlock[];
  figuresOnly: { before: string[]; after: string[] };
}

/** Two runs side by side as a page: what was set otherwise, what was measured otherwise, and their figures over each other. */
export function comparisonPage(compared: Comparison): Page {
  const { before, after } = compared;
  const sections = [
    settingsSection(compared),
    measuresSection(compared),
    figuresSection(compared),
    definitionsSection(compared),
    resultsSection(compared),
  ];
  return {
    title: `${before.run.experiment} and ${after.run.experiment}, compared`,
    meta: `A ${before.run.id} · B ${after.run.id} · differences are B − A`,
    summary: summaryOf(compared),
    tiles: [],
    verdicts: [],
    notes: [],
    sections: sections.filter((section): section is Section => section !== undefined),
  };
}

function summaryOf({ before, after, settings, measures, only, figures }: Comparison): Page['summary'] {
  const steps = settings.added.length + settings.removed.length + Object.keys(settings.changed).length;
  const other = measures.filter(differs);
  const tried = measures.filter(({ difference }) => difference?.apart !== null && difference !== null);
  const apart = tried.filter(({ difference }) => difference?.apart).length;
  const missing = (side: Side) => side.points.filter(({ record }) => !record).length;
  return [
    { name: 'Compared', text: html`${sideText('A', before)}; ${sideText('B', after)}.` },
    {
      name: 'Set otherwise',
      text: html`${
        steps + settings.general.length === 0
          ? 'Nothing.'
          : `${counted(steps, 'step')}${settings.general.length > 0 ? `; ${settings.general.join(', ')}` : ''}.`
      }`,
    },
    {
      name: 'Measured otherwise',
      text: html`${formatInteger(other.length)} of ${counted(measures.length, 'measure')}. ${
        tried.length > 0
          ? `Of ${counted(tried.length, 'difference')} with an interval, ${formatInteger(apart)} ${apart === 1 ? 'leaves' : 'leave'} out 0; by chance alone about ${formatInteger(Math.ceil(tried.length / 20))} would.`
          : 'No difference has an interval.'
      }`,
    },
    {
      name: 'Drawn together',
      text: html`${figures.length === 0 ? 'No figure: not both runs have a report with it.' : `${counted(figures.length, 'figure')}.`}`,
    },
    {
      name: 'Missing',
      text: html`${counted(missing(before), 'point')} of A and ${formatInteger(missing(after))} of B have no result; ${formatInteger(only.before.length)} are only in A, ${formatInteger(only.after.length)} only in B.`,
    },
  ];
}

const counted = (count: number, what: string) => `${formatInteger(count)} ${what}${count === 1 ? '' : 's'}`;

function sideText(name: string, { run }: Side): string {
  const commit = run.git
    ? `, commit ${run.git.commit.slice(0, 12)}${run.git.dirty ? ' with changes' : ''}`
    : '';
  return `${name} is ${run.spec.path}${commit}, ${run.state}`;
}

function settingsSection({ settings }: Comparison): Section {
  const rows = [
    ...settings.added.map((step) => ({ step, change: 'only in B' })),
    ...settings.removed.map((step) => ({ step, change: 'only in A' })),
    ...Object.entries(settings.changed).flatMap(([step, changes]) =>
      changes.map((change) => ({ step, change })),
    ),
    ...settings.general.map((change) => ({ step: '(the whole)', change })),
  ];
  return {
    id: 'settings',
    title: 'Settings',
    question: 'What was set otherwise, from A to B.',
    blocks: [
      rows.length === 0
        ? { type: 'note', tone: 'info', body: 'Both runs have the same settings.' }
        : table({
            id: 'settings',
            title: 'Settings that differ',
            caption: '',
            columns: [
              { key: 'step', label: 'step' },
              { key: 'change', label: 'from A to B' },
            ],
            rows,
          }),
    ],
  };
}

const table = (of: TableBlock['table'], look: Partial<TableBlock> = {}): TableBlock => ({
  type: 'table',
  fold: 30,
  ...look,
  table: of,
});

function measuresSection(compared: Comparison): Section | undefined {
  const { measures } = compared;
  if (measures.length === 0) return undefined;
  const steps = [...new Set(measures.map(({ step }) => step))];
  const equal = measures.filter((measure) => !differs(measure));
  const blocks = steps.flatMap((step): Block[] => {
    const own = measures.filter((measure) => measure.step === step && differs(measure));
    return own.length > 0 ? [measureTable(compared, step, `Measures of ${step}`, own)] : [];
  });
  return {
    id: 'compared-measures',
    title: 'Measured otherwise',
    question:
      'Each measure of both runs with its interval. The interval of a difference takes the two runs for independent; a star marks those that leave out 0.',
    blocks: [
      ...blocks,
      ...(equal.length > 0
        ? [{ ...measureTable(compared, 'equal', 'Measures that are equal', equal), closed: true }]
        : []),
    ],
  };
}

function measureTable(
  { before, after }: Comparison,
  id: string,
  title: string,
  measures: readonly ComparedMeasure[],
): TableBlock {
  const kinds = kindsOf({ before, after });
  const seen = (side: 'a' | 'b') => ({
    point: 'point',
    definition: 'definition',
    n: `n_${side}`,
    of: `of_${side}`,
    key: `result_${side}`,
  });
  return table({
    id: `measures-${id}`,
    title,
    caption: '',
    columns: [
      { key: 'point', label: 'point' },
      { key: 'measure', label: 'measure', measureOf: 'kind' },
      { key: 'a', label: 'A', format: 'number', interval: ['a_low', 'a_high'], trace: seen('a') },
      { key: 'b', label: 'B', format: 'number', interval: ['b_low', 'b_high'], trace: seen('b') },
      {
        key: 'difference',
        label: 'B − A',
        format: 'number',
        interval: ['difference_low', 'difference_high'],
      },
      { key: 'apart', label: 'leaves out 0' },
    ],
    rows: measures.map(({ step, point, name, before: a, after: b, difference }) => {
      const kind = kinds.get(step) ?? '';
      return {
        point,
        measure: name,
        ...valued('a', a),
        ...valued('b', b),
        difference: difference?.value ?? null,
        difference_low: difference?.ci_low ?? null,
        difference_high: difference?.ci_high ?? null,
        apart: difference?.apart ? '*' : '',
        kind,
        definition: KINDS.get(kind)?.metrics[name] ?? '',
        result_a: keyOf(before, point),
        result_b: keyOf(after, point),
      };
    }),
  });
}

const valued = (side: 'a' | 'b', metric: Metric | null): Record<string, Json> => ({
  [side]: metric?.value ?? null,
  [`${side}_low`]: metric?.ci_low ?? null,
  [`${side}_high`]: metric?.ci_high ?? null,
  [`n_${side}`]: metric?.n ?? null,
  [`of_${side}`]: metric?.n_unit ?? '',
});

const keyOf = ({ points }: Side, id: string): string =>
  points.find((point) => point.id === id)?.record?.key ?? '';

const kindsOf = ({ before, after }: Pick<Comparison, 'before' | 'after'>) =>
  new Map([...before.plan.steps, ...after.plan.steps].map(({ id, kind }) => [id, kind]));

function figuresSection({ figures, figuresOnly }: Comparison): Section | undefined {
  const { before, after } = figuresOnly;
  const missing = [
    ...(before.length > 0 ? [`Only in A: ${before.join(', ')}.`] : []),
    ...(after.length > 0 ? [`Only in B: ${after.join(', ')}.`] : []),
  ];
  if (figures.length === 0 && missing.length === 0) return undefined;
  return {
    id: 'figures',
    title: 'Figures',
    question: 'The figures of the two reports over each other.',
    blocks: [...figures, ...missing.map((body): Block => ({ type: 'note', tone: 'info', body }))],
  };
}

function definitionsSection(compared: Comparison): Section | undefined {
  const kinds = kindsOf(compared);
  const named = new Map(
    compared.measures.map(({ step, name }) => {
      const kind = kinds.get(step) ?? '';
      return [measureAnchor(kind, name), { kind, measure: name }] as const;
    }),
  );
  if (named.size === 0) return undefined;
  return {
    id: 'measures',
    title: 'Measures',
    question: 'What each number is.',
    blocks: [
      table(
        {
          id: 'definitions',
          title: 'Definitions',
          caption: '',
          columns: [
            { key: 'kind', label: 'kind of step' },
            { key: 'measure', label: 'measure' },
            { key: 'definition', label: 'definition' },
          ],
          rows: [...named.values()].map(({ kind, measure }) => ({
            kind,
            measure,
            definition: KINDS.get(kind)?.metrics[measure] ?? '',
          })),
        },
        { closed: true, anchor: ({ kind, measure }) => measureAnchor(String(kind), String(measure)) },
      ),
    ],
  };
}

function resultsSection({ before, after }: Comparison): Section {
  const ids = [...new Set([...before.points, ...after.points].map(({ id }) => id))];
  const shown = (side: Side, id: string): string => {
    const point = side.points.find((each) => each.id === id);
    return point ? (point.record ? shortKey(point.record.key) : 'no result') : 'not in this run';
  };
  return {
    id: 'results',
    title: 'Results',
    question:
      'The keys of what each run has of a point: equal keys are one result. `plumb artifacts show KEY` tells more.',
    blocks: [
      table(
        {
          id: 'lineage',
          title: 'Points',
          caption: '',
          columns: [
            { key: 'point', label: 'point' },
            { key: 'a', label: 'A' },
            { key: 'b', label: 'B' },
          ],
          rows: ids.map((id) => ({ point: id, a: shown(before, id), b: shown(after, id) })),
        },
        { anchor: ({ point }) => pointAnchor(String(point)), fold: 10 },
      ),
    ],
  };
}
