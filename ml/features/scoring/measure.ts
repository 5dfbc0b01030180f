import type { RandomStream } from '../../random/stream.ts';
import { bootstrap, bootstrapMean } from '../../stats/bootstrap.ts';
import type { Estimate } from '../../stats/types.ts';
import { balancedAccuracy, balancedAccuracyEstimate, countAnswers } from './balanced-accuracy.ts';
import {
  type SimulationScores,
  type SimulationSums,
  simulationScores,
  simulationSums,
} from './simulation.ts';
import type { FeatureScores, JudgedWindow, Measure, Score, SimulatedWindow } from './types.ts';

/**
 * Balanced accuracy of yes and no over the windows of one feature, beside that of the same questions with descriptions of
 * other features, and the difference, whose interval is by the bootstrap over windows: both were asked about the same ones.
 * Windows whose question failed are left out, of both. Undefined where no positive or no negative is left.
 */
export function judgedScore(
  windows: readonly JudgedWindow[],
  negative: 'silent' | 'neighbour',
  stream: RandomStream,
): Score | undefined {
  const asked = windows.filter(
    ({ truth, own }) => own !== null && (truth === 'active' || truth === negative),
  );
  const truths = asked.map(({ truth }) => truth === 'active');
  const answers = asked.map(({ own }) => own === true);
  const own = balancedAccuracyEstimate(countAnswers(truths, answers), 'window');
  if (!own) return undefined;
  return {
    own,
    ...against(asked, stream, (rows, s) => {
      const kept = s === null ? rows : rows.filter((row) => asked[row]?.shuffled[s] !== null);
      const answerOf = (row: number) => (s === null ? answers[row] : asked[row]?.shuffled[s]) as boolean;
      const given = Array.from(kept, answerOf);
      return balancedAccuracy(
        countAnswers(
          Array.from(kept, (row) => truths[row] as boolean),
          given,
        ),
      );
    }),
  };
}

/** Correlation of guessed with real activations over the tokens of one feature's windows, as `judgedScore`. */
export function simulatedScore(
  windows: readonly SimulatedWindow[],
  stream: RandomStream,
): { score: Score; scales: SimulationScores } | undefined {
  const asked = windows.filter(({ own }) => own !== null);
  const own_W = asked.map(({ activations, own }) => simulationSums(activations, own as number[]));
  const shuffled_WS = asked.map(({ activations, shuffled }) =>
    shuffled.map((levels) => levels && simulationSums(activations, levels)),
  );
  const scoresOf = (rows: Int32Array, s: number | null) =>
    simulationScores(
      Array.from(rows, (row) => (s === null ? own_W[row] : shuffled_WS[row]?.[s])).filter(
        (sums): sums is SimulationSums => Boolean(sums),
      ),
    );
  const scales = scoresOf(
    Int32Array.from(asked, (_, i) => i),
    null,
  );
  if (Number.isNaN(scales.correlation)) return undefined;
  const correlationOf = (rows: Int32Array, s: number | null) => scoresOf(rows, s).correlation;
  const own = bootstrap(asked.length, (rows) => correlationOf(rows, null), { stream, unit: 'window' });
  return { score: { own, ...against(asked, stream, correlationOf) }, scales };
}

/** The mean over the descriptions of others, and what the own one has over it, paired by window. */
function against(
  asked: readonly { shuffled: readonly unknown[] }[],
  stream: RandomStream,
  statistic: (rows: Int32Array, shuffle: number | null) => number,
): Pick<Score, 'shuffled' | 'gap'> {
  const shuffles = asked[0]?.shuffled.length ?? 0;
  if (shuffles === 0) return {};
  const shuffled = (rows: Int32Array) => {
    let sum = 0;
    for (let s = 0; s < shuffles; s++) sum += statistic(rows, s) / shuffles;
    return sum;
  };
  const value = shuffled(Int32Array.from(asked, (_, i) => i));
  if (!Number.isFinite(value)) return {};
  return {
    shuffled: value,
    gap: bootstrap(asked.length, (rows) => statistic(rows, null) - shuffled(rows), {
      stream,
      unit: 'window',
    }),
  };
}

/** One measure over all features: means over features, which are what is drawn for the intervals, windows with them. */
export interface MeanScore {
  own: Estimate;
  shuffled?: Estimate;
  gap?: Estimate;
  /** Features whose own description does better than others', with an interval above 0. */
  established: number;
  /** Features with a gap. */
  compared: number;
}

export function meanScore(
  scores: readonly FeatureScores[],
  measure: Measure,
  stream: RandomStream,
): MeanScore | undefined {
  const found = scores.flatMap((of) => of[measure] ?? []);
  if (found.length === 0) return undefined;
  const mean = (values: number[]) => bootstrapMean(values, { stream, unit: 'feature' });
  const compared = found.filter(({ gap }) => gap !== undefined);
  return {
    own: mean(found.map(({ own }) => own.value)),
    ...(compared.length > 0 && {
      shuffled: mean(compared.map(({ shuffled }) => shuffled as number)),
      gap: mean(compared.map(({ gap }) => (gap as Estimate).value)),
    }),
    established: compared.filter(({ gap }) => (gap?.ci_low ?? 0) > 0).length,
    compared: compared.length,
  };
}
