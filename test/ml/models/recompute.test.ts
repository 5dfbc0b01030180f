import { expect, test } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { gradients } from '../../../ml/engine/gradients.ts';
import { nextTokenLoss } from '../../../ml/language-modelling/loss.ts';
import type { Block } from '../../../ml/language-modelling/windows.ts';
import { loadModel } from '../../../ml/models/load.ts';
import { stream } from '../../../ml/random/stream.ts';

const ids = (vocabulary: number): Block => {
  const draws = stream(0, 'ids');
  const tokens = Int32Array.from({ length: 4 * 33 }, () => draws.integer(vocabulary));
  return { tokens, rows: 4, scored: null };
};

test.each(['gpt_neox', 'gpt_neo', 'gpt2', 'gemma', 'llama', 'qwen3'])(
  '%s: gradients are the same bits when blocks are computed again, and less is kept for them',
  async (name) => {
    const tf = tensorflow();
    const model = await loadModel(`test/fixtures/tiny-models/${name}`);
    const [plain, again] = [false, true].map((recompute) => {
      let kept = 0;
      const before = tf.memory();
      const { value, grads } = gradients(() => {
        const loss = nextTokenLoss(model, ids(model.vocabulary), 128, recompute);
        kept = tf.memory().numBytes - before.numBytes;
        return loss;
      }, model.parameters);
      const numbers = new Map(
        [...grads].map(([parameter, gradient]) => [parameter, [...gradient.dataSync()]]),
      );
      const loss = value.dataSync()[0];
      tf.dispose([value, ...grads.values()]);
      // The tables of positions, which models keep, were made in the first pass.
      return { loss, numbers, kept, left: tf.memory().numTensors - before.numTensors };
    });
    expect(plain!.numbers.size).toBe(model.parameters.size);
    expect(again!.loss).toBe(plain!.loss);
    expect(again!.numbers).toEqual(plain!.numbers);
    expect(again!.left).toBe(0);
    expect(again!.kept).toBeLessThan(0.6 * plain!.kept);
    model.dispose();
  },
);

test('hooks, which would run twice, are refused', async () => {
  const model = await loadModel('test/fixtures/tiny-models/gpt_neox');
  const ids_BT = tensorflow().tensor2d([[1, 2, 3]], undefined, 'int32');
  const hooks = [{ site: 'mlp_out', layer: 0, run: () => undefined }] as const;
  expect(() => model.forward(ids_BT, { recompute: true, hooks })).toThrow('Hooks would run twice');
  tensorflow().dispose(ids_BT);
  model.dispose();
});
