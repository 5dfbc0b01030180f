import { expect, test } from 'vitest';
import { similarLengths } from '../../../ml/preferences/completion-rows.ts';
import { pairOrder, pairsTaken } from '../../../ml/preferences/order.ts';
import { digestOfPairs, type LengthRules, tokenisePairs } from '../../../ml/preferences/token-pairs.ts';
import { stream } from '../../../ml/random/stream.ts';
import { tokenizer } from '../rlhf/tiny.ts';

const rules: LengthRules = { maxTokens: 8, maxPromptTokens: 3, keep: 'end', endOfText: true };
const pair = { prompt: 'the film was', chosen: ' good', rejected: ' bad and awful' };
const words = ({ ids }: { ids: Int32Array }) => tokenizer.decode(ids);

test('prompt and completion are tokenised together and end with the end of the text', () => {
  const { pairs, cutPrompts, cutCompletions } = tokenisePairs([pair], tokenizer, rules);
  const [{ chosen, rejected }] = pairs as [(typeof pairs)[0]];
  expect([...chosen.ids]).toEqual([...tokenizer.encode('the film was good'), tokenizer.eosId]);
  expect([chosen.promptLength, rejected.promptLength]).toEqual([3, 3]);
  expect([cutPrompts, cutCompletions]).toEqual([0, 0]);
  const open = tokenisePairs([pair], tokenizer, { ...rules, endOfText: false }).pairs[0]!;
  expect([...open.chosen.ids]).toEqual(tokenizer.encode('the film was good'));
});

test('what is too long is cut as TRL 0.7 cuts it: prompts only where needed, both sides alike', () => {
  const prompt = 'a plot and the film was';
  const long = { prompt, chosen: ' good', rejected: ' bad and awful and it' };
  const cut = (keep: 'end' | 'start') => tokenisePairs([long], tokenizer, { ...rules, keep });
  const end = cut('end');
  // 6 + 6 tokens are too many: the prompt becomes 3, and then 3 + 6 are still too many for 8, so completions keep 5.
  expect(words(end.pairs[0]!.rejected)).toBe('the film was bad and awful and it');
  expect(words(end.pairs[0]!.chosen)).toContain('the film was good');
  expect(end.pairs[0]!.chosen.ids.at(-1)).toBe(tokenizer.eosId);
  expect([end.cutPrompts, end.cutCompletions]).toEqual([1, 1]);
  expect(words(cut('start').pairs[0]!.rejected)).toBe('a plot and bad and awful and it');
  const fits = tokenisePairs([{ ...long, rejected: ' bad' }], tokenizer, rules);
  expect(fits.pairs[0]!.chosen.promptLength).toBe(6);
  expect([fits.cutPrompts, fits.cutCompletions]).toEqual([0, 0]);
});

test('pairs that a cut makes equal are left out and counted; an empty prompt begins with a special token', () => {
  const same = { prompt: 'it', chosen: ' a a a a a a a a a good', rejected: ' a a a a a a a a a bad' };
  const tokenised = tokenisePairs([same, pair], tokenizer, rules);
  expect(tokenised.same).toBe(1);
  expect([...tokenised.places]).toEqual([1]);
  expect(() => tokenisePairs([same], tokenizer, rules)).toThrow('None of the 1 pairs differs');
  expect(() => tokenisePairs([], tokenizer, rules)).toThrow('There are no pairs');
  const { pairs } = tokenisePairs([{ ...pair, prompt: '' }], tokenizer, rules);
  expect(pairs[0]!.chosen.promptLength).toBe(1);
  expect(() => tokenisePairs([pair], tokenizer, { ...rules, maxPromptTokens: 8 })).toThrow(
    'leaves completions no room',
  );
});

test('the digest tells pairs, order, cuts and the end of the prompt apart', () => {
  const other = { ...pair, rejected: ' awful' };
  const digest = (pairs: (typeof pair)[], changes: Partial<LengthRules> = {}) =>
    digestOfPairs(tokenisePairs(pairs, tokenizer, { ...rules, ...changes }).pairs);
  const digests = [
    digest([pair, other]),
    digest([other, pair]),
    digest([pair]),
    digest([pair, other], { endOfText: false }),
    digest([pair, other], { maxTokens: 5 }),
    digest([{ ...pair, prompt: 'the film', chosen: ' was good', rejected: ' was bad and awful' }, other]),
  ];
  expect(new Set(digests).size).toBe(digests.length);
  expect(digest([pair, other])).toBe(digests[0]);
});

test('sequences of similar length go together, and all of them go', () => {
  expect(similarLengths([128, 128, 128])).toEqual([[0, 1, 2]]);
  expect(similarLengths([300, 20, 290, 25])).toEqual([
    [1, 3],
    [2, 0],
  ]);
  // One more pass costs more than a little padding.
  expect(similarLengths([20, 24, 28])).toHaveLength(1);
  const random = stream(0, 'lengths');
  const lengths = Array.from({ length: 50 }, () => 1 + random.integer(500));
  expect(
    similarLengths(lengths)
      .flat()
      .sort((a, b) => a - b),
  ).toEqual([...lengths.keys()]);
});

test('the pairs of a run of less than one pass, each once, in parts that a longer one has too', () => {
  const parts = pairsTaken(1000, 8, 0, 20);
  const order = pairOrder(1000, 8, 0);
  const steps = Array.from({ length: 20 }, (_, i) => [...order(i)]).flat();
  expect(parts.map(({ length }) => length)).toEqual([64, 64, 64]);
  const measured = parts.flatMap((part) => [...part]);
  expect(measured.slice(0, 160)).toEqual(steps);
  expect(new Set(measured).size).toBe(192);
  expect(pairsTaken(1000, 8, 0, 50).slice(0, 3)).toEqual(parts);
  expect(pairsTaken(1000, 8, 0, 124).at(-1)).toHaveLength(1000 % 64);
  expect(pairsTaken(30, 8, 0, 5)).toEqual([Int32Array.from({ length: 30 }, (_, i) => i)]);
});
