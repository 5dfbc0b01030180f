import { ComputeError } from '../../failure.ts';
import { stream } from '../../random/stream.ts';
import { auc } from '../../stats/auc.ts';
import { bootstrapMany } from '../../stats/bootstrap.ts';
import { proportion } from '../../stats/proportion.ts';
import type { Estimate } from '../../stats/types.ts';
import type { ProbeFile, Protocol, Representation, Role } from '../types.ts';
import { type Cell, cellsOf, findCell } from './cells.ts';
import { DrawnRows, indexWords, type WordIndex } from './drawn-words.ts';
import { type EvaluatedCell, evaluateProbes } from './evaluate.ts';

/**
 * A planted truth: the tuning rewarded some words of a list, and the probes were fitted to all of it. A word scores
 *
 *   s(w) = sign V(w) * (what the probe reads of w in the tuned model - what it reads of w in the model before tuning)
 *
 * and the AUC of s says whether the rewarded words are found. The single models' readings are its controls: the model before
 * tuning cannot know which words will be rewarded. AUCs are means over seeds of pairs of words of one fold (predictions of
 * different fits have different offsets), with intervals by a bootstrap over word families.
 *
 * Beside it, the claim that each protocol makes of each seed, whatever was rewarded: with nothing rewarded, the share of
 * seeds with a claim is the false-positive rate. Draws from the stream `probe/recovery/bootstrap` of seed 0.
 */
export interface Recovery {
  /** AUC of each score; empty when no word was rewarded. */
  aucs: { name: ScoreName; estimate: Estimate }[];
  /** Of the probe as published: the share of words given their sign, among the rewarded and the others. */
  claimed: { rewarded: Estimate; unrewarded: Estimate } | null;
  seeds: SeedClaims[];
  found: Estimate;
  foundFaithful: Estimate | null;
  words: RecoveredWord[];
}

export type ScoreName = 'gap' | 'tuned' | 'base' | 'random' | 'faithful_tuned' | 'faithful_base';

/** What is said of one seed. */
export interface SeedClaims {
  seed: number;
  tauTuned: Estimate;
  tauBase: Estimate;
  gap: Estimate;
  pValue: number;
  found: boolean;
  tauFaithful: Estimate | null;
  pValueFaithful: number | null;
  foundFaithful: boolean | null;
}

/** A word and its mean scores over seeds. */
export interface RecoveredWord {
  word: string;
  value: number;
  rewarded: boolean;
  tuned: number;
  base: number;
  gap: number;
}

export interface RecoveryOptions {
  /** What the probes read. Default: dictionary features if any do. */
  inputs?: 'sae' | 'raw';
  /** Whether tuning rewarded a word; null when it rewarded none. */
  rewarded: ((word: string) => boolean) | null;
  replicates: number;
  level: number;
  onProgress?(share: number): void;
}

/** @throws ComputeError bad-parameter when a probe that the scores need is missing, or all words or none were rewarded */
export function recover(files: readonly ProbeFile[], options: RecoveryOptions): Recovery {
  const cells = cellsOf(files);
  const inputs = options.inputs ?? (cells.some((cell) => cell.representation === 'sae') ? 'sae' : 'raw');
  const seeds = claimsOfSeeds(files, inputs, options);
  const judged = seeds.filter(({ foundFaithful }) => foundFaithful !== null);
  const common = {
    seeds,
    found: proportion(seeds.filter(({ found }) => found).length, seeds.length, 'seed', options.level),
    foundFaithful:
      judged.length > 0
        ? proportion(
            judged.filter(({ foundFaithful }) => foundFaithful).length,
            judged.length,
            'seed',
            options.level,
          )
        : null,
  };
  const scores = scoresOf(cells, inputs);
  const truth = options.rewarded ?? (() => false);
  const words = recoveredWords(scores, truth);
  if (!options.rewarded) return { ...common, aucs: [], claimed: null, words };
  const count = words.filter(({ rewarded }) => rewarded).length;
  if (count === 0 || count === words.length) {
    throw new ComputeError(
      'bad-parameter',
      `\`given\` rates ${count} of the ${words.length} words that the probes were read on`,
      { hint: 'give a list that holds some of them, or leave `given` out where no word was rewarded' },
    );
  }
  const index = indexWords(cells);
  const { aucs, claimed } = measured(scores, index, truth, options);
  return { ...common, aucs, claimed, words };
}

/** What a probe says of each word in one seed, with the sign of the word's value taken out. */
interface SeedScore {
  words: readonly string[];
  values: Float64Array;
  strata: Int32Array;
  scores: Float64Array;
}

type Scores = { name: ScoreName; seeds: SeedScore[] }[];

function scoresOf(cells: readonly Cell[], inputs: Representation): Scores {
  const of = (role: Role, protocol: Protocol) => {
    const cell = findCell(cells, {
      role,
      protocol,
      representation: inputs,
      method: 'ridge',
      control: 'none',
    });
    return cell?.runs.map(({ reading: { words, values, strata, predictions } }): SeedScore => {
      return { words, values, strata, scores: predictions.map((p, i) => Math.sign(values[i] as number) * p) };
    });
  };
  const tuned = of('tuned', 'corrected') as SeedScore[];
  const base = of('base', 'corrected') as SeedScore[];
  const gap = tuned.map((seed, s): SeedScore => {
    const before = (base[s] as SeedScore).scores;
    return { ...seed, scores: seed.scores.map((score, i) => score - (before[i] as number)) };
  });
  const all: [ScoreName, SeedScore[] | undefined][] = [
    ['gap', gap],
    ['tuned', tuned],
    ['base', base],
    ['random', of('random', 'corrected')],
    ['faithful_tuned', of('tuned', 'faithful')],
    ['faithful_base', of('base', 'faithful')],
  ];
  return all.flatMap(([name, seeds]) => (seeds ? [{ name, seeds }] : []));
}

function measured(
  scores: Scores,
  index: WordIndex,
  truth: (word: string) => boolean,
  { replicates, level, onProgress }: RecoveryOptions,
): Pick<Recovery, 'aucs' | 'claimed'> {
  const drawn = scores.map(({ seeds }) =>
    seeds.map((seed) => ({
      seed,
      labels: Uint8Array.from(seed.words, (word) => Number(truth(word))),
      rows: new DrawnRows([...seed.words], index),
    })),
  );
  const published = scores.findIndex(({ name }) => name === 'faithful_tuned');
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  let done = 0;
  const estimates = bootstrapMany(
    index.words.length,
    scores.length + 2,
    (words, out) => {
      drawn.forEach((seeds, k) => {
        out[k] = mean(
          seeds.map(({ seed, labels, rows }) => aucWithin(seed.scores, labels, seed.strata, rows.of(words))),
        );
      });
      for (const label of [1, 0]) {
        out[scores.length + 1 - label] = mean(
          (drawn[published] ?? []).map(({ seed, labels, rows }) => {
            const own = rows.of(words).filter((row) => labels[row] === label);
            return own.filter((row) => (seed.scores[row] as number) > 0).length / own.length;
          }),
        );
      }
      if (++done % 50 === 0) onProgress?.(Math.min(1, 0.5 + done / (2.5 * replicates)));
    },
    {
      stream: stream(0, 'probe/recovery/bootstrap'),
      unit: 'word family',
      clusters: index.families,
      replicates,
      level,
    },
  );
  return {
    aucs: scores.map(({ name }, k) => ({ name, estimate: estimates[k] as Estimate })),
    claimed:
      published < 0
        ? null
        : {
            rewarded: estimates[scores.length] as Estimate,
            unrewarded: estimates[scores.length + 1] as Estimate,
          },
  };
}

/** The AUC over the pairs of one stratum, of all strata together. */
function aucWithin(scores: Float64Array, labels: Uint8Array, strata: Int32Array, rows: Int32Array): number {
  const byStratum = new Map<number, number[]>();
  for (const row of rows) {
    const stratum = strata[row] as number;
    const own = byStratum.get(stratum);
    if (own) own.push(row);
    else byStratum.set(stratum, [row]);
  }
  let won = 0;
  let pairs = 0;
  for (const own of byStratum.values()) {
    const result = auc(
      own.map((row) => scores[row] as number),
      own.map((row) => labels[row] as number),
    );
    const count = result.positives * result.negatives;
    if (count === 0) continue;
    won += result.auc * count;
    pairs += count;
  }
  return won / pairs;
}

function recoveredWords(scores: Scores, truth: (word: string) => boolean): RecoveredWord[] {
  const byWord = new Map<string, { value: number; sums: Record<string, number>; count: number }>();
  for (const { name, seeds } of scores) {
    for (const { words, values, scores: own } of seeds) {
      words.forEach((word, i) => {
        const entry = byWord.get(word) ?? { value: values[i] as number, sums: {}, count: 0 };
        byWord.set(word, entry);
        entry.sums[name] = (entry.sums[name] ?? 0) + (own[i] as number);
        if (name === 'gap') entry.count++;
      });
    }
  }
  return [...byWord]
    .filter(([, { count }]) => count > 0)
    .map(([word, { value, sums, count }]): RecoveredWord => {
      const at = (name: ScoreName) => (sums[name] as number) / count;
      return { word, value, rewarded: truth(word), tuned: at('tuned'), base: at('base'), gap: at('gap') };
    })
    .sort((a, b) => b.gap - a.gap || (a.word < b.word ? -1 : 1));
}

function claimsOfSeeds(
  files: readonly ProbeFile[],
  inputs: Representation,
  { replicates, level, onProgress }: RecoveryOptions,
): SeedClaims[] {
  const seeds = [...new Set(files.map(({ seed }) => seed))].sort((a, b) => a - b);
  return seeds.map((seed, s) => {
    const { cells, gaps } = evaluateProbes(
      files.filter((file) => file.seed === seed),
      { replicates, level },
    );
    onProgress?.((0.5 * (s + 1)) / seeds.length);
    const cellAt = (role: Role, protocol: Protocol): EvaluatedCell | undefined =>
      cells.find(
        ({ cell }) =>
          cell.role === role &&
          cell.protocol === protocol &&
          cell.representation === inputs &&
          cell.method === 'ridge' &&
          cell.control === 'none',
      );
    const tuned = cellAt('tuned', 'corrected');
    const base = cellAt('base', 'corrected');
    const gap = gaps.find(
      ({ against, of }) =>
        against === 'base' &&
        of.protocol === 'corrected' &&
        of.method === 'ridge' &&
        of.representation === inputs,
    );
    const pValue = gap?.pValueAdjusted;
    if (!tuned || !base || !gap || pValue == null) {
      throw new ComputeError(
        'bad-parameter',
        `seed ${seed} has no corrected ridge probe on ${inputs} inputs of the tuned model, of that before tuning, or no shuffles`,
        { hint: 'fit ridge probes of roles `tuned` and `base` with `shuffles` above 0' },
      );
    }
    const published = cellAt('tuned', 'faithful');
    const difference = gap.measures.tau;
    const tau = published?.measures.tau;
    return {
      seed,
      tauTuned: tuned.measures.tau,
      tauBase: base.measures.tau,
      gap: difference,
      pValue,
      found: difference.value > 0 && (difference.ci_low ?? 0) > 0 && pValue <= 1 - level + 1e-12,
      tauFaithful: tau ?? null,
      pValueFaithful: published?.pValue ?? null,
      foundFaithful: tau ? tau.value > 0 && (published.pValue ?? 1) <= 1 - level + 1e-12 : null,
    };
  });
}
