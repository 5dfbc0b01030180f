import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { bradleyTerry } from '../../../ml/classifiers/bradley-terry.ts';
import { loadClassifier } from '../../../ml/classifiers/load.ts';
import { rowLogits } from '../../../ml/classifiers/row-logits.ts';
import type { SequenceClassifier } from '../../../ml/classifiers/types.ts';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { gradients } from '../../../ml/engine/gradients.ts';

/** Made by test/fixtures/make/classifiers.py with transformers 5.17. */
const TINY = 'test/fixtures/tiny-classifiers';

interface Expected {
  rows: number[][];
  logits: number[][];
  pairs?: { margins: number[]; centre: number; loss: number; gradients: Record<string, number> };
}

const expectedOf = (name: string) =>
  JSON.parse(readFileSync(`${TINY}/${name}/expected.json`, 'utf8')) as Expected;

const opened: SequenceClassifier[] = [];
const open = async (name: string) => {
  const classifier = await loadClassifier(`${TINY}/${name}`);
  opened.push(classifier);
  return classifier;
};
afterEach(() => {
  for (const classifier of opened.splice(0)) classifier.dispose();
});

const largest = (ours: ArrayLike<number>, theirs: readonly number[]) =>
  Math.max(...theirs.map((value, i) => Math.abs(value - (ours[i] as number))));

const names = readdirSync(TINY).sort();

describe.each(names)('%s', (name) => {
  const { rows, logits } = expectedOf(name);

  test('gives the logits of transformers for rows of different lengths', async () => {
    const classifier = await open(name);
    expect(classifier.labels).toHaveLength(logits[0]!.length);
    const out_BL = classifier.logits(rows);
    expect(out_BL.shape).toEqual([rows.length, logits[0]!.length]);
    expect(largest(out_BL.dataSync(), logits.flat())).toBeLessThan(1e-4);
    out_BL.dispose();
    // A row at a time, so that nothing is padded; and sorted by length within, in the order given.
    for (const [i, alone] of rowLogits(classifier, rows, 1).entries())
      expect(largest(alone, logits[i]!)).toBeLessThan(1e-4);
  });
});

describe.each(names.filter((name) => expectedOf(name).pairs))('%s as a reward model', (name) => {
  const { rows, pairs } = expectedOf(name);

  test('gives the loss of TRL on pairs and its gradients', async () => {
    const { margins, centre, loss, gradients: norms } = pairs!;
    const classifier = await open(name);
    let ours = Number.NaN;
    const { value, grads } = gradients(() => {
      const scores_B = classifier.logits(rows).flatten();
      const scores = scores_B.dataSync();
      const made = bradleyTerry([scores[0]!, scores[2]!], [scores[1]!, scores[3]!], margins, {
        centring: centre,
      });
      ours = made.loss;
      const { chosen, rejected } = made.gradients;
      const slopes = [chosen[0]!, rejected[0]!, chosen[1]!, rejected[1]!];
      return tensorflow().dot(scores_B, tensorflow().tensor1d(slopes)).asScalar();
    }, classifier.parameters);
    value.dispose();
    expect(ours).toBeCloseTo(loss, 5);
    expect([...grads.keys()].sort()).toEqual(Object.keys(norms).sort());
    for (const [tensor, gradient] of grads) {
      const norm = Math.sqrt(gradient.square().sum().dataSync()[0]!);
      expect(Math.abs(norm - norms[tensor]!), tensor).toBeLessThan(1e-4 * Math.max(1, norms[tensor]!));
      gradient.dispose();
    }
  });
});
