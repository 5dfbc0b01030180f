import { expect, test } from 'vitest';
import { checkedScores } from '../../../ml/rewards/checked.ts';
import { shapedReward } from '../../../ml/rewards/shape.ts';
import { sumReward } from '../../../ml/rewards/sum.ts';
import type { Reward } from '../../../ml/rewards/types.ts';
import { failure, open, scores, texts } from './opening.ts';

const good = 0.2 * 1.9;

/** The length of the completion, but what `of` says for some. */
const lengths = (of: Record<string, unknown> = {}): Reward => ({
  description: 'length',
  score: (all) =>
    all.map(({ completion }) => {
      const known = of[completion];
      if (known instanceof Error) throw known;
      return (known === undefined ? completion.length : known) as number;
    }),
});

test('a sum weighs its parts, then scales, clips and prices length', async () => {
  const lexicon = { kind: 'lexicon' };
  const sum = {
    kind: 'sum',
    of: [{ feedback: lexicon }, { weight: -3, feedback: { kind: 'lexicon', scale: 1 } }],
  };
  const raw = (1 - 3 * 5) * good;
  expect(await scores(await open(sum), 'good', 'table')).toEqual([expect.closeTo(raw, 12), 0]);
  expect((await scores(await open({ ...sum, scale: 2, clip: 6 }), 'good good'))[0]).toBe(-6);
  const priced = { ...sum, scale: 2, clip: 6, 'length-penalty': { per: 'token', weight: 0.5, after: 1 } };
  expect((await scores(await open(priced), 'good good good'))[0]).toBe(-7);
});

test('a lexicon keeps its own scale and clip, and length costs extra', async () => {
  const reward = await open({
    kind: 'lexicon',
    clip: 1,
    'length-penalty': { per: 'character', weight: 0.1, after: 4 },
  });
  expect(await scores(reward, 'good', 'superb superb superb', '👍👍👍👍👍')).toEqual([
    expect.closeTo(good, 12),
    expect.closeTo(1 - 0.1 * 16, 12),
    expect.closeTo(-0.1, 12),
  ]);
  expect(reward.description).toMatch(/less 0.1 for each character of the completion after the first 4$/);
});

test('tokens are counted as the model wrote them, or not at all', async () => {
  const reward = await open({ kind: 'lexicon', 'length-penalty': { per: 'token', weight: 1 } });
  const said = await failure(checkedScores(reward, [{ prompt: '', completion: 'good' }]));
  expect(said).toMatchObject({ code: 'bad-parameter', hint: expect.stringContaining('per: character') });
});

test.each([
  ['NaN', Number.NaN, 'is NaN'],
  ['a text', '1', 'is "1"'],
  ['nothing', null, 'is null'],
  ['an exception', new Error('no idea'), 'failed on {"prompt":"I think","completion":"bad"}: no idea'],
])('%s instead of a score fails with the text, also inside a sum', async (_, value, message) => {
  const broken = lengths({ bad: value });
  const sum = sumReward([{ weight: 0, reward: shapedReward(broken, { scale: 3, clip: 5 }) }]);
  for (const reward of [broken, sum]) {
    const said = await failure(checkedScores(reward, texts('fine', 'good', 'bad', 'last')));
    expect(said.code).toBe('bad-reward');
    expect(said.message).toContain('"completion":"bad"');
    expect(said.message).toContain(message);
  }
});

test('a wrong number of scores fails', async () => {
  const reward: Reward = { description: 'two', score: () => [1, 2] };
  expect(await failure(checkedScores(reward, texts('a', 'b', 'c')))).toMatchObject({
    code: 'bad-reward',
    message: 'The reward gave 2 scores for 3 texts',
  });
});
