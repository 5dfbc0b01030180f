import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, test, vi } from 'vitest';
import { isNative, startEngine } from '../../../ml/engine/engine.ts';
import { gradients } from '../../../ml/engine/gradients.ts';
import { sample } from '../../../ml/generation/sample.ts';
import { nextTokenLoss } from '../../../ml/language-modelling/loss.ts';
import { loadModel } from '../../../ml/models/load.ts';
import { adam } from '../../../ml/optimisers/adam.ts';
import { stream } from '../../../ml/random/stream.ts';

const TINY = 'test/fixtures/tiny-models';

function isInstalled(): boolean {
  try {
    createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!isInstalled())('the wasm fallback (skipped where set-up found native TensorFlow)', () => {
  test('a model computes, learns and generates as on native TensorFlow', async () => {
    vi.stubEnv('PLUMBLINE_ENGINE', 'wasm');
    const tf = await startEngine();
    expect(isNative()).toBe(false);
    const { input_ids, gpt_neox: expected } = JSON.parse(readFileSync(`${TINY}/expected.json`, 'utf8'));
    const model = await loadModel(`${TINY}/gpt_neox`);
    const logits = model.unembed(model.forward(tf.tensor2d(input_ids, undefined, 'int32')));
    expect(logits.abs().sum().dataSync()[0]).toBeCloseTo(expected.logits_sum_abs, 1);
    const greedy = sample(
      model,
      input_ids,
      { maxNewTokens: 10, temperature: 0, eosId: null, padId: 0 },
      stream(0, 'greedy'),
    );
    expect([...input_ids[0], ...(greedy[0]?.ids ?? [])]).toEqual(expected.greedy_ids);
    const { value, grads } = gradients(
      () => nextTokenLoss(model, { tokens: Int32Array.from(input_ids.flat()), rows: 2, scored: null }),
      model.parameters,
    );
    expect(value.dataSync()[0]).toBeCloseTo(expected.loss, 4);
    for (const [name, gradient] of grads) {
      const [norm] = expected.grad_norm_and_first4[name.replace('embed_out', 'lm_head')];
      expect(Math.abs((gradient.norm().dataSync()[0] as number) / norm - 1), name).toBeLessThan(1e-3);
    }
    adam(model.parameters).step(grads, 1e-2);
    const after = nextTokenLoss(model, {
      tokens: Int32Array.from(input_ids.flat()),
      rows: 2,
      scored: null,
    }).dataSync()[0] as number;
    expect(after).toBeLessThan(expected.loss);
  });
});
