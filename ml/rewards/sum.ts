import { checkedScores } from './checked.ts';
import type { Reward } from './types.ts';

export interface WeightedReward {
  weight: number;
  reward: Reward;
}

/** sum over parts k of w_k r_k(text). A part that gives no finite number fails by its own name. */
export function sumReward(parts: readonly WeightedReward[]): Reward {
  const paid = parts.flatMap(({ reward }) => reward.dollars ?? []);
  return {
    description: parts.map(({ weight, reward }) => `${weight} x [${reward.description}]`).join(' + '),
    async score(texts) {
      const sums = texts.map(() => 0);
      // One after the other: each may use all cores, or a service.
      for (const { weight, reward } of parts) {
        const scores = await checkedScores(reward, texts);
        for (const [i, score] of scores.entries()) sums[i] = (sums[i] as number) + weight * score;
      }
      return sums;
    },
    ...(paid.length > 0 && { dollars: () => paid.reduce((sum, dollars) => sum + dollars(), 0) }),
    close() {
      for (const { reward } of parts) reward.close?.();
    },
  };
}
