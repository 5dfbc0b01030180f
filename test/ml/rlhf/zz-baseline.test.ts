import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run as ppo } from '../../../activities/kinds/rlhf.ppo.ts';
import { stream } from '../../../ml/random/stream.ts';
import { PpoTrainer } from '../../../ml/rlhf/ppo.ts';
import { promptsOf, tuningPrompts } from '../../../ml/rlhf/prompts.ts';
import { directoryOf, materialised, runBody } from '../../activities/run-body.ts';
import { reward, TEXTS, tinyDirectories, tinyModel, tinySettings, tokenizer } from './tiny.ts';

const prompts = tuningPrompts(
  promptsOf(TEXTS, tokenizer, { tokens: [1, 3], minimumCharacters: 0 }, stream(0, 'prompts')),
);
test('baseline', async () => {
  const out: Record<string, unknown> = {};
  const cases = {
    plain: {},
    drop: { valueDropout: 0.1, valueStart: 'uniform', weightDecay: 0.01, warmUp: 3, schedule: 'linear' },
    full: { klForm: 'full', whitenRewards: 'masked', earlyStopKl: 0.001 },
  } as const;
  for (const [name, changes] of Object.entries(cases)) {
    const policy = tinyModel();
    const t = new PpoTrainer({
      policy,
      reference: tinyModel(),
      tokenizer,
      reward,
      prompts,
      steps: 40,
      seed: 0,
      settings: tinySettings(changes as object),
    });
    const rows = [];
    for (let i = 0; i < 6; i++) rows.push(await t.step(i));
    const h = createHash('sha256');
    for (const [n, p] of policy.parameters) {
      h.update(n);
      h.update(Buffer.from((p.dataSync() as Float32Array).buffer.slice(0)));
    }
    out[name] = {
      rows: rows.map((r) => Object.fromEntries(Object.entries(r).filter(([k]) => KEYS.includes(k)))),
      hash: h.digest('hex'),
    };
  }
  const d = tinyDirectories();
  const r = await runBody('rlhf.ppo', ppo, {
    model: materialised('model', d.model),
    prompts: materialised('texts', d.texts),
    reward: { kind: 'lexicon', lexicon: 'vader', scale: 0.5, clip: 10, scored: 'completion' },
    'prompt-tokens': [1, 3],
    'completion-tokens': [3, 6],
    steps: 6,
    batch: 16,
    'mini-batch': 8,
    'learning-rate': 3e-3,
  });
  out.body = createHash('sha256')
    .update(readFileSync(join(directoryOf(r, 'model'), 'model.safetensors')))
    .digest('hex');
  out.metrics = Object.fromEntries(Object.entries(r!.metrics).filter(([k]) => k !== 'alarms'));
  const file = '/tmp/ppo-baseline.json';
  if (!existsSync(file)) writeFileSync(file, JSON.stringify(out));
  expect(JSON.parse(JSON.stringify(out))).toEqual(JSON.parse(readFileSync(file, 'utf8')));
}, 120_000);
const KEYS =
  'reward reward_sd kl kl_coefficient entropy length ended policy_loss value_loss explained_variance ratio approx_kl clip_fraction value_clip_fraction gradient_norm learning_rate updates'.split(
    ' ',
  );
