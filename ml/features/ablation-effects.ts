import type { RandomStream } from '../random/stream.ts';
import { bootstrapMany } from '../stats/bootstrap.ts';
import type { Estimate } from '../stats/types.ts';

/** Rewards of the completions of the same prompts under every condition, aligned by prompt. */
export interface AblationRewards {
  intact: readonly number[];
  reconstruct: readonly number[];
  /** One row a dose, in the order asked. */
  doses: readonly { dose: number; rewards: readonly number[] }[];
  /** One row a draw of matched random features. */
  random: readonly (readonly number[])[];
  /** The model before tuning, intact and with the same features removed. */
  base?: { intact: readonly number[]; ablated: readonly number[] };
}

export interface AblationEffects {
  reward_intact: Estimate;
  reward_ablated: Estimate;
  effect: Estimate;
  effect_random: Estimate;
  effect_over_random: Estimate;
  effect_reconstruct: Estimate;
  effect_base?: Estimate;
  /** Aligned with `doses`: effect of each dose. */
  dose: Estimate[];
}

const meanOf = (values: readonly number[], rows: Int32Array): number => {
  let sum = 0;
  for (let i = 0; i < rows.length; i++) sum += values[rows[i] as number] as number;
  return sum / rows.length;
};

/**
 * Effects as paired differences of mean reward with bootstrap intervals over prompts; all from the same resamples.
 * Random draws are averaged prompt by prompt first, so that the interval is about prompts, not about draws.
 */
export function ablationEffects(rewards: AblationRewards, stream: RandomStream): AblationEffects {
  const ablated = (rewards.doses.find(({ dose }) => dose === 1) ?? rewards.doses[0])?.rewards;
  if (!ablated || rewards.random.length === 0)
    throw new RangeError('ablationEffects: needs a dose and a random draw');
  const random = rewards.intact.map(
    (_, i) => rewards.random.reduce((sum, draw) => sum + (draw[i] as number), 0) / rewards.random.length,
  );
  const difference = (a: readonly number[], b: readonly number[]) =>
    a.map((value, i) => value - (b[i] as number));
  const effect = difference(ablated, rewards.intact);
  const effectRandom = difference(random, rewards.intact);
  const columns = [
    rewards.intact,
    ablated,
    effect,
    effectRandom,
    difference(effect, effectRandom),
    difference(rewards.reconstruct, rewards.intact),
    ...rewards.doses.map((dose) => difference(dose.rewards, rewards.intact)),
    ...(rewards.base ? [difference(rewards.base.ablated, rewards.base.intact)] : []),
  ];
  const estimates = bootstrapMany(
    rewards.intact.length,
    columns.length,
    (rows, out) => {
      columns.forEach((column, k) => {
        out[k] = meanOf(column, rows);
      });
    },
    { stream, unit: 'prompt' },
  ) as [Estimate, Estimate, Estimate, Estimate, Estimate, Estimate, ...Estimate[]];
  const doses = rewards.doses.length;
  const base = rewards.base ? estimates[6 + doses] : undefined;
  return {
    reward_intact: estimates[0],
    reward_ablated: estimates[1],
    effect: estimates[2],
    effect_random: estimates[3],
    effect_over_random: estimates[4],
    effect_reconstruct: estimates[5],
    ...(base ? { effect_base: base } : {}),
    dose: estimates.slice(6, 6 + doses),
  };
}
