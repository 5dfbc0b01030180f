import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type * as TensorFlow from '@tensorflow/tfjs';
import { expect, test } from 'vitest';
import { tensorflow } from '../../../ml/engine/engine.ts';
import { logitEffects, writesToStream } from '../../../ml/features/logit-effects.ts';
import { loadModel } from '../../../ml/models/load.ts';

const FIXTURES = 'test/fixtures';
type Pairs = [token: number, change: number][];
const expected: { activation: number; models: Record<string, { raised: Pairs; lowered: Pairs }> } =
  JSON.parse(readFileSync(join(FIXTURES, 'logit-effects.json'), 'utf8'));

/** What leaves the last block, for the second row of the model's ids. */
async function streamOf(name: string) {
  const tf = tensorflow();
  const directory = join(FIXTURES, 'tiny-models', name);
  const model = await loadModel(directory);
  const { input_ids: ids } = JSON.parse(readFileSync(join(directory, 'expected.json'), 'utf8'));
  let stream_PD = new Float32Array();
  const run = (acts_BTD: TensorFlow.Tensor3D) => {
    stream_PD = acts_BTD.dataSync<'float32'>() as typeof stream_PD;
    return undefined;
  };
  tf.tidy(() =>
    model.observe(tf.tensor2d([ids[1]], undefined, 'int32'), [
      { site: 'block_out', layer: model.layers - 1, run },
    ]),
  );
  return { model, stream_PD };
}

test.each(Object.keys(expected.models))('%s: the same tokens and changes as transformers', async (name) => {
  const { model, stream_PD } = await streamOf(name);
  const direction = Float32Array.from({ length: model.width }, (_, i) => Math.sin(1.7 * i + 0.3));
  const addition = { direction, activation: expected.activation };
  // What a model keeps for rows of one position stays.
  logitEffects(model, stream_PD, [addition], String, 5);
  const tensors = tensorflow().memory().numTensors;
  const [found] = logitEffects(model, stream_PD, [addition], String, 5);
  expect(tensorflow().memory().numTensors).toBe(tensors);
  const { raised, lowered } = expected.models[name]!;
  for (const [ours, theirs] of [
    [found!.raised, raised],
    [found!.lowered, lowered],
  ] as const) {
    expect(ours.map(({ token }) => Number(token))).toEqual(theirs.map(([token]) => token));
    ours.forEach(({ effect }, i) => {
      const change = theirs[i]![1];
      // Four digits are kept.
      expect(Math.abs(effect - change)).toBeLessThan(1e-4 + 6e-4 * Math.abs(change));
    });
  }
  model.dispose();
});

test('features are told apart, and only what the stream takes up has an effect', async () => {
  const { model, stream_PD } = await streamOf('gpt_neox');
  const along = (sign: number) => ({
    direction: Float32Array.from({ length: model.width }, (_, i) => sign * Math.cos(i)),
    activation: 0.01,
  });
  const [up, down, up2] = logitEffects(model, stream_PD, [along(1), along(-1), along(1)], String, 3);
  expect(up).toEqual(up2);
  // Of a small step, the opposite direction does the opposite.
  expect(down!.lowered[0]!.token).toBe(up!.raised[0]!.token);
  expect(down!.lowered[0]!.effect).toBeCloseTo(-up!.raised[0]!.effect, 4);
  expect(
    ['block_in', 'attention_out', 'mlp_out', 'block_out'].every((site) => writesToStream(site as never)),
  ).toBe(true);
  expect(writesToStream('mlp_in')).toBe(false);
  model.dispose();
});
