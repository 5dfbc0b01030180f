import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { test } from 'vitest';
import { openReward } from '../../../activities/feedback.ts';
import { loadModel } from '../../../ml/models/load.ts';
import { stream } from '../../../ml/random/stream.ts';
import { GRPO_DEFAULTS, grpoTrainer } from '../../../ml/rlhf/grpo.ts';
import { PpoTrainer } from '../../../ml/rlhf/ppo.ts';
import { PPO_DEFAULTS } from '../../../ml/rlhf/ppo-settings.ts';
import { promptsOf, tuningPrompts } from '../../../ml/rlhf/prompts.ts';
import { RLOO_DEFAULTS, rlooTrainer } from '../../../ml/rlhf/rloo.ts';
import { loadTokenizer } from '../../../ml/tokenizers/load.ts';

const directory = '/work/shared/models/reviews-neox';
const make = {
  ppo: (p: any, s: any) => new PpoTrainer({ ...p, settings: { ...PPO_DEFAULTS.corrected, ...s } }),
  grpo: (p: any, s: any) => grpoTrainer({ ...p, settings: { ...GRPO_DEFAULTS, ...s } }),
  rloo: (p: any, s: any) => rlooTrainer({ ...p, settings: { ...RLOO_DEFAULTS, ...s } }),
} as Record<string, any>;
test('real', async () => {
  const texts = gunzipSync(readFileSync('/work/shared/data/imdb-2400.jsonl.gz'))
    .toString()
    .trim()
    .split('\n')
    .slice(0, 1200)
    .map((l) => JSON.parse(l).text as string);
  const tokenizer = loadTokenizer(directory);
  const prompts = tuningPrompts(
    promptsOf(texts, tokenizer, { tokens: [2, 9], minimumCharacters: 200 }, stream(0, 'prompts')),
  );
  const reward = await openReward(
    { kind: 'lexicon', lexicon: 'vader', scale: 0.2, clip: 10, scored: 'completion' } as any,
    { workDirectory: '', durableDirectory: '', cacheDirectory: '' },
  );
  for (const spec of JSON.parse(process.env.SPECS!)) {
    const { algo, steps, ...s } = spec;
    const policy = await loadModel(directory);
    const reference = await loadModel(directory);
    const t = make[algo]({ policy, reference, tokenizer, reward, prompts, steps, seed: 0 }, s);
    const rows: any[] = [];
    const t0 = Date.now();
    for (let i = 0; i < steps; i++) rows.push(await t.step(i));
    const m = (from: number, to: number, k: string) =>
      (rows.slice(from, to).reduce((a, r) => a + r[k], 0) / (to - from)).toFixed(3);
    const n = steps;
    const q = Math.max(1, Math.floor(n / 4));
    console.log(JSON.stringify(spec), 's', ((Date.now() - t0) / 1000).toFixed(0));
    for (let f = 0; f + q <= n; f += q)
      console.log(
        '  ',
        f,
        [
          'reward',
          'kl',
          'kl_k3',
          'entropy',
          'length',
          'distinct_2',
          'clip_fraction',
          'ratio',
          'gradient_norm',
          'equal_groups',
          'value_loss',
          'explained_variance',
        ]
          .filter((k) => rows[0][k] !== undefined)
          .map((k) => `${k} ${m(f, f + q, k)}`)
          .join(' '),
      );
    t.dispose();
    policy.dispose();
    reference.dispose();
  }
}, 3_000_000);
