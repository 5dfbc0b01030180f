import { expect, test } from 'vitest';
import { type RecoveryOptions, recover } from '../../../../ml/probes/evaluation/recovery.ts';
import { fitCorrected } from '../../../../ml/probes/fit-corrected.ts';
import { fitFaithful } from '../../../../ml/probes/fit-faithful.ts';
import { learnerOf } from '../../../../ml/probes/learners/choose.ts';
import { readWords } from '../../../../ml/probes/reading.ts';
import type { ProbeFile, Role } from '../../../../ml/probes/types.ts';
import { familyOf } from '../../../../ml/triples/families.ts';
import { syntheticProbe } from '../probe-files.ts';
import { type SyntheticOptions, syntheticProbeData } from '../synthetic.ts';

const options = { replicates: 300, level: 0.95 } satisfies Partial<RecoveryOptions>;
const data: SyntheticOptions = {
  seed: 2,
  words: 45,
  rowsPerWord: 2,
  features: 40,
  signal: 0,
  wordNoise: 1,
};
const SIGNAL = 0.8;
/** Holm multiplies the smallest p by the number of gaps. */
const SHUFFLES = 79;

/** Half of the word families of each sign. */
const rewarded = (word: string): boolean => (familyOf(word).codePointAt(0) as number) % 2 === 0;

/** Probes of a model in whose features the value of rewarded words is written, and of controls in which no value is. */
function planted(seed: number): ProbeFile[] {
  const study = { ...data, seed };
  const files = (['base', 'random'] as const).map((role, r) =>
    syntheticProbe({ role, data: { ...study, model: 500 + 100 * r + seed }, shuffles: SHUFFLES }),
  );
  const plain = syntheticProbeData(study);
  const written = syntheticProbeData({ ...study, signal: SIGNAL });
  const { columns } = plain.features;
  for (const { triple, member, word } of plain.rows) {
    if (!rewarded(word)) continue;
    const at = (3 * triple + (member === 'positive' ? 0 : 2)) * columns;
    plain.features.data.set(written.features.data.subarray(at, at + columns), at);
  }
  const common = {
    method: 'ridge',
    learner: learnerOf('ridge', 0.5),
    control: 'none',
    seed,
    shuffles: SHUFFLES,
  } as const;
  for (const protocol of ['corrected', 'faithful'] as const) {
    const envelope = syntheticProbe({ role: 'tuned', data: study, protocol, shuffles: 0 });
    const { probe: _, ...fit } =
      protocol === 'corrected'
        ? fitCorrected(plain.features, plain.rows, { ...common, name: 'sae', controlTasks: 0 })
        : fitFaithful(plain.features, plain.rows, { ...common, name: 'sae' });
    files.push({
      ...envelope,
      fits: [{ representation: 'sae', control: 'none', features: columns, ...fit }],
    });
  }
  return files;
}

test('the rewarded words are found, and not by the controls', () => {
  const recovery = recover([...planted(2), ...planted(3)], { ...options, rewarded });
  const auc = Object.fromEntries(recovery.aucs.map(({ name, estimate }) => [name, estimate]));
  expect(auc.gap?.value).toBeGreaterThan(0.75);
  expect(auc.gap?.ci_low).toBeGreaterThan(0.6);
  for (const control of ['base', 'random']) {
    expect(auc[control]?.ci_low).toBeLessThan(0.5);
    expect(auc[control]?.ci_high).toBeGreaterThan(0.5);
  }
  expect(recovery.found).toMatchObject({ value: 1, n: 2 });
  expect(recovery.seeds.map(({ seed }) => seed)).toEqual([2, 3]);
  const top = recovery.words.slice(0, 20).filter((word) => word.rewarded).length;
  expect(top).toBeGreaterThan(14);
});

test('what the probe as published claims is counted word by word', () => {
  const files = planted(6);
  const published = files.find(({ protocol }) => protocol === 'faithful') as ProbeFile;
  const { words, values, predictions } = readWords(
    published.rows,
    (published.fits[0] as ProbeFile['fits'][0]).predictions,
    published,
  );
  const share = (wanted: boolean) => {
    const own = [...words.keys()].filter((i) => rewarded(words[i] as string) === wanted);
    return own.filter((i) => (values[i] as number) * (predictions[i] as number) > 0).length / own.length;
  };
  const { claimed } = recover(files, { ...options, replicates: 100, rewarded });
  expect(claimed?.rewarded.value).toBeCloseTo(share(true), 12);
  expect(claimed?.unrewarded.value).toBeCloseTo(share(false), 12);
  expect(claimed?.unrewarded.ci_low).toBeLessThan(share(false));
});

test('without tuning the corrected protocol claims nothing in most seeds', () => {
  const small = { ...data, words: 25, rowsPerWord: 1, features: 20, folds: 3 };
  const files = Array.from({ length: 20 }, (_, seed) =>
    (['tuned', 'base'] as const).map((role, r) =>
      syntheticProbe({ role, data: { ...small, seed, model: 1000 * r + seed }, shuffles: 39 }),
    ),
  ).flat();
  const { found, foundFaithful, aucs, words } = recover(files, {
    ...options,
    replicates: 150,
    rewarded: null,
  });
  expect(found.n).toBe(20);
  expect(found.value).toBeLessThanOrEqual(0.05);
  expect([foundFaithful, aucs]).toEqual([null, []]);
  expect(words.every((word) => !word.rewarded)).toBe(true);
}, 60_000);

test('words are compared within a fold only: what a fold adds to all of its words changes nothing', () => {
  const files = planted(4);
  const moved = files.map((file) =>
    file.role === 'tuned' && file.protocol === 'corrected'
      ? {
          ...file,
          fits: file.fits.map((fit) => ({
            ...fit,
            // Times the sign of the value, the score of every word rises by 10 a fold.
            predictions: fit.predictions.map(
              (p, i) => p + 10 * (file.rows.fold[i] as number) * Math.sign(file.rows.value[i] as number),
            ),
          })),
        }
      : file,
  );
  const gap = (probes: ProbeFile[]) => recover(probes, { ...options, replicates: 100, rewarded }).aucs[0];
  expect(gap(moved)?.estimate.value).toBeCloseTo(gap(files)?.estimate.value as number, 12);
});

test('a missing control, and a truth that is no part of the list, are errors that name the field', () => {
  const files = planted(5);
  const without = (role: Role) => files.filter((file) => file.role !== role);
  expect(() => recover(without('base'), { ...options, rewarded })).toThrow(
    'seed 5 has no corrected ridge probe on sae inputs of the tuned model, of that before tuning, or no shuffles',
  );
  expect(() => recover(files, { ...options, rewarded: () => true })).toThrow(
    /`given` rates 90 of the 90 words/,
  );
});
