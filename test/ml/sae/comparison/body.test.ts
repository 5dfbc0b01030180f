import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { run as compare } from '../../../../activities/kinds/sae.compare.ts';
import { KINDS } from '../../../../compiler/kinds/registry.ts';
import type { BodyResult } from '../../../../compute/types.ts';
import { stream } from '../../../../ml/random/stream.ts';
import type { MatchesFile } from '../../../../ml/sae/comparison/types.ts';
import type { Table } from '../../../../store/table.ts';
import { readDirectory } from '../../activations/directories.ts';
import { directoryOf, runBody } from '../../activations/run-body.ts';
import { modelArtifact, randomTexts, textsArtifact } from '../../activations/small-model.ts';
import { D, dictionaryArtifact, directions, reordered } from './planted.ts';

const F = 48;
const DEFAULTS = { texts: 200, batch: 16, threshold: 0.7, assignment: true, listed: 20 };
const order = stream(5, 'test.order').permutation(F);
const base = directions(F, 'base');
/** The same features in another order, the last eight replaced by others. */
const tuned = reordered(base, order);
tuned.set(directions(8, 'other'), (F - 8) * D);

const first = dictionaryArtifact('base', { rows: base });
const second = dictionaryArtifact('tuned', { rows: tuned });
let model: ReturnType<typeof modelArtifact>;
let data: ReturnType<typeof textsArtifact>[];

beforeAll(() => {
  model = modelArtifact('model-digest');
  data = [textsArtifact(randomTexts(300, stream(1, 'test.texts')), 'data-digest')];
});

const run = async (params: Record<string, unknown>): Promise<BodyResult> =>
  (await runBody({ body: compare, params: { ...DEFAULTS, ...params } })).result!;
const matchesOf = (result: BodyResult): MatchesFile =>
  JSON.parse(readFileSync(join(directoryOf(result, 'matches'), 'matches.json'), 'utf8'));
const tableOf = (result: BodyResult, output: string): Table =>
  JSON.parse(readFileSync(join(directoryOf(result, output), 'table.json'), 'utf8'));

test('planted features are found, those without a partner too, and controls are far below', async () => {
  const result = await run({ dictionaries: [first, second] });
  const [pair] = matchesOf(result).pairs;
  const { assigned, likesOfSecond } = pair!;
  for (let to = 0; to < F - 8; to++) {
    expect(likesOfSecond.match[to]).toBe(order[to]);
    expect(likesOfSecond.cosine[to]).toBeCloseTo(1, 5);
    expect(assigned!.second[order[to]!]).toBe(to);
  }
  const { partnered_first, partnered_second, mmcs_assigned, mmcs_assigned_permuted, ...m } = result.metrics;
  expect(partnered_first!.value).toBeCloseTo((F - 8) / F, 1);
  expect(partnered_second!.value).toBeGreaterThanOrEqual((F - 8) / F);
  expect(m.mmcs_first!.value).toBeGreaterThan(0.9);
  expect(m.mmcs_random!.value).toBeLessThan(0.7);
  expect(m.mmcs_permuted!.value).toBeLessThan(0.7);
  expect(mmcs_assigned!.value).toBeGreaterThan(mmcs_assigned_permuted!.value + 0.2);
  expect(m.mmcs_first).toMatchObject({ n: F, n_unit: 'feature' });
  expect(m.mmcs_first!.ci_low).toBeLessThan(m.mmcs_first!.value);
  expect(m.mmcs_first!.ci_high).toBeGreaterThan(m.mmcs_first!.value);
  const only = tableOf(result, 'unpartnered').rows.filter((row) => row.in === 'second');
  for (const row of only) expect(row.feature).toBeGreaterThanOrEqual(F - 8);
  expect(only.length).toBeGreaterThan(3);
  expect(tableOf(result, 'table').rows).toMatchObject([{ first: 'base', second: 'tuned', layer: 1 }]);
  expect(m.correlation).toBeUndefined();
});

test('a dictionary compared with a reordered copy of itself: cosines and correlations are 1', async () => {
  const copy = dictionaryArtifact('copy', { rows: reordered(base, order) });
  const result = await run({ dictionaries: [first], against: [copy], models: [model], data });
  const { mmcs_first, mmcs_assigned, correlation, correlation_permuted, mmcs_second_alive } = result.metrics;
  for (const metric of [mmcs_first, mmcs_assigned, correlation, mmcs_second_alive])
    expect(metric!.value).toBeCloseTo(1, 5);
  expect(Math.abs(correlation_permuted!.value)).toBeLessThan(0.3);
  const file = matchesOf(result);
  expect(file.texts!.positions).toBeGreaterThan(1000);
  // A feature fires as often wherever it stands.
  order.forEach((from, to) => {
    expect(file.dictionaries[1]!.density![to]).toBe(file.dictionaries[0]!.density![from]);
  });
  expect(tableOf(result, 'partners').rows).toHaveLength(DEFAULTS.listed);
});

test('every metric is declared, and equal comparisons give equal bytes', async () => {
  const params = { dictionaries: [first, second], models: [model], data };
  const [one, other] = [await run(params), await run(params)];
  const declared = Object.keys(KINDS.get('sae.compare')!.metrics);
  expect(Object.keys(one.metrics).sort()).toEqual(declared.sort());
  expect(one.metrics).toEqual(other.metrics);
  for (const output of ['matches', 'table', 'partners', 'unpartnered'])
    expect(readDirectory(directoryOf(one, output))).toEqual(readDirectory(directoryOf(other, output)));
});

test('only dictionaries of one place are compared: each with each, or with those it is set against', async () => {
  const deep = ['deep', 'deeper'].map((name) =>
    dictionaryArtifact(name, { rows: directions(40, name), layer: 2 }),
  );
  const all = await run({ dictionaries: [first, second, ...deep], assignment: false });
  expect(tableOf(all, 'table').rows.map(({ first: a, second: b }) => [a, b])).toEqual([
    ['base', 'tuned'],
    ['deep', 'deeper'],
  ]);
  expect(all.metrics.mmcs_assigned).toBeUndefined();
  const against = await run({ dictionaries: [first, deep[0]], against: [second, deep[1], first] });
  expect(tableOf(against, 'table').rows.map(({ second: b }) => b)).toEqual(['tuned', 'deeper']);
  // A larger and a smaller dictionary: as many pairs as the smaller has features.
  const small = dictionaryArtifact('small', { rows: base.slice(0, 20 * D) });
  const mixed = await run({ dictionaries: [second, small] });
  expect(matchesOf(mixed).pairs[0]!.assigned!.second).toEqual(Array.from({ length: 20 }, (_, i) => i));
});

test('what cannot be compared is refused, saying what to change', async () => {
  await expect(run({ dictionaries: [first] })).rejects.toThrow('No two of these dictionaries');
  const deep = dictionaryArtifact('deep', { rows: base, layer: 2 });
  await expect(run({ dictionaries: [first, deep] })).rejects.toThrow('deep (mlp_out of layer 2)');
  const wide = dictionaryArtifact('wide', { rows: directions(16, 'wide'), width: 8 });
  await expect(run({ dictionaries: [first, wide] })).rejects.toThrow('cannot be compared');
  await expect(run({ dictionaries: [first, second], models: [model] })).rejects.toThrow('there are none');
  const stranger = dictionaryArtifact('stranger', { rows: tuned, model: 'elsewhere' });
  const others = [model, modelArtifact('other-digest')];
  await expect(run({ dictionaries: [first, stranger], models: others, data })).rejects.toThrow(
    'whose activations stranger reads',
  );
});
