import { type RandomStream, stream } from '../../random/stream.ts';
import { bootstrapMany } from '../../stats/bootstrap.ts';
import { holm } from '../../stats/holm.ts';
import { KendallPairs } from '../../stats/kendall.ts';
import type { Estimate } from '../../stats/types.ts';
import { type Matrix, takeRows, zeros } from '../algebra/matrix.ts';
import { ridge } from '../learners/ridge.ts';
import { predict } from '../linear-probe.ts';

/**
 * Whether a model's activations tell what tuning taught it to prefer. The target is the implicit reward of the tuned model, never
 * the label of a pair:
 *
 *   r(y) = log pi_tuned(y | x) - log pi_base(y | x)        (Rafailov et al. 2023, eq. 5, without beta)
 *   d_i  = +-1 (r(chosen_i) - r(rejected_i)),   the sign drawn for each pair
 *
 * A ridge regression reads d from the same difference of activations, on prompts left out, its penalty chosen on further ones.
 * The same is done with the model before tuning, a random one, and what the text says without a model. The learned-feedback gap
 * is tau of the tuned minus that of the model before tuning.
 */
export interface RewardReading {
  name: string;
  /** Of the tuned model: what the others are compared with. */
  claim: boolean;
  /** Two rows a pair, the preferred response first. */
  rows: Matrix;
}

export const REWARD_MEASURES = ['tau', 'agrees', 'prefersChosen'] as const;
export type RewardMeasure = (typeof REWARD_MEASURES)[number];

export interface ReadReward {
  name: string;
  /**
   * tau: Kendall's between what is read and d. agrees: the share of pairs in which both prefer the same response. prefersChosen:
   * the share in which what is read prefers the one that the feedback preferred.
   */
  measures: Record<RewardMeasure, Estimate>;
  /** Of tau under targets permuted among pairs. */
  chance: { mean: number; p_value: number } | null;
  /** The claim minus this one, in tau; p-values by the same permutations, adjusted (Holm). null for the claim itself. */
  gap: Estimate | null;
}

export interface LearnedReward {
  readings: ReadReward[];
  /** Share of pairs in which the implicit reward itself is higher for the response that the feedback preferred. */
  implicit: Estimate;
  prompts: number;
}

export interface LearnedRewardOptions {
  seed: number;
  folds: number;
  /** Refits on permuted targets. */
  shuffles: number;
  replicates: number;
  level: number;
  onProgress?(): void;
}

/**
 * @param rewards r(chosen) - r(rejected), one a pair
 * @param prompts one a pair: pairs of the same prompt are left out and drawn together
 */
export function readLearnedReward(
  readings: readonly RewardReading[],
  rewards: Float64Array,
  prompts: readonly string[],
  options: LearnedRewardOptions,
): LearnedReward {
  const { seed, folds, shuffles, replicates, level } = options;
  const draws = (name: string) => stream(seed, `probe.preferences/${name}`);
  const N = rewards.length;
  const orientation = draws('orientation');
  const signs = Float64Array.from({ length: N }, () => (orientation.integer(2) === 0 ? 1 : -1));
  const targets = rewards.map((reward, i) => reward * (signs[i] as number));
  const fold = foldsOf(prompts, folds, draws('folds'));
  const permute = draws('permutations');
  const permuted = Array.from({ length: shuffles }, () => {
    const order = permute.permutation(N);
    return Float64Array.from(order, (from) => targets[from] as number);
  });

  const read = readings.map(({ rows }) => {
    const values = leftOut(differences(rows, signs), targets, permuted, fold, prompts);
    options.onProgress?.();
    return values;
  });
  const measured = read.map(([own]) => {
    const values = own as Float64Array;
    return {
      tau: new KendallPairs(targets, values),
      agrees: values.map((value, i) => agreement(value, targets[i] as number)),
      prefersChosen: values.map((value, i) => agreement(value * (signs[i] as number), 1)),
    };
  });
  const implicit = rewards.map((reward) => agreement(reward, 1));
  const claim = readings.findIndex((reading) => reading.claim);
  const M = REWARD_MEASURES.length;
  const gaps = readings.length * M;
  const estimates = bootstrapMany(
    N,
    gaps + readings.length + 1,
    (rows, out) => {
      measured.forEach(({ tau, agrees, prefersChosen }, k) => {
        out[k * M] = tau.tau(rows);
        out[k * M + 1] = meanAt(agrees, rows);
        out[k * M + 2] = meanAt(prefersChosen, rows);
      });
      measured.forEach((_, k) => {
        out[gaps + k] = (out[claim * M] as number) - (out[k * M] as number);
      });
      out[gaps + readings.length] = meanAt(implicit, rows);
    },
    { stream: draws('bootstrap'), unit: 'prompt', clusters: prompts, replicates, level },
  );
  const chances = read.map(([, ...others]) =>
    others.map((values, s) => new KendallPairs(permuted[s] as Float64Array, values)).map((k) => k.tau(k.all)),
  );
  const compared = readings.flatMap((_, k) => (k === claim || shuffles === 0 ? [] : [k]));
  const adjusted = holm(
    compared.map((k) => {
      const under = (chances[claim] as number[]).map((tau, s) => tau - (chances[k]?.[s] as number));
      return asExtreme(under, (estimates[gaps + k] as Estimate).value);
    }),
  );
  return {
    readings: readings.map(({ name }, k) => {
      const own = Object.fromEntries(
        REWARD_MEASURES.map((measure, m) => [measure, estimates[k * M + m] as Estimate]),
      ) as Record<RewardMeasure, Estimate>;
      const chance = chances[k] as number[];
      const gap = estimates[gaps + k] as Estimate;
      const p_value = adjusted[compared.indexOf(k)];
      return {
        name,
        measures: own,
        chance: shuffles === 0 ? null : { mean: mean(chance), p_value: asExtreme(chance, own.tau.value) },
        gap: k === claim ? null : { ...gap, ...(p_value !== undefined && { p_value }) },
      };
    }),
    implicit: estimates[gaps + readings.length] as Estimate,
    prompts: new Set(prompts).size,
  };
}

/** A fold for each pair: prompts are dealt out evenly in random order. */
function foldsOf(prompts: readonly string[], folds: number, draws: RandomStream): Int32Array {
  const distinct = [...new Set(prompts)];
  const of = new Map<string, number>();
  draws.permutation(distinct.length).forEach((prompt, i) => {
    of.set(distinct[prompt] as string, i % folds);
  });
  return Int32Array.from(prompts, (prompt) => of.get(prompt) as number);
}

/** Preferred minus rejected, turned round where the sign says so: [N, D]. */
function differences({ rows, columns, data }: Matrix, signs: Float64Array): Matrix {
  const out = zeros(rows / 2, columns);
  for (let i = 0; i < out.rows; i++) {
    for (let j = 0; j < columns; j++) {
      const chosen = data[2 * i * columns + j] as number;
      const rejected = data[(2 * i + 1) * columns + j] as number;
      out.data[i * columns + j] = (signs[i] as number) * (chosen - rejected);
    }
  }
  return out;
}

/** What fits without a pair's fold say of it: of the targets, then of each of their permutations. */
function leftOut(
  X: Matrix,
  targets: Float64Array,
  permuted: readonly Float64Array[],
  fold: Int32Array,
  prompts: readonly string[],
): Float64Array[] {
  const out = Array.from({ length: 1 + permuted.length }, () => new Float64Array(X.rows));
  for (const held of new Set(fold)) {
    const inside = indices(fold, (f) => f !== held);
    const outside = indices(fold, (f) => f === held);
    // Further groups of prompts, on which the penalty is chosen.
    const groups = Array.from(inside, (i) => fold[i] as number);
    const chooser = ridge.chooser(
      takeRows(X, inside),
      new Set(groups).size > 1 ? groups : Array.from(inside, (i) => prompts[i] as string),
    );
    const of = (all: Float64Array) => Float64Array.from(inside, (i) => all[i] as number);
    const probes = [chooser.choose(of(targets)).probe, ...chooser.controls(permuted.map(of))];
    const unseen = takeRows(X, outside);
    probes.forEach((probe, p) => {
      predict(probe, unseen).forEach((value, o) => {
        (out[p] as Float64Array)[outside[o] as number] = value;
      });
    });
  }
  return out;
}

function indices(values: Int32Array, wanted: (value: number) => boolean): number[] {
  return Array.from(values.keys()).filter((i) => wanted(values[i] as number));
}

/** 1 where both have the same sign, 1/2 where one has none. */
const agreement = (a: number, b: number): number => (Math.sign(a) * Math.sign(b) + 1) / 2;

const meanAt = (values: Float64Array, rows: Int32Array): number => {
  let sum = 0;
  for (let i = 0; i < rows.length; i++) sum += values[rows[i] as number] as number;
  return sum / rows.length;
};

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Two-sided: (1 + #{at least as far from 0}) / (1 + all). */
function asExtreme(under: readonly number[], observed: number): number {
  const bar = Math.abs(observed) - 1e-12;
  return (1 + under.filter((value) => Math.abs(value) >= bar).length) / (1 + under.length);
}
