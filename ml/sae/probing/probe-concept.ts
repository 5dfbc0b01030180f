import type { Matrix } from '../../probes/algebra/matrix.ts';
import { ROUGH_TOLERANCE } from '../../probes/logistic.ts';
import { shuffleValues } from '../../probes/shuffled-values.ts';
import { type RandomStream, stream } from '../../random/stream.ts';
import { familyOf } from '../../triples/families.ts';
import { dealFamilies } from '../../triples/folds.ts';
import { type Absorption, absorptionOf, conceptDirection } from './absorption.ts';
import {
  fitSparseProbe,
  type Labelled,
  meanDifferences,
  ranked,
  type SparseProbe,
  scoreOf,
} from './sparse-probe.ts';

/** How many features or coordinates the sparse probes read, as in SAEBench. */
export const SPARSITIES = [1, 2, 5] as const;
const FOLDS = 5;
/** Labels are dealt anew so often for the chance level. */
export const SHUFFLES = 20;
/** A further main feature is one that raises the F1 of the concept's sparse probe by more than so. */
const SPLIT_GAIN = 0.03;
const MOST_MAIN = 5;

/** Activations at tokens of rated words: the same rows in both matrices. */
export interface ConceptData {
  words: readonly string[];
  values: readonly number[];
  /** Dictionary features [N, F]. */
  features: Matrix;
  /** Activations less the decoder's bias [N, D]. */
  raw: Matrix;
  decoder_FD: Float32Array;
}

export interface ConceptResult {
  /** Whether each row's sign was told right by a probe that saw no word of its family: `k1`, `raw_k1`, `raw`, ... */
  right: Record<string, Uint8Array>;
  /** Balanced accuracy for each deal of shuffled labels. */
  shuffled: Record<'k1' | 'k5', number[]>;
  /** Of rows whose sign the probe of all coordinates tells; null at others. */
  absorption: (Absorption | null)[];
}

/**
 * Whether a few features tell the sign of a rated word. Five folds of word families (triples/families.ts), classes of equal
 * size for every fit: columns are chosen and probes fitted on four folds and read on the fifth. Beside the features: the
 * coordinates of the activation itself, as few (`raw_k1` ..) and all of them (`raw`), and the features with the words'
 * values dealt anew among families, all choices made again.
 *
 * Absorption (absorption.ts) is looked for where `raw` is right, with the direction of `raw` and, as the sign's main features,
 * the feature whose mean differs most, and the next ones as long as each raises F1 on the rows fitted on by more than 0.03.
 */
export function probeConcept(
  data: ConceptData,
  seed: number,
  onShuffle?: (done: number) => void,
): ConceptResult {
  const { words, values, features, raw } = data;
  const ratings = new Map(words.map((word, i) => [word, values[i]!]));
  const deal = (of: ReadonlyMap<string, number>) =>
    foldsOf(words, of, stream(seed, 'sae.probing.folds'), stream(seed, 'sae.probing.balance'));
  const labels = Uint8Array.from(values, (value) => Number(value > 0));
  const right: Record<string, Uint8Array> = {};
  const mark = (name: string, row: number, score: number) => {
    right[name] ??= new Uint8Array(words.length);
    right[name][row] = Number(score > 0 === (labels[row] === 1));
  };
  const absorption = new Array<Absorption | null>(words.length).fill(null);
  for (const { train, test } of deal(ratings)) {
    for (const [prefix, X] of [
      ['', features],
      ['raw_', raw],
    ] as const) {
      const fitted: Labelled = { X, labels, rows: train };
      const order = ranked(meanDifferences(fitted).map(Math.abs));
      for (const k of SPARSITIES) {
        const probe = fitSparseProbe(fitted, order.slice(0, k));
        for (const row of test) mark(`${prefix}k${k}`, row, scoreOf(probe, X, row));
      }
    }
    const whole = fitSparseProbe(
      { X: raw, labels, rows: train },
      Int32Array.from({ length: raw.columns }, (_, j) => j),
    );
    for (const row of test) mark('raw', row, scoreOf(whole, raw, row));
    noteAbsorption(data, labels, train, test, whole, absorption);
  }
  const shuffled: ConceptResult['shuffled'] = { k1: [], k5: [] };
  for (let s = 0; s < SHUFFLES; s++) {
    const dealt = shuffleValues(ratings, stream(seed, `sae.probing.shuffle.${s}`));
    const against = Uint8Array.from(words, (word) => Number(dealt.get(word)! > 0));
    const told = { k1: new Uint8Array(words.length), k5: new Uint8Array(words.length) };
    for (const { train, test } of deal(dealt)) {
      const fitted: Labelled = { X: features, labels: against, rows: train };
      const order = ranked(meanDifferences(fitted).map(Math.abs));
      for (const [name, k] of [
        ['k1', 1],
        ['k5', 5],
      ] as const) {
        const probe = fitSparseProbe(fitted, order.slice(0, k), ROUGH_TOLERANCE);
        for (const row of test)
          told[name][row] = Number(scoreOf(probe, features, row) > 0 === (against[row] === 1));
      }
    }
    shuffled.k1.push(balancedAccuracy(told.k1, against));
    shuffled.k5.push(balancedAccuracy(told.k5, against));
    onShuffle?.(s + 1);
  }
  return { right, shuffled, absorption };
}

/** The mean of the shares told right in each class: 0.5 for whoever always says the same. Of some rows, or of all. */
export function balancedAccuracy(right: Uint8Array, labels: ArrayLike<number>, rows?: Int32Array): number {
  const counts = [0, 0];
  const sums = [0, 0];
  const length = rows?.length ?? right.length;
  for (let i = 0; i < length; i++) {
    const row = rows ? rows[i]! : i;
    counts[labels[row]!]! += 1;
    sums[labels[row]!]! += right[row]!;
  }
  return (sums[0]! / counts[0]! + sums[1]! / counts[1]!) / 2;
}

/** Rows of each fold to read, and of all others as many of either class to fit on. */
function foldsOf(
  words: readonly string[],
  values: ReadonlyMap<string, number>,
  folds: RandomStream,
  balance: RandomStream,
): { train: Int32Array; test: Int32Array }[] {
  const ratings = { value: (word: string) => values.get(word) ?? 0, has: (word: string) => values.has(word) };
  const foldOf = dealFamilies(words, ratings, FOLDS, folds);
  const fold = words.map((word) => foldOf.get(familyOf(word))!);
  return Array.from({ length: FOLDS }, (_, k) => {
    const rows = [...words.keys()];
    const test = Int32Array.from(rows.filter((row) => fold[row] === k));
    const classes = [1, -1].map((sign) =>
      rows.filter((row) => fold[row] !== k && Math.sign(values.get(words[row]!)!) === sign),
    );
    const size = Math.min(...classes.map((members) => members.length));
    const train = classes.flatMap((members) =>
      Array.from(balance.permutation(members.length).subarray(0, size), (i) => members[i]!),
    );
    return { train: Int32Array.from(train).sort(), test };
  }).filter(({ train, test }) => train.length > 0 && test.length > 0);
}

function noteAbsorption(
  { features, raw, decoder_FD }: ConceptData,
  labels: Uint8Array,
  train: Int32Array,
  test: Int32Array,
  whole: SparseProbe,
  into: (Absorption | null)[],
): void {
  for (const label of [1, 0]) {
    const sign = label === 1 ? 1 : -1;
    const main = mainFeatures({ X: features, labels, rows: train }, label);
    const concept = conceptDirection(
      decoder_FD,
      whole.coefficients.map((weight) => sign * weight),
      main,
    );
    for (const row of test) {
      if (labels[row] !== label || scoreOf(whole, raw, row) * sign <= 0) continue;
      into[row] = absorptionOf(
        raw.data.subarray(row * raw.columns, (row + 1) * raw.columns),
        features.data.subarray(row * features.columns, (row + 1) * features.columns),
        concept,
      );
    }
  }
}

function mainFeatures(data: Labelled, label: number): number[] {
  const differences = meanDifferences(data);
  const order = ranked(label === 1 ? differences : differences.map((value) => -value));
  let main: number[] = [];
  let best = Number.NEGATIVE_INFINITY;
  for (let k = 1; k <= Math.min(MOST_MAIN, order.length); k++) {
    const probe = fitSparseProbe(data, order.slice(0, k), ROUGH_TOLERANCE);
    const score = f1(probe, data, label);
    if (score <= best + SPLIT_GAIN) break;
    best = score;
    main = Array.from(probe.columns);
  }
  return main;
}

function f1(probe: SparseProbe, { X, labels, rows }: Labelled, label: number): number {
  let both = 0;
  let either = 0;
  for (const row of rows) {
    const said = scoreOf(probe, X, row) > 0 === (label === 1);
    const is = labels[row] === label;
    if (said && is) both++;
    either += Number(said) + Number(is);
  }
  return (2 * both) / either;
}
