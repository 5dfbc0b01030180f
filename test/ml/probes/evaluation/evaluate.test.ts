import { expect, test } from 'vitest';
import { evaluateProbes } from '../../../../ml/probes/evaluation/evaluate.ts';
import { gapTable, missingControls } from '../../../../ml/probes/evaluation/gap-table.ts';
import { measureTable } from '../../../../ml/probes/evaluation/measure-table.ts';
import { probeMetrics } from '../../../../ml/probes/evaluation/metrics.ts';
import { SWITCHES } from '../../../../ml/probes/evaluation/published.ts';
import { mainTable, predictionTable } from '../../../../ml/probes/evaluation/tables.ts';
import type { ProbeFile, Role } from '../../../../ml/probes/types.ts';
import { stream } from '../../../../ml/random/stream.ts';
import { bootstrap } from '../../../../ml/stats/bootstrap.ts';
import { KendallPairs, kendall } from '../../../../ml/stats/kendall.ts';
import { syntheticProbe } from '../probe-files.ts';

const data = { seed: 3, words: 40, rowsPerWord: 4, features: 40, wordNoise: 1 };
const signals: Record<Role, number> = { tuned: 0.7, base: 0.15, random: 0 };
const roles = ['tuned', 'base', 'random'] as const;
const options = { replicates: 400, level: 0.95 };

function study(
  seed: number,
  signalOf: Record<Role, number>,
  extra: Partial<Parameters<typeof syntheticProbe>[0]> = {},
) {
  return roles.map((role) =>
    syntheticProbe({ role, data: { ...data, seed, signal: signalOf[role] }, ...extra }),
  );
}

test('a planted gap between tuned and base is found, with its controls', () => {
  const evaluation = evaluateProbes(
    study(3, signals, { representations: ['sae', 'raw'], shuffles: 99 }),
    options,
  );
  const metrics = probeMetrics(evaluation);
  expect(metrics.tau_tuned?.value).toBeGreaterThan(0.6);
  expect(metrics.tau_tuned?.p_value).toBe(1 / 100);
  expect(metrics.tau_gap_tuned_base?.ci_low).toBeGreaterThan(0);
  // The least that 99 permutations and Holm's method over four differences can give: of the model before tuning, of the
  // random one, of raw activations, and of chance. The third is none.
  expect(metrics.tau_gap_tuned_base?.p_value).toBe(4 / 100);
  expect(metrics.lfp_gap).toEqual(metrics.tau_gap_tuned_base);
  expect(metrics.lfp_gap_detectable?.value).toBeLessThan(metrics.lfp_gap?.value as number);
  expect(metrics.lfp_gap_words_needed?.value).toBeLessThan(80);
  expect(metrics.auc_tuned?.value).toBeGreaterThan(0.8);
  expect(metrics.auc_tuned?.p_value).toBe(1 / 100);
  expect(metrics.spearman_tuned?.ci_low).toBeGreaterThan(0.5);
  expect(missingControls(evaluation)).toEqual([
    'an untrained probe',
    'what enters layer 0',
    'a control task',
  ]);
  expect(gapTable(evaluation).caption).toContain('Not compared with: an untrained probe,');
  expect(measureTable(evaluation).rows.length).toBe(6 * 9);
  expect(metrics.tau_gap_tuned_random?.ci_low).toBeGreaterThan(0);
  expect(metrics.tau_random?.ci_low).toBeLessThan(0);
  expect(metrics.tau_random?.ci_high).toBeGreaterThan(0);
  expect(Math.abs(metrics.tau_shuffled?.value as number)).toBeLessThan(0.1);
  expect(metrics.sign_accuracy_tuned?.ci_low).toBeGreaterThan(0.8);
  expect(metrics.words).toEqual({ value: 80 });
  expect(metrics.tau_tuned).toMatchObject({ n_unit: 'word family', level: 0.95 });
  // Both representations hold the same features here.
  expect(metrics.tau_raw_tuned?.value).toBe(metrics.tau_tuned?.value);
  expect(metrics.tau_gap_sae_raw).toMatchObject({ value: 0, p_value: 1 });
});

test('with no tuning there is no gap: about as few false findings as the level allows', () => {
  const studies = 200;
  let covered = 0;
  let above = 0;
  let significant = 0;
  for (let seed = 0; seed < studies; seed++) {
    const small = { seed, words: 20, rowsPerWord: 1, features: 20, wordNoise: 1, folds: 3, signal: 0 };
    const files = (['tuned', 'base'] as const).map((role, r) =>
      syntheticProbe({ role, data: { ...small, model: 1000 * r + seed }, shuffles: 19 }),
    );
    const { tau_gap_tuned_base: gap } = probeMetrics(evaluateProbes(files, { replicates: 150, level: 0.95 }));
    if ((gap?.ci_low as number) <= 0 && (gap?.ci_high as number) >= 0) covered++;
    if ((gap?.ci_low as number) > 0) above++;
    if ((gap?.p_value as number) <= 0.05) significant++;
  }
  expect(covered / studies).toBeGreaterThan(0.87);
  expect(above / studies).toBeLessThan(0.08);
  expect(significant / studies).toBeLessThan(0.09);
}, 180_000);

test('tau and its interval are those of a plain bootstrap over words when there is one fold and no families', () => {
  const draws = stream(9, 'plain');
  const letters = 'abcdefghijklmnopqrst';
  const words = Array.from({ length: 60 }, (_, i) => `${letters[i % 20]}${letters[Math.floor(i / 20)]}xyz`);
  const value = words.map(() => Math.round(20 * draws.normal()) / 10 || 0.1);
  const predictions = value.map((v) => v + 2 * draws.normal());
  const file: ProbeFile = {
    ...syntheticProbe({ role: 'tuned', data: { ...data, signal: 0 }, shuffles: 0 }),
    rows: {
      triple: words.map((_, i) => i),
      member: words.map(() => 'positive'),
      word: words,
      value,
      fold: words.map(() => 0),
    },
  };
  file.fits = [{ ...(file.fits[0] as ProbeFile['fits'][0]), predictions }];
  const { cells } = evaluateProbes([file], { replicates: 2000, level: 0.95 });
  const tau = cells[0]?.measures.tau;
  expect(tau?.value).toBeCloseTo(kendall(value, predictions).tau, 12);
  expect(cells[0]?.pValue).toBeCloseTo(kendall(value, predictions).p_value, 12);
  const pairs = new KendallPairs(value, predictions);
  const plain = bootstrap(60, (rows) => pairs.tau(rows), { stream: stream(1, 'other'), unit: 'word' });
  expect(tau?.ci_low).toBeCloseTo(plain.ci_low as number, 1);
  expect(tau?.ci_high).toBeCloseTo(plain.ci_high as number, 1);
  expect(tau?.n).toBe(60);
});

test('seeds are pooled: the mean over seeds, on the words of all', () => {
  const files = [3, 4].flatMap((seed) => study(seed, signals, { shuffles: 5 }));
  const pooled = evaluateProbes(files, options);
  const alone = [3, 4].map((seed) => evaluateProbes(study(seed, signals, { shuffles: 5 }), options));
  const tau = (evaluation: typeof pooled) => probeMetrics(evaluation).tau_tuned?.value as number;
  expect(tau(pooled)).toBeCloseTo((tau(alone[0] as typeof pooled) + tau(alone[1] as typeof pooled)) / 2, 12);
  expect(pooled.cells.every(({ cell }) => cell.runs.length === 2)).toBe(true);
});

test('the tables hold a row for each probe, its chance level, and the published mistakes by name', () => {
  const corrected = study(3, signals);
  const published = study(3, signals, { protocol: 'faithful', shuffles: 2 });
  const evaluation = evaluateProbes([...published, ...corrected], options);
  const { rows, columns } = mainTable(evaluation, SWITCHES);
  const controls = rows.map((row) => `${row.protocol} ${row.model}: ${row.control}`);
  expect(controls).toEqual([
    'corrected tuned: ',
    'corrected tuned: shuffled feedback',
    'corrected before tuning: ',
    'corrected randomly initialised: ',
    'as published tuned: ',
    'as published tuned: shuffled feedback',
    'as published before tuning: ',
    'as published randomly initialised: ',
    'as published before tuning: base-model-activations',
    'as published tuned: tau-on-strings',
    'as published before tuning: base-model-activations + tau-on-strings',
  ]);
  const keys = new Set(columns.flatMap(({ key, interval = [] }) => [key, ...interval]));
  for (const row of rows) for (const key of Object.keys(row)) expect(keys).toContain(key);
  expect(JSON.stringify(rows)).not.toContain('NaN');
  expect(mainTable(evaluation, []).rows.length).toBe(8);
  // Corrected and as published: before tuning, randomly initialised, shuffled.
  expect(gapTable(evaluation).rows.length).toBe(6);
  const predictions = predictionTable(evaluation).rows;
  expect(predictions.length).toBe(240);
  expect(new Set(predictions.map(({ model }) => model)).size).toBe(3);
  // The published tau, on strings, of a probe that reads the planted truth well.
  expect(probeMetrics(evaluation).tau_faithful_tuned?.value).toBeGreaterThan(0.5);
  expect(Math.abs(probeMetrics(evaluation).tau_as_published?.value as number)).toBeLessThan(0.4);
});

test('equal inputs give equal bytes', () => {
  const once = () => evaluateProbes(study(3, signals, { shuffles: 3 }), { replicates: 100, level: 0.95 });
  expect(JSON.stringify(once())).toBe(JSON.stringify(once()));
});

test('two probes of one role, and probes of different triples, are errors that say what to do', () => {
  const files = study(3, signals, { shuffles: 0 });
  expect(() => evaluateProbes([...files, files[0] as ProbeFile], options)).toThrow(
    'two probes are tuned, ridge and corrected, with seed 3',
  );
  const other = { ...(files[1] as ProbeFile), triples: 'others' };
  expect(() => evaluateProbes([files[0] as ProbeFile, other], options)).toThrow('different triples');
});
