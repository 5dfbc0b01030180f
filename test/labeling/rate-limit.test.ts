import { expect, test } from 'vitest';
import { rateLimit } from '../../labeling/rate-limit.ts';

const WINDOW = 120;

/** When each of `tokens` may begin, in ms. */
async function starts(limit: ReturnType<typeof rateLimit>, tokens: readonly number[]): Promise<number[]> {
  const from = performance.now();
  return Promise.all(
    tokens.map(async (each) => {
      await limit.take(each);
      return performance.now() - from;
    }),
  );
}

test('no window holds more calls than allowed', async () => {
  const at = await starts(rateLimit({ requestsPerMinute: 3, windowMs: WINDOW }), Array<number>(8).fill(1));
  for (let i = 3; i < at.length; i++) {
    expect((at[i] as number) - (at[i - 3] as number)).toBeGreaterThanOrEqual(WINDOW - 1);
  }
});

test('no window holds more tokens than allowed, in order; a call above the limit goes alone', async () => {
  const at = await starts(rateLimit({ tokensPerMinute: 100, windowMs: WINDOW }), [60, 60, 40, 500, 10]);
  expect(at[0]).toBeLessThan(WINDOW / 2);
  expect(at[1]).toBeGreaterThanOrEqual(WINDOW - 1);
  expect((at[2] as number) - (at[1] as number)).toBeLessThan(WINDOW / 2);
  expect((at[3] as number) - (at[2] as number)).toBeGreaterThanOrEqual(WINDOW - 1);
  expect((at[4] as number) - (at[3] as number)).toBeGreaterThanOrEqual(WINDOW - 1);
});

test('what a call did not use of its tokens is free for others', async () => {
  const limit = rateLimit({ tokensPerMinute: 100, windowMs: 10_000 });
  (await limit.take(90))(20);
  expect((await starts(limit, [80]))[0]).toBeLessThan(1000);
});

test('without limits nothing waits; a pause holds everything back', async () => {
  const limit = rateLimit({});
  expect(Math.max(...(await starts(limit, [1e6, 1e6, 1e6])))).toBeLessThan(100);
  limit.pause(0.15);
  expect(Math.min(...(await starts(limit, [1, 1])))).toBeGreaterThanOrEqual(149);
});
