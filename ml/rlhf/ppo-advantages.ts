import { type GaeOptions, gae } from './gae.ts';
import { type Grid, masked } from './response-grid.ts';
import { whiten } from './whiten.ts';

/**
 * From token rewards and values to what the loss needs: rewards whitened if asked (mean kept), GAE, advantages whitened
 * (mean removed). Returns come from the advantages before whitening. Source: TRL 0.7.11, `PPOTrainer.compute_advantages`.
 *
 * `whitenRewards: 'padded'` is TRL's: whitening makes the zero padding non-zero, and GAE carries it into the last real
 * tokens, so that results depend on how far a batch is padded. `'masked'` sets the padding back to zero. Default: off.
 */
export interface AdvantageOptions extends GaeOptions {
  whitenRewards: 'off' | 'masked' | 'padded';
}

export function ppoAdvantages(
  rewards: Grid,
  values: Grid,
  lengths: readonly number[],
  options: AdvantageOptions,
): { advantages: Grid; returns: Grid } {
  let r = masked(rewards, lengths);
  if (options.whitenRewards !== 'off') r = whiten(r, lengths, { keepMean: true });
  if (options.whitenRewards === 'masked') r = masked(r, lengths);
  const { advantages, returns } = gae(r, masked(values, lengths), options);
  return { advantages: whiten(advantages, lengths, { keepMean: false }), returns };
}
