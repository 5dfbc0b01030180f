import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { LanguageModelTrainer } from '../../../ml/language-modelling/trainer.ts';
import type { Windows } from '../../../ml/language-modelling/windows.ts';
import { loadModel } from '../../../ml/models/load.ts';
import { cosineSchedule } from '../../../ml/optimisers/schedules/cosine.ts';

interface Losses {
  losses: number[];
  norms: number[];
}

/** Made by test/fixtures/make/language_modelling.py with PyTorch. */
const reference = JSON.parse(readFileSync('test/fixtures/language-modelling.json', 'utf8')) as {
  settings: Record<'steps' | 'context' | 'rate' | 'warmup' | 'decay' | 'beta2' | 'clip', number>;
  tokens: number[][];
  scored: number[][];
  order: number[][];
  all: Losses;
  masked: Losses;
};
const { settings, tokens, scored, order } = reference;

async function train(masked: boolean, microBatch: number, steps = settings.steps) {
  const model = await loadModel('test/fixtures/tiny-models/gpt_neox');
  const windows: Windows = {
    tokens: Int32Array.from(tokens.flat()),
    count: tokens.length,
    context: settings.context,
    ...(masked ? { scored: Uint8Array.from(scored.flat()) } : {}),
  };
  const trainer = new LanguageModelTrainer(model, {
    windows,
    order: { rows: (step) => Int32Array.from(order[step] as number[]) },
    microBatch,
    learningRate: settings.rate,
    schedule: cosineSchedule({ total: settings.steps, warmup: settings.warmup }),
    weightDecay: settings.decay,
    beta2: settings.beta2,
    maxGradientNorm: settings.clip,
  });
  const results = Array.from({ length: steps }, (_, i) => trainer.step(i));
  // After the first step: a tenth of the (clipped) gradient. The weights would not do: where a gradient is nearly 0, Adam's
  // step follows the sign of its rounding error.
  const moments = Object.entries(trainer.save().tensors)
    .filter(([name]) => name.startsWith('optimiser/m/'))
    .flatMap(([, { data }]) => Array.from(data));
  trainer.dispose();
  model.dispose();
  return { results, moments };
}

const relative = (a: number, b: number) => Math.abs(a - b) / Math.abs(b);
const worst = (values: number[]) => Math.max(...values);

describe.each([
  ['every token', false, reference.all],
  ['completions only', true, reference.masked],
] as const)('training on %s', (_name, masked, expected) => {
  test('50 losses and gradient norms are those of PyTorch', async () => {
    const { results } = await train(masked, 4);
    expect(worst(results.map(({ train_loss }, i) => relative(train_loss, expected.losses[i]!)))).toBeLessThan(
      1e-4,
    );
    expect(
      worst(results.map(({ gradient_norm }, i) => relative(gradient_norm, expected.norms[i]!))),
    ).toBeLessThan(1e-3);
  });

  test.each([1, 2, 3])('parts of %i windows add up to the batch', async (microBatch) => {
    const whole = await train(masked, 4, 1);
    const parts = await train(masked, microBatch, 1);
    expect(relative(parts.results[0]!.train_loss, whole.results[0]!.train_loss)).toBeLessThan(1e-6);
    expect(relative(parts.results[0]!.gradient_norm, whole.results[0]!.gradient_norm)).toBeLessThan(1e-6);
    const difference = whole.moments.map((x, i) => x - parts.moments[i]!);
    expect(Math.hypot(...whole.moments)).toBeGreaterThan(0.01);
    expect(Math.hypot(...difference) / Math.hypot(...whole.moments)).toBeLessThan(1e-6);
  });
});
