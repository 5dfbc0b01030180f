import type { FeatureSet, LabellerNote, Relation } from '../../ml/features/types.ts';
import type { Table } from '../../store/table.ts';
import type { Json, Metric } from '../../store/types.ts';
import { type IntervalRow, intervalFigure } from '../figures/intervals.ts';
import { labelOf, type ReportPoint, type ReportRun, readJson } from '../run.ts';
import type { Block, Section } from '../types.ts';
import { metricsTable } from './metrics.ts';
import { tableBlocks } from './tables.ts';

/** Measures of features.score as a reader meets them. */
const SCORES: { metric: string; label: string; claim: string }[] = [
  {
    metric: 'detection',
    label: 'detection',
    claim: 'Descriptions tell in which texts a feature is active (balanced accuracy)',
  },
  {
    metric: 'detection_hard',
    label: 'detection, hard negatives',
    claim: 'They tell it from similar features (balanced accuracy)',
  },
  {
    metric: 'fuzzing',
    label: 'fuzzing',
    claim: 'They tell at which tokens it is active (balanced accuracy)',
  },
  { metric: 'simulation', label: 'simulation', claim: 'They tell how active it is (correlation)' },
];

/** Whether descriptions of features, and what was said of them, may be believed: each claim beside its control. */
export function explanationsSection(run: ReportRun): Section | undefined {
  const scored = run.accepted('features.score');
  const classified = run.accepted('features.classify');
  if (run.accepted('features.explain').length + scored.length + classified.length === 0) return undefined;
  const blocks: Block[] = [
    ...judgeNotes([...scored, ...classified]),
    {
      type: 'table',
      table: claimsTable(run, scored, classified),
      from: [...scored, ...classified],
      fold: 20,
    },
    ...scoreFigures(run, scored),
    ...tableBlocks(run, 'features.score'),
    ...tableBlocks(run, 'features.score', 'by_feature', { fold: 12, closed: true }),
    ...classified.flatMap(ratersBlocks),
  ];
  const table = metricsTable(run, 'features.score');
  if (table) blocks.push({ type: 'table', table, closed: true });
  return {
    id: 'explanations',
    title: 'Descriptions',
    question:
      'Do the descriptions of features hold on texts that whoever wrote them has not seen, and are features about the task more common than before tuning?',
    blocks,
  };
}

/** A word list that judges is said to be one: its scores are a baseline. */
function judgeNotes(points: readonly ReportPoint[]): Block[] {
  const judges = points.flatMap((point): LabellerNote[] => {
    const set = featureSetOf(point);
    if (!set) return [];
    return point.kind === 'features.score' ? (set.scorer ? [set.scorer] : []) : (set.raters ?? []);
  });
  const lists = [...new Set(judges.filter(({ type }) => type === 'lexicon').map(({ name }) => name))];
  if (lists.length === 0) return [];
  const named =
    lists.length === 1 ? `a word list judged (${lists[0]})` : `word lists judged (${lists.join(', ')})`;
  return [
    {
      type: 'note',
      tone: 'caution',
      body: `No language model but ${named}: it expects a feature at the words that its description names, and knows nothing else. These scores are a baseline.`,
    },
  ];
}

const featureSetOf = (point: ReportPoint) => readJson<FeatureSet>(point, 'features', 'features.json');

interface ClaimRow {
  claim: string;
  point: ReportPoint | undefined;
  own?: Metric | undefined;
  control?: Metric | undefined;
  gap?: Metric | undefined;
  /** Why nothing is established where there is no difference. */
  without: string;
}

function claimsTable(
  run: ReportRun,
  scored: readonly ReportPoint[],
  classified: readonly ReportPoint[],
): Table {
  const of = (point: ReportPoint, name: string) => run.metric(point, name);
  const among = (points: readonly ReportPoint[], point: ReportPoint) => {
    const label = labelOf(point);
    return points.length > 1 ? ` (${label === point.step ? label : `${point.step} ${label}`})` : '';
  };
  const claims: ClaimRow[] = [
    ...(scored.length === 0
      ? [{ claim: 'Descriptions hold', point: undefined, without: 'they were not scored (`features.score`)' }]
      : scored.flatMap((point) =>
          SCORES.filter(({ metric }) => of(point, metric)).map(({ metric, claim }) => ({
            claim: claim + among(scored, point),
            point,
            own: of(point, metric),
            control: of(point, `${metric}_shuffled`),
            gap: of(point, `${metric}_gap`),
            without: 'no descriptions of other features were tried (`shuffles` of features.score)',
          })),
        )),
    ...classified.flatMap((point): ClaimRow[] => [
      {
        claim: `Features are about the task more often than before tuning (share)${among(classified, point)}`,
        point,
        own: of(point, 'related_share'),
        control: of(point, 'related_share_base'),
        gap: of(point, 'related_share_gap'),
        without: 'features of the model before tuning were not classified (`base` of features.classify)',
      },
      {
        claim: `Raters agree on it (share of equal answers; difference: Fleiss’ κ)${among(classified, point)}`,
        point,
        own: of(point, 'agreement'),
        gap: of(point, 'fleiss_kappa'),
        without: of(point, 'agreement')
          ? 'all raters gave one answer throughout, so there is nothing to agree on'
          : 'one rater only (`raters` of features.classify)',
      },
    ]),
  ];
  return {
    id: 'description-claims',
    title: 'What may be said of the descriptions',
    caption:
      'Each claim beside its control. Established: the interval of the difference lies above 0. Controls: the same questions with descriptions of other features; features of the model before tuning; agreement by chance.',
    columns: [
      { key: 'claim', label: 'claim' },
      {
        key: 'own',
        label: 'measured',
        format: 'number',
        interval: ['own_low', 'own_high'],
        trace: { point: 'id' },
      },
      {
        key: 'control',
        label: 'control',
        format: 'number',
        interval: ['control_low', 'control_high'],
        trace: { point: 'id' },
      },
      {
        key: 'gap',
        label: 'difference',
        format: 'number',
        interval: ['gap_low', 'gap_high'],
        trace: { point: 'id' },
      },
      { key: 'n', label: 'n', format: 'integer' },
      { key: 'verdict', label: 'verdict' },
    ],
    rows: claims.map(({ claim, point, own, control, gap, without }) => ({
      claim,
      id: point?.id ?? '',
      ...withInterval('own', own),
      ...withInterval('control', control),
      ...withInterval('gap', gap),
      n: gap?.n ?? own?.n ?? null,
      verdict: verdict(gap, without),
    })),
  };
}

const withInterval = (key: string, metric: Metric | undefined): Record<string, Json> => ({
  [key]: metric?.value ?? null,
  [`${key}_low`]: metric?.ci_low ?? null,
  [`${key}_high`]: metric?.ci_high ?? null,
});

function verdict(gap: Metric | undefined, without: string): string {
  if (!gap) return `not established: ${without}`;
  if (gap.ci_low === undefined) return 'not established: too few features for an interval';
  return gap.ci_low > 0 ? 'established' : 'not established: the difference may be 0 or less';
}

/** Own descriptions against others', one panel a measure. */
function scoreFigures(run: ReportRun, points: readonly ReportPoint[]): Block[] {
  return points.flatMap((point): Block[] => {
    const rows = SCORES.flatMap(({ metric, label }): IntervalRow[] => {
      const row = (name: string, what: string, role: IntervalRow['role']): IntervalRow[] => {
        const found = run.metric(point, name);
        if (!found) return [];
        const { value, ci_low: low = null, ci_high: high = null } = found;
        return [{ label: `${label}: ${what}`, role, value, low, high }];
      };
      return [
        ...row(metric, 'own descriptions', 'claim'),
        ...row(`${metric}_shuffled`, 'others’ descriptions', 'control'),
      ];
    });
    if (rows.length === 0) return [];
    const label = points.length > 1 ? labelOf(point) : '';
    return [
      {
        type: 'figure',
        id: `description-scores${label && `-${label.replace(/[^a-zA-Z0-9]+/g, '-')}`}`,
        title: `Descriptions on texts that whoever wrote them has not seen${label && ` (${label})`}`,
        caption:
          'Means over features with 95 % bootstrap intervals over features, each with its windows. Detection and fuzzing are balanced accuracies (chance: 0.5); simulation is a correlation (chance: 0). Controls: the same questions asked with descriptions of other features.',
        from: [point],
        spec: intervalFigure(rows, { title: 'score' }),
      },
    ];
  });
}

/** How each rater answered. */
function ratersBlocks(point: ReportPoint): Block[] {
  const set = featureSetOf(point);
  const raters = set?.raters ?? [];
  if (!set || raters.length < 2) return [];
  const before = readJson<FeatureSet>(point, 'base_features', 'features.json');
  const count = ({ features }: FeatureSet, rater: number, wanted: (relation: Relation) => boolean) =>
    features.filter(({ ratings }) => ratings?.[rater] && wanted(ratings[rater])).length;
  const answered = (answer: string) => (relation: Relation) =>
    relation.status === 'labelled' && relation.answer === answer;
  const rows = [{ model: 'tuned', of: set }, ...(before ? [{ model: 'before tuning', of: before }] : [])];
  return [
    {
      type: 'table',
      from: [point],
      table: {
        id: `raters-${point.id.replace(/[^a-zA-Z0-9]+/g, '-')}`,
        title: 'Who said what',
        caption: `Answers of each rater to whether a feature is about “${set.task}”.`,
        columns: [
          { key: 'rater', label: 'rater' },
          { key: 'model', label: 'features of' },
          ...['related', 'unrelated', 'unsure', 'failed'].map((key) => ({
            key,
            label: key,
            format: 'integer' as const,
          })),
        ],
        rows: rows.flatMap(({ model, of }) =>
          raters.map(({ name, type }, i) => ({
            rater: `${name} (${type})`,
            model,
            related: count(of, i, answered('related')),
            unrelated: count(of, i, answered('unrelated')),
            unsure: count(of, i, answered('unsure')),
            failed: count(of, i, ({ status }) => status === 'failed'),
          })),
        ),
      },
    },
  ];
}
