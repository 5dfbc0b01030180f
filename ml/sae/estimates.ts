import type { RandomStream } from '../random/stream.ts';
import { bootstrapMany } from '../stats/bootstrap.ts';
import type { Estimate } from '../stats/types.ts';
import { meanCosine } from './metrics/cosine.ts';
import { l0, l1 } from './metrics/l0.ts';
import { l2Ratio } from './metrics/l2-ratio.ts';
import { klRecovered, lossRecovered, type SplicedLosses, totalLosses } from './metrics/loss-recovered.ts';
import { type Moments, totalMoments } from './metrics/moments.ts';
import { meanSquaredError, squaredErrorPerRow } from './metrics/mse.ts';
import { relativeReconstructionBias } from './metrics/relative-bias.ts';
import { fractionExplained, fractionUnexplained } from './metrics/variance-explained.ts';

const OF_MOMENTS: Record<string, (moments: Moments) => number> = {
  l0,
  l1,
  fvu: fractionUnexplained,
  fve: fractionExplained,
  mse: meanSquaredError,
  squared_error: squaredErrorPerRow,
  cosine: meanCosine,
  l2_ratio: l2Ratio,
  relative_bias: relativeReconstructionBias,
};

const OF_LOSSES: Record<string, (losses: SplicedLosses) => number> = {
  loss_recovered_zero: (losses) => lossRecovered(losses, 'zero'),
  loss_recovered_mean: (losses) => lossRecovered(losses, 'mean'),
  kl_recovered_zero: (losses) => klRecovered(losses, 'zero'),
  kl_recovered_mean: (losses) => klRecovered(losses, 'mean'),
  ce_clean: ({ clean, predictions }) => clean / predictions,
  ce_reconstructed: ({ reconstructed, predictions }) => reconstructed / predictions,
  ce_zero: ({ zero, predictions }) => zero / predictions,
  ce_mean: ({ mean, predictions }) => mean / predictions,
};

/** Every measure of a dictionary's reconstructions with its bootstrap interval over texts. One entry of `texts` a text. */
export const estimateMoments = (texts: readonly Moments[], stream: RandomStream): Record<string, Estimate> =>
  estimates(texts, totalMoments, OF_MOMENTS, stream);

/** Every measure of what the model loses by them, likewise; texts are resampled together for all, so ratios are paired. */
export const estimateLosses = (
  texts: readonly SplicedLosses[],
  stream: RandomStream,
): Record<string, Estimate> => estimates(texts, totalLosses, OF_LOSSES, stream);

function estimates<T>(
  texts: readonly T[],
  total: (texts: readonly T[], chosen: Int32Array) => T,
  measures: Record<string, (total: T) => number>,
  stream: RandomStream,
): Record<string, Estimate> {
  const names = Object.keys(measures);
  const all = bootstrapMany(
    texts.length,
    names.length,
    (rows, out) => {
      const sums = total(texts, rows);
      names.forEach((name, i) => {
        out[i] = measures[name]!(sums);
      });
    },
    { stream, unit: 'text', replicates: 1000 },
  );
  return Object.fromEntries(names.map((name, i) => [name, all[i]!]));
}
