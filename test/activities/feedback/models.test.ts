import { expect, test } from 'vitest';
import { loadClassifier } from '../../../ml/classifiers/load.ts';
import { rowLogits } from '../../../ml/classifiers/row-logits.ts';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { loadTokenizer } from '../../../ml/tokenizers/load.ts';
import { failure, open, scores } from './opening.ts';

const DISTILBERT = 'test/fixtures/distilbert';
const artifact = ($artifact: string, directory: string) => ({ $artifact, digest: '0'.repeat(64), directory });
const classifier = (rest: Record<string, unknown>) => ({
  ...{ kind: 'classifier', model: artifact('classifier', DISTILBERT) },
  ...rest,
});

async function logitsOf(text: string): Promise<number[]> {
  const model = await loadClassifier(DISTILBERT);
  const [logits] = rowLogits(model, [loadTokenizer(DISTILBERT).encode(text)]);
  model.dispose();
  return Array.from(logits!);
}

test('a classifier gives the logit of a label, by name or index, turned round by a negative scale', async () => {
  const before = tensorflow().memory().numTensors;
  const [negative, positive] = (await logitsOf(' the film was wonderful')) as [number, number];
  const named = await open(classifier({ label: 'POSITIVE' }));
  const indexed = await open(classifier({ label: 0, scale: -2 }));
  const text = ' the film was wonderful';
  expect(await scores(named, text)).toEqual([expect.closeTo(positive, 5)]);
  expect(await scores(indexed, text)).toEqual([expect.closeTo(-2 * negative, 5)]);
  const both = await open(classifier({ label: 1, output: 'log-prob', scored: 'prefix+completion' }));
  const [n, p] = (await logitsOf(`I think${text}`)) as [number, number];
  expect(await scores(both, text)).toEqual([expect.closeTo(p - Math.log(Math.exp(n) + Math.exp(p)), 5)]);
  for (const reward of [named, indexed, both]) reward.close!();
  // What the engine keeps for good was made before, but for constants.
  expect(tensorflow().memory().numTensors - before).toBeLessThan(40);
});

test('a label that is not there, or two outputs as a reward model, leave nothing behind', async () => {
  const said = await failure(open(classifier({ label: 'GOOD' })));
  expect(said).toMatchObject({ code: 'bad-parameter', hint: expect.stringContaining('POSITIVE (1)') });
  const before = tensorflow().memory().numTensors;
  const model = artifact('classifier', DISTILBERT);
  expect(await failure(open({ kind: 'reward-model', model }))).toMatchObject({ code: 'bad-parameter' });
  expect(tensorflow().memory().numTensors).toBe(before);
});
