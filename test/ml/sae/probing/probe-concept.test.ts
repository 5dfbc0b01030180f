import { expect, test } from 'vitest';
import { stream } from '../../../../ml/random/stream.ts';
import { randomDirections } from '../../../../ml/sae/initial-weights.ts';
import { estimateConcept } from '../../../../ml/sae/probing/estimates.ts';
import {
  balancedAccuracy,
  type ConceptData,
  probeConcept,
} from '../../../../ml/sae/probing/probe-concept.ts';

const D = 12;
const F = 20;
const WORDS = 60;
const EACH = 4;
const draw = stream(11, 'test.concept');
/** sign . first direction + noise; words of many families, two thirds of them good. */
const words = Array.from(
  { length: WORDS * EACH },
  (_, i) => `${'abcdefghijkl'[Math.floor(i / EACH) % 12]}${Math.floor(i / EACH)}xyz`,
);
const values = words.map((_, i) => (Math.floor(i / EACH) % 3 === 0 ? -1 : 1) * (1 + (i % 2)));
const directions = randomDirections(F, D, 1, draw);
const raw = Float32Array.from({ length: words.length * D }, (_, at) => {
  const n = Math.floor(at / D);
  return 2 * Math.sign(values[n]!) * directions[at % D]! + 0.8 * draw.normal();
});

/** Which other feature took over word w of feature 0, if any. */
type StandIns = (w: number) => number | undefined;
const wordOf = (n: number) => Math.floor(n / EACH);

/** Feature 0 fires on good words, 1 on bad ones, where `knows`; the others now and then. */
function features(knows: boolean, standIn: StandIns = () => undefined): Float32Array {
  const out = new Float32Array(words.length * F);
  for (let n = 0; n < words.length; n++) {
    const own = values[n]! > 0 ? (standIn(wordOf(n)) ?? 0) : 1;
    const idle = new Set([0, 1, 7, 8, 9]);
    for (let f = 0; f < F; f++)
      out[n * F + f] = knows && idle.has(f) ? (f === own ? 2.2 : 0) : Math.max(0, 0.3 * draw.normal());
  }
  return out;
}

/** Decoder rows: 0 writes good, 1 bad, and those that stand in write good too. */
function decoder(): Float32Array {
  const rows = directions.slice();
  for (let d = 0; d < D; d++) {
    rows[D + d] = -directions[d]!;
    for (const f of [7, 8, 9]) rows[f * D + d] = 0.9 * directions[d]! + 0.1 * directions[f * D + d]!;
  }
  return rows;
}

const dataOf = (data: Float32Array, decoder_FD: Float32Array): ConceptData => ({
  words,
  values,
  features: { rows: words.length, columns: F, data },
  raw: { rows: words.length, columns: D, data: raw },
  decoder_FD,
});
const estimatesOf = (data: ConceptData) =>
  estimateConcept(words, values, probeConcept(data, 0), stream(0, 'test.bootstrap'));

test('a feature that is the concept tells it of unseen words; shuffled words tell nothing; nothing is absorbed', () => {
  const m = estimatesOf(dataOf(features(true), decoder()));
  expect(m.probing_k1!.value).toBe(1);
  expect(m.probing_raw!.value).toBeGreaterThan(0.97);
  expect(m.probing_raw_k1!.value).toBeLessThan(m.probing_k1!.value);
  expect(m.probing_gap_k1!.value).toBeCloseTo(1 - m.probing_raw_k1!.value, 9);
  expect(Math.abs(m.probing_shuffled_k1!.value - 0.5)).toBeLessThan(0.08);
  expect(Math.abs(m.probing_shuffled_k5!.value - 0.5)).toBeLessThan(0.08);
  expect(m.absorption_silent!.value).toBe(0);
  expect(m.absorption_full!.value).toBe(0);
  expect(m.probing_words).toMatchObject({ value: WORDS, n: WORDS * EACH });
});

test('features that know nothing of it are at chance, with an interval around it', () => {
  const blind = features(false);
  const { probing_k1, probing_k5 } = estimatesOf(dataOf(blind, decoder()));
  for (const metric of [probing_k1, probing_k5]) {
    expect(metric!.ci_low).toBeLessThan(0.55);
    expect(metric!.ci_high).toBeGreaterThan(0.45);
    expect(metric!.n_unit).toBe('word family');
  }
});

/** Of tokens of good words whose sign is told: those that are absorbed, and those of words that were taken over. */
function absorbed(standIn: StandIns) {
  const result = probeConcept(dataOf(features(true, standIn), decoder()), 0);
  const told = [...words.keys()].filter((n) => values[n]! > 0 && result.absorption[n]);
  return {
    full: told.filter((n) => result.absorption[n]!.full),
    taken: told.filter((n) => standIn(wordOf(n)) !== undefined),
    estimates: estimateConcept(words, values, result, stream(0, 'test.bootstrap')),
  };
}

test('words that other features took over are the absorbed ones', () => {
  const { full, taken, estimates } = absorbed((w) => ({ 4: 7, 23: 8, 41: 9 })[w]);
  expect(taken.length).toBeGreaterThan(6);
  expect(full).toEqual(taken);
  expect(estimates.absorption_full!.value).toBeGreaterThan(0.02);
  expect(estimates.absorption_fraction!.value).toBeGreaterThanOrEqual(estimates.absorption_full!.value);
  expect(estimates.absorption_silent!.value).toBe(estimates.absorption_full!.value);
});

test('a concept that two features share, many words each, is split, not absorbed', () => {
  const { full, taken } = absorbed((w) => (w % 5 === 1 ? 7 : undefined));
  expect(taken.length).toBeGreaterThan(20);
  expect(full).toEqual([]);
});

test('whoever always says the same is right half of the time', () => {
  const labels = [1, 1, 1, 0];
  expect(balancedAccuracy(Uint8Array.of(1, 1, 1, 0), labels)).toBe(0.5);
  expect(balancedAccuracy(Uint8Array.of(1, 1, 1, 1), labels)).toBe(1);
  expect(balancedAccuracy(Uint8Array.of(1, 1, 1, 0), labels, Int32Array.of(0, 3, 3))).toBe(0.5);
});
