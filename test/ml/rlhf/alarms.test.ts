import { describe, expect, test } from 'vitest';
import { type Alarm, type AlarmState, Alarms, type Watched } from '../../../ml/rlhf/alarms.ts';

const limits = { window: 4, kl: 1.5, distinct: 0.3, length: 2, valueLoss: 10 };
const hints = { 'kl-runaway': 'raise `kl.initial`' };
const healthy: Required<Watched> = {
  kl: 4,
  distinct_2: 0.9,
  length: 12,
  value_loss: 0.05,
  explained_variance: 0.1,
};

/** A history of `n` steps, each from its place between 0 and 1. */
const history = (n: number, at: (x: number, i: number) => Partial<Watched>) =>
  Array.from({ length: n }, (_, i): Required<Watched> => ({ ...healthy, ...at(i / (n - 1), i) }));

const seen = (rows: readonly Watched[], watch = new Alarms(limits, hints)): Alarm[] =>
  rows.flatMap((row) => watch.see(row));

describe('no alarm is raised', () => {
  test.each([
    [
      'where a reward is learned: more KL, less entropy and variety, larger returns',
      history(60, (x) => ({
        kl: 10 * x,
        distinct_2: 0.94 - 0.3 * x,
        length: 13 - 3 * x,
        value_loss: 0.04 + 0.5 * x,
        explained_variance: 0.3 * x,
      })),
    ],
    [
      'for a single wild step',
      history(30, (_, i) => (i === 15 ? { kl: 60, distinct_2: 0.4, length: 20 } : {})),
    ],
    [
      'where values have not learned yet, or errors grow with the returns that they predict',
      history(30, (x, i) => ({
        value_loss: 0.05 * (1 + 40 * x),
        explained_variance: i < 10 ? -2 : 0.2,
      })),
    ],
    ['before a window is full', history(3, () => ({ kl: 100 }))],
    ['where completions are too short to have pairs of words', history(20, () => ({ distinct_2: 0 }))],
  ])('%s', (_, rows) => {
    expect(seen(rows)).toEqual([]);
  });
});

describe('an alarm says what it saw, when, and what to change', () => {
  test('KL runaway', () => {
    const [alarm, ...more] = seen(history(20, (_, i) => ({ kl: i < 10 ? 6 : 30 })));
    expect(more).toEqual([]);
    // Three of the last four steps at 2.5 nats a token, one at 0.5.
    expect(alarm).toMatchObject({ alarm: 'kl-runaway', step: 13, from: 10, saw: 2, limit: 1.5 });
    expect(alarm!.message).toBe(
      'The policy runs away from the reference: its KL was 2 nats a token (24 a completion) on average over steps 10 to 13, the limit is 1.5',
    );
    expect(alarm!.hint).toBe('raise `kl.initial`; the limit is `alarms.kl`');
  });

  test('collapse to one reply', () => {
    const [alarm, ...more] = seen(history(20, (_, i) => ({ distinct_2: i < 10 ? 0.8 : 1 / 64 })));
    expect(more).toEqual([]);
    expect(alarm).toMatchObject({ alarm: 'collapse', step: 13, saw: (0.8 + 3 / 64) / 4, limit: 0.3 * 0.8 });
    expect(alarm!.message).toContain('(0.8 at the start)');
    expect(alarm!.hint).toContain('`alarms.distinct`');
  });

  test('blow-up of the length', () => {
    const alarms = seen(history(20, (x) => ({ length: 10 + 40 * x })));
    expect(alarms.map(({ alarm }) => alarm)).toEqual(['length-blow-up']);
    expect(alarms[0]!.saw).toBeGreaterThan(alarms[0]!.limit);
  });

  test('divergence of the values', () => {
    const rows = history(20, (_, i) => ({ value_loss: 0.05 * 1.6 ** i, explained_variance: -i }));
    expect(seen(rows).map(({ alarm }) => alarm)).toEqual(['value-divergence']);
    const unwatched = new Alarms({ ...limits, valueLoss: undefined }, hints);
    expect(seen(rows, unwatched)).toEqual([]);
  });

  test('again only when the condition has ceased to hold', () => {
    const rows = history(40, (_, i) => ({ kl: (i > 10 && i < 20) || i > 30 ? 40 : 4 }));
    expect(seen(rows).map(({ step }) => step)).toEqual([13, 33]);
  });
});

test('goes on from a saved state as if nothing had happened, wherever it was saved', () => {
  const rows = history(24, (x, i) => ({
    kl: i % 9 > 4 ? 40 : 2,
    distinct_2: 0.9 - 0.85 * x,
    length: 10 + 20 * x,
  }));
  const whole = seen(rows);
  expect(new Set(whole.map(({ alarm }) => alarm)).size).toBe(3);
  for (let cut = 0; cut <= rows.length; cut++) {
    const first = new Alarms(limits, hints);
    const before = seen(rows.slice(0, cut), first);
    const second = new Alarms(limits, hints);
    second.load(JSON.parse(JSON.stringify(first.save())) as AlarmState);
    expect([...before, ...seen(rows.slice(cut), second)]).toEqual(whole);
  }
});
