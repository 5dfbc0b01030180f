import { ComputeError } from '../../failure.ts';
import { differenceLosses } from './difference.ts';
import { perSideLosses } from './per-side.ts';
import { perTokenLosses } from './per-token.ts';
import { acrossPairsLosses } from './sorted.ts';
import type { PairwiseLoss } from './types.ts';

/** Every loss of preferences, by the name that `loss:` gives: those of TRL 1.13.0, cDPO, and IPO as first published. */
export const pairwiseLosses = { ...differenceLosses, ...perTokenLosses, ...perSideLosses };

export type PairwiseLossName = keyof typeof pairwiseLosses;
export type AcrossPairsLossName = keyof typeof acrossPairsLosses;
export type DpoLossName = PairwiseLossName | AcrossPairsLossName;

export const isAcrossPairs = (name: DpoLossName): name is AcrossPairsLossName => name in acrossPairsLosses;

export const pairwiseLoss = (name: PairwiseLossName): PairwiseLoss => pairwiseLosses[name];

/** Losses of log-ratios rather than scores: for them no other divergence is derived. */
const reverseKlOnly = new Set<DpoLossName>([
  ...(Object.keys(perSideLosses) as PairwiseLossName[]),
  ...(Object.keys(acrossPairsLosses) as AcrossPairsLossName[]),
]);

/** Losses that assume wrong labels, and the range of their smoothing. */
const SMOOTHED: Partial<Record<DpoLossName, (e: number) => boolean>> = {
  cdpo: (e) => e >= 0 && e < 0.5,
  robust: (e) => e >= 0 && e < 0.5,
  'exo-pair': (e) => e > 0 && e < 1,
  aot: (e) => e >= 0 && e < 0.5,
  'aot-unpaired': (e) => e >= 0 && e < 0.5,
};

/** @throws ComputeError bad-parameter when a loss is combined with a divergence or smoothing that it is not defined for */
export function checkLoss(loss: DpoLossName, divergence: string, labelSmoothing: number): void {
  if (divergence !== 'reverse-kl' && reverseKlOnly.has(loss)) {
    throw new ComputeError('bad-parameter', `The loss ${loss} has no form for the divergence ${divergence}`, {
      hint: 'leave `divergence` out, or take another `loss`',
    });
  }
  const allows = SMOOTHED[loss];
  if (allows ? allows(labelSmoothing) : labelSmoothing === 0) return;
  const hint = !allows
    ? `it belongs to ${Object.keys(SMOOTHED).join(', ')}: leave \`label-smoothing\` out, or take one of these as \`loss\``
    : loss === 'exo-pair'
      ? 'set `label-smoothing` above 0, such as 0.001: its logarithm is taken'
      : 'set `label-smoothing` below 0.5: at a half the labels say nothing';
  throw new ComputeError(
    'bad-parameter',
    `The loss ${loss} is not defined for label-smoothing ${labelSmoothing}`,
    { hint },
  );
}
