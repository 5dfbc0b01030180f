import { expect, test } from 'vitest';
import type { Cell } from '../../../../ml/probes/evaluation/cells.ts';
import { evaluateProbes } from '../../../../ml/probes/evaluation/evaluate.ts';
import { probeMetrics } from '../../../../ml/probes/evaluation/metrics.ts';
import { SelectivityMeasure } from '../../../../ml/probes/evaluation/selectivity.ts';
import { stream } from '../../../../ml/random/stream.ts';
import { kendall } from '../../../../ml/stats/kendall.ts';
import { syntheticProbe } from '../probe-files.ts';

const draws = stream(0, 'selectivity');
const words = Array.from({ length: 30 }, (_, i) => `w${String(i).padStart(3, '0')}`);
const reading = (noise: number) => {
  const values = words.map(() => Math.round(4 * draws.normal()));
  const predictions = values.map((value) => value + noise * draws.normal());
  return { values, predictions, strata: words.map(() => 0) };
};

test('on any draw it is tau of the truth less the mean tau of the tasks, on the same words', () => {
  const read = { words, truth: reading(1), tasks: [reading(10), reading(20)] };
  const cell = { runs: [{ controlTask: { read } }] } as unknown as Cell;
  const index = { words, families: words, of: new Map(words.map((word, i) => [word, i])) };
  const measure = new SelectivityMeasure(cell, index);
  expect(measure.defined).toBe(true);
  for (const rows of [
    Int32Array.from(words.keys()),
    Int32Array.from({ length: 30 }, () => draws.integer(30)),
  ]) {
    const at = ({ values, predictions }: ReturnType<typeof reading>) =>
      kendall(
        Array.from(rows, (row) => values[row] as number),
        Array.from(rows, (row) => predictions[row] as number),
      ).tau;
    const [a, b] = read.tasks.map(at) as [number, number];
    expect(measure.measure(rows)).toBeCloseTo(at(read.truth) - (a + b) / 2, 12);
  }
});

test('probes carry an interval for it, and none without control tasks', () => {
  const data = { seed: 3, words: 40, rowsPerWord: 6, features: 40, wordNoise: 1, signal: 0.7 };
  const evaluated = (controlTasks: number) =>
    probeMetrics(
      evaluateProbes([syntheticProbe({ role: 'tuned', data, shuffles: 0, controlTasks })], {
        replicates: 200,
        level: 0.95,
      }),
    ).selectivity_tuned;
  const selectivity = evaluated(3);
  expect(selectivity?.ci_low).toBeLessThan(selectivity?.value as number);
  expect(selectivity?.ci_high).toBeGreaterThan(selectivity?.value as number);
  expect(selectivity).toMatchObject({ n_unit: 'word family', level: 0.95 });
  expect(evaluated(0)).toBeUndefined();
});
