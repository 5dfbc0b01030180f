import { loadModel } from '../../ml/models/load.ts';
import type { Tokenizer } from '../../ml/models/types.ts';
import type { Written } from '../../ml/rlhf/complete.ts';
import { PpoTrainer } from '../../ml/rlhf/ppo.ts';
import type { PpoLoss } from '../../ml/rlhf/ppo-loss.ts';
import { PPO_DEFAULTS } from '../../ml/rlhf/ppo-settings.ts';
import { answer } from '../lib/answer.ts';
import { gemmSeconds } from '../lib/gemm.ts';
import { opProfile } from '../lib/op-profile.ts';
import { PPO, RATE, rows, score } from './data.ts';

/**
 * Our side of the benchmark of PPO. `step`: completions are sampled, scored and learned from. `gate`: a step on given
 * completions in the given order, which gives the losses of its updates. Ids stand for texts, so that tokenizers cost no
 * side anything.
 */
const directory = process.argv[2] as string;
const read = (text: string) => text.trim().split(' ').map(Number);
const write = (ids: ArrayLike<number>) => Array.from(ids).join(' ');

await answer(async () => {
  const policy = await loadModel(directory);
  const reference = await loadModel(directory);
  const { vocabulary } = policy;
  const tokenizer: Tokenizer = {
    ...{ vocabularySize: vocabulary, bosId: null, eosId: null, padId: 0 },
    encode: read,
    encodeWithOffsets: (text) => ({ ids: read(text), offsets: [] }),
    decode: write,
    token: String,
  };
  const promptsOf = (i: number) =>
    rows(PPO.batch, PPO.prompt, vocabulary, 1 + i).map((ids) => ({ ids, text: write(ids), source: 0 }));
  let prompts = promptsOf(0);
  const trainer = new PpoTrainer({
    ...{ policy, reference, tokenizer, prompts, steps: 1000, seed: 0 },
    reward: {
      description: 'a function of the ids',
      score: (texts) => part('score', () => texts.map(({ completion }) => score(read(completion)))),
    },
    settings: {
      ...PPO_DEFAULTS.faithful,
      ...{ batch: PPO.batch, miniBatch: PPO.miniBatch, epochs: PPO.epochs, learningRate: RATE },
      ...{ warmUp: 0, schedule: 'constant', weightDecay: 0, valueDropout: 0, valueStart: 'zeros' },
      klControl: { type: 'adaptive', initial: 0.2, target: 6, horizon: 10_000 },
      promptTokens: [PPO.prompt, PPO.prompt],
      completionTokens: [PPO.response, PPO.response],
      minimumCharacters: 0,
    },
  });

  // The trainer's own parts, to give it completions and to time it from outside.
  const inside = trainer as unknown as {
    rollouts: { write(i: number): Written[]; draws(i: number, purpose: string): object };
    updates: { learn(...args: unknown[]): { losses: PpoLoss[] } };
    record(...args: unknown[]): unknown;
  };
  const { rollouts, updates } = inside;
  const own = { write: rollouts.write.bind(rollouts), draws: rollouts.draws.bind(rollouts) };
  const learn = updates.learn.bind(updates);
  const record = inside.record.bind(trainer);
  const parts: Record<string, number> = {};
  const part = <T>(name: string, work: () => T): T => {
    const start = performance.now();
    const result = work();
    parts[name] = (performance.now() - start) / 1000;
    return result;
  };
  inside.record = (...args) => part('log-probabilities', () => record(...args));
  let losses: number[] = [];
  updates.learn = (...args) => {
    const learned = part('update', () => learn(...args));
    losses = learned.losses.map(({ totalLoss }) => totalLoss);
    return learned;
  };
  const timed = async (i: number) => {
    const start = performance.now();
    await trainer.step(i);
    return (performance.now() - start) / 1000;
  };

  return {
    async gate(i: number) {
      const responses = rows(PPO.batch, PPO.response, vocabulary, 1001 + i);
      prompts = promptsOf(i);
      rollouts.write = () =>
        prompts.map(({ ids, text }, row) => {
          const response = responses[row] as number[];
          return { prompt: ids, response, text: { prompt: text, completion: write(response) }, ended: false };
        });
      const inOrder = { permutation: (count: number) => Int32Array.from({ length: count }, (_, k) => k) };
      rollouts.draws = (step, purpose) => (purpose === 'mini-batches' ? inOrder : own.draws(step, purpose));
      const seconds = await timed(i);
      Object.assign(rollouts, own);
      return { seconds, check: losses, parts: {} };
    },
    async step(i: number) {
      prompts.splice(0, prompts.length, ...promptsOf(i));
      rollouts.write = (step) => part('generate', () => own.write(step));
      const seconds = await timed(i);
      return { seconds, check: [], parts: { ...parts } };
    },
    /** The ops of a step. */
    async profile(i: number) {
      prompts.splice(0, prompts.length, ...promptsOf(i));
      let seconds = 0;
      const ops = await opProfile(async () => {
        seconds = await timed(i);
      });
      return { seconds, check: [], parts: ops };
    },
    gemm: () => ({ seconds: gemmSeconds(), check: [], parts: {} }),
  };
});
