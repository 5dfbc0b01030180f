import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { FeatureSet, LabellerNote, Relation } from '../../ml/features/types.ts';
import { type ReportPoint, ReportRun } from '../../report/run.ts';
import { explanationsSection } from '../../report/sections/explanations.ts';
import type { Metric, PointRecord } from '../../store/types.ts';
import { describedFeature } from '../ml/features/annotation/features.ts';

const scratch = mkdtempSync(join(tmpdir(), 'plumb-explanations-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const list: LabellerNote = { type: 'lexicon', name: 'vader', note: 'A word list.' };
const model: LabellerNote = { type: 'openai', name: 'gpt', note: 'A model.' };
const set = (more: Partial<FeatureSet> = {}): FeatureSet => ({
  ...{ labeller: list, protocol: 'corrected', prompt: 'modern', split: { explaining: 5, scoring: 5 } },
  ...{ dictionaries: [], features: [describedFeature(1, 'good')], task: 'praise' },
  ...more,
});

let made = 0;
function point(kind: string, metrics: Record<string, Metric>, sets: Record<string, FeatureSet>): ReportPoint {
  const directories: Record<string, string> = {};
  for (const [output, of] of Object.entries(sets)) {
    const directory = join(scratch, `${made++}`);
    mkdirSync(directory);
    writeFileSync(join(directory, 'features.json'), JSON.stringify(of));
    directories[output] = directory;
  }
  const record = { key: 'a'.repeat(64), kind, params: {}, outputs: {}, metrics } as unknown as PointRecord;
  const step = kind.split('.')[1] as string;
  return { step, id: step, kind, status: 'accepted', axes: {}, seed: 0, record, directories };
}

const sectionOf = (...points: ReportPoint[]) =>
  explanationsSection(new ReportRun('r', { seeds: [0] } as never, points));
function verdicts(...points: ReportPoint[]): Record<string, string> {
  const block = sectionOf(...points)?.blocks.find(
    (one) => one.type === 'table' && one.table.id === 'description-claims',
  );
  if (block?.type !== 'table') throw new Error('no claims');
  return Object.fromEntries(block.table.rows.map(({ claim, verdict }) => [claim, verdict])) as Record<
    string,
    string
  >;
}

const estimate = (value: number, low: number): Metric => ({
  ...{ value, ci_low: low, ci_high: value + 0.1, n: 9, n_unit: 'feature' },
});
const explained = point('features.explain', {}, { features: set() });

test('there is no section where nothing was described', () => {
  expect(sectionOf()).toBeUndefined();
});

test('descriptions that nobody tried are not established, and neither is a share without a base rate', () => {
  expect(verdicts(explained)).toEqual({
    'Descriptions hold': 'not established: they were not scored (`features.score`)',
  });
  const classified = point(
    'features.classify',
    { related_share: estimate(0.9, 0.7) },
    { features: set({ raters: [model] }) },
  );
  const [, share, agreement] = Object.values(verdicts(explained, classified));
  expect(share).toMatch(/not established: features of the model before tuning were not classified/);
  expect(agreement).toMatch(/not established: one rater only/);
});

test('a difference is established only where its interval lies above 0', () => {
  const scored = point(
    'features.score',
    {
      ...{ detection: estimate(0.8, 0.7), detection_shuffled: estimate(0.5, 0.4) },
      ...{ detection_gap: estimate(0.3, 0.2), fuzzing: estimate(0.6, 0.5) },
      ...{ fuzzing_shuffled: estimate(0.55, 0.5), fuzzing_gap: estimate(0.05, -0.05) },
      ...{ simulation: estimate(0.5, 0.4), detection_hard: estimate(0.7, 0.6) },
      ...{ detection_hard_gap: { value: 0.2, n: 1, n_unit: 'feature' } },
    },
    { features: set({ scorer: list }) },
  );
  expect(Object.values(verdicts(scored))).toEqual([
    'established',
    'not established: too few features for an interval',
    'not established: the difference may be 0 or less',
    'not established: no descriptions of other features were tried (`shuffles` of features.score)',
  ]);
  const notes = sectionOf(scored)?.blocks.filter(({ type }) => type === 'note');
  expect(JSON.stringify(notes)).toContain('a word list judged (vader)');
});

test('several raters are shown one by one, of the model before tuning too', () => {
  const said = (answer: 'related' | 'unsure'): Relation => ({ status: 'labelled', answer, reason: '' });
  const rated = set({
    raters: [model, list],
    features: [{ ...describedFeature(1, 'good'), ratings: [said('related'), said('unsure')] }],
  });
  const classified = point(
    'features.classify',
    {
      ...{ related_share: estimate(0.9, 0.7), related_share_base: estimate(0.2, 0.1) },
      ...{ related_share_gap: estimate(0.7, 0.4), agreement: estimate(0.5, 0.3) },
      fleiss_kappa: estimate(0.1, -0.2),
    },
    { features: rated, base_features: rated },
  );
  expect(Object.values(verdicts(explained, classified)).slice(1)).toEqual([
    'established',
    'not established: the difference may be 0 or less',
  ]);
  const table = sectionOf(classified)?.blocks.find(
    (one) => one.type === 'table' && one.table.title === 'Who said what',
  );
  expect(table?.type === 'table' && table.table.rows).toEqual([
    { rater: 'gpt (openai)', model: 'tuned', related: 1, unrelated: 0, unsure: 0, failed: 0 },
    { rater: 'vader (lexicon)', model: 'tuned', related: 0, unrelated: 0, unsure: 1, failed: 0 },
    { rater: 'gpt (openai)', model: 'before tuning', related: 1, unrelated: 0, unsure: 0, failed: 0 },
    { rater: 'vader (lexicon)', model: 'before tuning', related: 0, unrelated: 0, unsure: 1, failed: 0 },
  ]);
});
