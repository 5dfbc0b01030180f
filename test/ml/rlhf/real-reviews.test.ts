import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { openReward } from '../../../activities/feedback.ts';
import { loadModel } from '../../../ml/models/load.ts';
import { stream } from '../../../ml/random/stream.ts';
import { PpoTrainer } from '../../../ml/rlhf/ppo.ts';
import type { PpoMetrics } from '../../../ml/rlhf/ppo-metrics.ts';
import { PPO_DEFAULTS } from '../../../ml/rlhf/ppo-settings.ts';
import { promptsOf, tuningPrompts } from '../../../ml/rlhf/prompts.ts';
import { loadTokenizer } from '../../../ml/tokenizers/load.ts';

const shared = fileURLToPath(new URL('../../../../shared/', import.meta.url));
const directory = `${shared}models/reviews-neox`;
const reviews = `${shared}data/imdb-2400.jsonl.gz`;
const absent = !existsSync(directory) || !existsSync(reviews);

test.skipIf(absent)(
  'a model of real reviews learns to please the lexicon (needs ../shared/models and data)',
  async () => {
    const texts = gunzipSync(readFileSync(reviews))
      .toString()
      .trim()
      .split('\n')
      .slice(0, 600)
      .map((line) => (JSON.parse(line) as { text: string }).text);
    const tokenizer = loadTokenizer(directory);
    const settings = {
      ...PPO_DEFAULTS.corrected,
      batch: 32,
      completionTokens: [8, 12] as const,
      minimumCharacters: 200,
    };
    const options = { tokens: settings.promptTokens, minimumCharacters: settings.minimumCharacters };
    const prompts = tuningPrompts(promptsOf(texts, tokenizer, options, stream(0, 'prompts')));
    const reward = await openReward(
      { kind: 'lexicon', lexicon: 'vader', scale: 0.2, clip: 10, scored: 'completion' },
      { workDirectory: '', durableDirectory: '', cacheDirectory: '' },
    );
    const parts = {
      policy: await loadModel(directory),
      reference: await loadModel(directory),
      tokenizer,
      reward,
      prompts,
    };
    const steps = 24;
    const trainer = new PpoTrainer({ ...parts, settings, steps, seed: 0 });
    const history: PpoMetrics[] = [];
    for (let i = 0; i < steps; i++) history.push(await trainer.step(i));
    const mean = (rows: readonly PpoMetrics[], key: 'reward' | 'kl') =>
      rows.reduce((sum, row) => sum + row[key], 0) / rows.length;
    expect(mean(history.slice(-6), 'reward')).toBeGreaterThan(mean(history.slice(0, 6), 'reward') + 0.15);
    expect(mean(history.slice(-6), 'kl')).toBeGreaterThan(0.3);
    expect(history.every(({ ratio }) => Math.abs(ratio - 1) < 0.2)).toBe(true);
  },
  600_000,
);
