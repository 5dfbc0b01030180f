import { afterEach, describe, expect, test, vi } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { stream } from '../../../ml/random/stream.ts';
import type { Reward } from '../../../ml/rewards/types.ts';
import type { GroupMetrics } from '../../../ml/rlhf/group-trainer.ts';
import { GRPO_DEFAULTS, type GrpoSettings, grpoTrainer } from '../../../ml/rlhf/grpo.ts';
import type { OnPolicyTrainer } from '../../../ml/rlhf/on-policy.ts';
import { promptsOf, tuningPrompts } from '../../../ml/rlhf/prompts.ts';
import { RLOO_DEFAULTS, type RlooSettings, rlooTrainer } from '../../../ml/rlhf/rloo.ts';
import { reward, TEXTS, tinyModel, tokenizer } from './tiny.ts';

vi.setConfig({ testTimeout: 120_000 });
const tf = tensorflow();
const prompts = tuningPrompts(
  promptsOf(TEXTS, tokenizer, { tokens: [1, 3], minimumCharacters: 0 }, stream(0, 'prompts')),
);
const made: { dispose(): void }[] = [];
afterEach(() => {
  for (const thing of made.splice(0)) thing.dispose();
});
const keep = <T extends { dispose(): void }>(thing: T): T => {
  made.push(thing);
  return thing;
};

const tiny: Partial<GrpoSettings> = {
  ...{ batch: 16, miniBatch: 8, learningRate: 6e-3 },
  promptTokens: [1, 3],
  completionTokens: [3, 6],
};
const algorithms = {
  grpo: (parts: Parts, changes: Changes) =>
    grpoTrainer({ ...parts, settings: { ...GRPO_DEFAULTS, ...tiny, ...changes } as GrpoSettings }),
  rloo: (parts: Parts, changes: Changes) =>
    rlooTrainer({ ...parts, settings: { ...RLOO_DEFAULTS, ...tiny, ...changes } as RlooSettings }),
};
type Changes = Partial<GrpoSettings>;
type Parts = Omit<Parameters<typeof grpoTrainer>[0], 'settings'>;
type Name = keyof typeof algorithms;

function trainer(name: Name, changes: Changes = {}, given: Reward = reward) {
  const parts = { policy: keep(tinyModel()), reference: keep(tinyModel()) };
  const rest = { tokenizer, reward: given, prompts, steps: 40, seed: 0 };
  return { ...parts, trainer: keep(algorithms[name]({ ...parts, ...rest }, changes)) };
}

async function steps(run: OnPolicyTrainer<GroupMetrics>, from: number, to: number): Promise<GroupMetrics[]> {
  const metrics: GroupMetrics[] = [];
  for (let i = from; i < to; i++) metrics.push(await run.step(i));
  return metrics;
}
const average = (rows: GroupMetrics[], key: keyof GroupMetrics) =>
  rows.reduce((sum, row) => sum + row[key], 0) / rows.length;

describe.each(['grpo', 'rloo'] as const)('%s', (name) => {
  test('the reward of a tiny model rises, and its KL with it', async () => {
    const { trainer: run } = trainer(name);
    const first = await steps(run, 0, 3);
    const rest = await steps(run, 3, 20);
    expect(first[0]!.kl).toBeCloseTo(0, 3);
    expect(average(rest.slice(-5), 'reward')).toBeGreaterThan(average(first, 'reward') + 1);
    expect(average(rest.slice(-5), 'kl')).toBeGreaterThan(0.5);
    expect(average(rest.slice(-5), 'kl_k3')).toBeGreaterThan(0.5);
  });

  test('no tensor is left behind', async () => {
    // The same steps once more, so that tensors kept for shapes are there already.
    const { trainer: run } = trainer(name, { learningRate: 1e-30 });
    await steps(run, 0, 3);
    const before = tf.memory().numTensors;
    await steps(run, 0, 3);
    expect(tf.memory().numTensors).toBe(before);
  });

  test('a strong KL term holds the model where it is', async () => {
    const held = await steps(trainer(name, { beta: 5 }).trainer, 0, 8);
    const free = await steps(trainer(name, { beta: 0 }).trainer, 0, 8);
    expect(average(held.slice(-3), 'kl_k3')).toBeLessThan(average(free.slice(-3), 'kl_k3') / 2);
  });

  test('nothing is learned where all completions of a prompt are equally good: not a bit changes', async () => {
    const constant = { description: 'constant', score: (texts: readonly unknown[]) => texts.map(() => 0.1) };
    const { trainer: run, policy } = trainer(name, { beta: 0 }, constant);
    const values = () => [...policy.parameters.values()].map((parameter) => [...parameter.dataSync()]);
    const before = values();
    const [metrics] = await steps(run, 0, 1);
    expect(metrics!.equal_groups).toBe(1);
    expect(metrics!.gradient_norm).toBeLessThan(1e-12);
    if (metrics!.gradient_norm === 0) expect(values()).toEqual(before);
  });

  test('a group holds completions of one prompt, and each step other prompts', async () => {
    const seen: string[][] = [];
    const watching: Reward = {
      description: 'watching',
      score(texts) {
        seen.push(texts.map(({ prompt }) => prompt));
        return texts.map((_, i) => i);
      },
    };
    await steps(trainer(name, { group: 8 }, watching).trainer, 0, 2);
    for (const batch of seen) {
      expect(new Set(batch.slice(0, 8)).size).toBe(1);
      expect(new Set(batch.slice(8)).size).toBe(1);
    }
    expect(seen[0]).not.toEqual(seen[1]);
  });

  test('impossible settings are refused before anything runs, and a run that diverges says so', async () => {
    expect(() => trainer(name, { group: 5 })).toThrow('group 5 does not divide batch 16');
    expect(() => trainer(name, { miniBatch: 5 })).toThrow('mini-batch 5 does not divide batch 16');
    const { trainer: run } = trainer(name, { learningRate: 1e30, maxGradientNorm: null });
    await expect(steps(run, 0, 4)).rejects.toMatchObject({
      code: 'nan-loss',
      options: { hint: 'lower `learning-rate`, or raise `beta`' },
    });
  });
});

test('every way to put token losses together trains, and they differ', async () => {
  const norms = [];
  for (const lossType of ['grpo', 'dapo', 'dr-grpo'] as const) {
    const [, second] = await steps(trainer('grpo', { lossType, clipRangeHigh: 0.28 }).trainer, 0, 2);
    norms.push(second!.gradient_norm);
  }
  expect(new Set(norms).size).toBe(3);
  expect(norms.every((norm) => norm > 0)).toBe(true);
});
