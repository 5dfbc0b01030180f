import { expect, test } from 'vitest';
import { totals } from '../../compiler/estimate.ts';
import { labelCost, sumOfCosts, timesCost } from '../../compiler/paid-calls.ts';

const gpt = { type: 'openai', model: 'gpt-4o-mini', 'spend-cap': 2 };

test('a labeller costs the listed price of its model, half of it in batches, or its own price', () => {
  expect(labelCost(gpt, 10, 1e6, 1e6).dollars).toBeCloseTo(0.75, 12);
  expect(labelCost({ ...gpt, model: 'gpt-4o-mini-2024-07-18' }, 10, 1e6, 1e6).dollars).toBeCloseTo(0.75, 12);
  expect(labelCost({ ...gpt, batch: true }, 10, 1e6, 1e6).dollars).toBeCloseTo(0.375, 12);
  expect(labelCost({ ...gpt, price: { prompt: 0.1, completion: 0 } }, 1, 1e6, 1).dollars).toBeCloseTo(
    0.1,
    12,
  );
  expect(labelCost({ type: 'lexicon' }, 10, 1e6, 1e6)).toEqual({ dollars: 0 });
  expect(labelCost(undefined, 10, 1e6, 1e6)).toEqual({ dollars: 0 });
});

test('the bill is never above the cap, and says what it would be', () => {
  expect(labelCost(gpt, 10, 1e8, 0)).toEqual({
    dollars: 2,
    paid: { calls: 10, promptTokens: 1e8, completionTokens: 0, price: expect.closeTo(15, 9), cap: 2 },
  });
});

test('bills add up over steps, points and raters, the caps too', () => {
  const one = labelCost(gpt, 10, 1e6, 0);
  expect(timesCost(one, 3)).toEqual(sumOfCosts([one, { dollars: 0 }, one, one]));
  const step = { points: 1, exact: true, steps: 1, seconds: 1, memoryBytes: 1 };
  const total = totals([
    { queue: 'label', estimate: { ...step, ...one } },
    { queue: 'cpu', estimate: { ...step, dollars: 0 } },
    { queue: 'label', estimate: { ...step, ...timesCost(one, 2) } },
  ]);
  expect(total.dollars).toBeCloseTo(0.45, 12);
  expect(total.paid).toMatchObject({ calls: 30, promptTokens: 3e6, cap: 6 });
});
