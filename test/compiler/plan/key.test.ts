import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { pointKey } from '../../../compiler/plan/key.ts';
import { axisLabel, pointId, pointSummary, sha256Hex } from '../../../compiler/plan/label.ts';
import { canonicalJson } from '../../../store/canonical.ts';

const digest = 'a'.repeat(64);
const key = (
  params: Record<string, unknown>,
  notInKey: string[] = [],
  seed: number | null = 0,
  version = 1,
) => pointKey('sae.train', version, params as never, notInKey, seed);

test('a key is the SHA-256 of the canonical JSON of what decides the result', () => {
  const wanted = createHash('sha256')
    .update(
      canonicalJson({
        kind: 'sae.train',
        version: 1,
        params: { l1: 0.001, data: { $artifact: 'texts', digest } },
        seed: 0,
      }),
    )
    .digest('hex');
  expect(key({ data: { $artifact: 'texts', digest, from: 'reviews' }, l1: 1e-3 })).toBe(wanted);
});

test('who made an artifact, where a file lies and which secret is used decide nothing', () => {
  const one = {
    a: { $artifact: 'texts', digest, from: 'x' },
    b: [{ $path: '/one', sha256: digest }],
    c: { d: { $secret: 'KEY' } },
  };
  const other = {
    c: { d: { $secret: 'OTHER' } },
    b: [{ $path: '/two', sha256: digest }],
    a: { $artifact: 'texts', digest },
  };
  expect(key(one)).toBe(key(other));
  expect(key(one)).not.toBe(key({ ...one, b: [{ $path: '/one', sha256: 'b'.repeat(64) }] }));
});

test('paths that are not in the key may change, their neighbours may not', () => {
  const notInKey = ['labeller.base-url', 'speed'];
  const one = { labeller: { model: 'm', 'base-url': 'http://a' }, speed: 1, n: 1 };
  expect(key(one, notInKey)).toBe(
    key({ labeller: { model: 'm', 'base-url': 'http://b' }, speed: 2, n: 1 }, notInKey),
  );
  expect(key(one, notInKey)).toBe(key({ labeller: { model: 'm' }, n: 1 }, notInKey));
  expect(key(one, notInKey)).not.toBe(
    key({ ...one, labeller: { model: 'other', 'base-url': 'http://a' } }, notInKey),
  );
});

test('kind, version and seed count', () => {
  const keys = [
    key({}),
    key({}, [], 1),
    key({}, [], null),
    key({}, [], 0, 2),
    pointKey('sae.evaluate', 1, {}, [], 0),
  ];
  expect(new Set(keys).size).toBe(keys.length);
});

test('the hash in the sandbox is the hash outside of it', () => {
  for (const text of ['', 'abc', '😀 ü', 'x'.repeat(10_000)]) {
    expect(sha256Hex(text)).toBe(createHash('sha256').update(text).digest('hex'));
  }
});

test('axis values have short names that tell them apart', () => {
  expect([0.001, 0.002, 0.01, 0.25, 3, 1e-7, 1e21, -0.5, 12_345].map(axisLabel)).toEqual([
    '1e-3',
    '2e-3',
    '0.01',
    '0.25',
    '3',
    '1e-7',
    '1e+21',
    '-0.5',
    '12345',
  ]);
  expect(['topk', 'top-k', 'a/b', '3', 'true', '', 'a b', 'a,b', '1e-3'].map(axisLabel)).toEqual([
    'topk',
    'top-k',
    'a/b',
    "'3'",
    "'true'",
    "''",
    "'a b'",
    "'a,b'",
    "'1e-3'",
  ]);
  expect([true, null].map(axisLabel)).toEqual(['true', 'null']);
  expect(axisLabel({ width: 64, layers: 2 })).toBe('{layers:2,width:64}');
  const long = axisLabel('a'.repeat(300));
  expect(long).toHaveLength(48);
  expect(long).not.toBe(axisLabel('a'.repeat(301)));
});

test('ids and summaries', () => {
  expect(pointId('saes', { variant: 'topk', layer: 3 }, 0)).toBe('saes[layer=3,variant=topk,seed=0]');
  expect(pointId('base', {}, null)).toBe('base');
  expect(pointSummary('saes', { layer: 3, l1: 0.001 }, 2)).toBe('l1=1e-3 layer=3 seed=2');
  expect(pointSummary('base', {}, null)).toBe('base');
  const axes = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`axis-${i}`, 'ü'.repeat(20)]));
  expect(new TextEncoder().encode(pointSummary('a', axes, null)).length).toBeLessThanOrEqual(200);
});
