import { expect, test } from 'vitest';
import type { Point } from '../../compiler/plan/types.ts';
import { SweepStreams } from '../../workflows/streams.ts';

const point = (id: string, params: Point['params'], seed = 0): Point => ({
  ...{ step: 'saes', id, summary: id, axes: {}, seed, params, key: id },
});
const STEP = { kind: 'sae.train', stream: ['activations', 'layer'] };
const acts = (digest: string, from = 'acts') => ({ $artifact: 'activations' as const, digest, from });

const points = [
  point('a', { activations: acts('1'), layer: 0, k: 1 }),
  point('b', { activations: acts('1'), layer: 1, k: 1 }),
  point('c', { activations: acts('1', 'elsewhere'), layer: 0, k: 2 }),
  point('d', { activations: acts('2'), layer: 0, k: 1 }),
  point('e', { activations: acts('1'), layer: 1, k: 2 }, 1),
  point('f', { activations: acts('1'), layer: 0, k: 3 }),
];

test('points of one stream agree in what the kind names, and in their seed; they start one after the other', () => {
  const streams = new SweepStreams(STEP, points);
  expect(streams.points.map(({ id }) => id)).toEqual(['a', 'c', 'f', 'b', 'd', 'e']);
  const [a, b, c] = points as [Point, Point, Point];
  expect(streams.of(a, 100)).toEqual({ key: expect.stringMatching(/^[0-9a-f]{64}$/), points: 3 });
  expect(streams.of(c, 100)).toEqual(streams.of(a, 100));
  expect(streams.of(b, 100)).toBeUndefined();
});

test('those that may be on their way: no more than are left, than run at once, than share a process', () => {
  const streams = new SweepStreams(STEP, points);
  const [a] = points as [Point];
  expect(streams.of(a, 2)?.points).toBe(2);
  expect(streams.of(a, 1)).toBeUndefined();
  streams.decided('c');
  expect(streams.of(a, 100)?.points).toBe(2);
  streams.decided('f');
  expect(streams.of(a, 100)).toBeUndefined();
  const many = Array.from({ length: 50 }, (_, k) => point(`m${k}`, { activations: acts('1'), layer: 0, k }));
  expect(new SweepStreams(STEP, many).of(many[0]!, 100)?.points).toBe(16);
});

test('kinds without streams, and those that work in segments, are as they were', () => {
  for (const step of [{ kind: 'sae.train' }, { ...STEP, segment: { units: 10 } }]) {
    const streams = new SweepStreams(step, points);
    expect(streams.points).toEqual(points);
    expect(streams.of(points[0]!, 100)).toBeUndefined();
  }
});
