import { loadModel } from '../../ml/models/load.ts';
import { DpoTrainer } from '../../ml/preferences/dpo.ts';
import { fillLogProbs, noLogProbs } from '../../ml/preferences/log-probs.ts';
import type { TokenPair } from '../../ml/preferences/token-pairs.ts';
import { answer } from '../lib/answer.ts';
import { DPO, RATE, rows } from './data.ts';

/**
 * Our side of the benchmark of DPO: one request is one step on the pairs of its number. Without `stored`, the reference's
 * log-probabilities are part of it.
 */
const [directory, which] = process.argv.slice(2) as [string, string];
/** The most steps that are asked for. */
const STEPS = 64;

await answer(async () => {
  const policy = await loadModel(directory);
  const reference = await loadModel(directory);
  const end = policy.vocabulary - 1;
  const pairsOf = (i: number): TokenPair[] => {
    const prompts = rows(DPO.pairs, DPO.prompt, end, 1 + i);
    const sides = rows(2 * DPO.pairs, DPO.length - DPO.prompt, end, 1001 + i);
    const sequence = (row: number, side: number) => ({
      ids: Int32Array.from([...(prompts[row] as number[]), ...(sides[side] as number[]).slice(0, -1), end]),
      promptLength: DPO.prompt,
    });
    return prompts.map((_, row) => ({
      chosen: sequence(row, row),
      rejected: sequence(row, DPO.pairs + row),
    }));
  };
  const pairs = Array.from({ length: STEPS }, (_, i) => pairsOf(i)).flat();
  const places = (i: number) => Int32Array.from({ length: DPO.pairs }, (_, row) => i * DPO.pairs + row);
  const known = noLogProbs(pairs.length);
  const trainer = new DpoTrainer({
    ...{ policy, pairs, padId: 0, steps: STEPS, seed: 0 },
    settings: {
      ...{ loss: 'sigmoid', beta: 0.1, labelSmoothing: 0, discopopTau: 0.05 },
      divergence: { type: 'reverse-kl' },
      ...{ batch: DPO.pairs, microBatch: DPO.pairs, learningRate: RATE, warmUp: 0, schedule: 'constant' },
      ...{ weightDecay: 0, maxGradientNorm: 1 },
    } as ConstructorParameters<typeof DpoTrainer>[0]['settings'],
  });
  // In the given order.
  (trainer as unknown as { order: typeof places }).order = places;
  return {
    step(i: number) {
      const refer = () => fillLogProbs(reference, pairs, places(i), 0, known);
      if (which === 'stored') refer();
      const start = performance.now();
      if (which !== 'stored') refer();
      const { loss } = trainer.step(i, known);
      return { seconds: (performance.now() - start) / 1000, check: [loss], parts: {} };
    },
  };
});
