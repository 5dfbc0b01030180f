import { expect, test } from 'vitest';
import { BestWeights } from '../../../ml/language-modelling/best-weights.ts';
import { loadModel } from '../../../ml/models/load.ts';
import { parameterValues } from '../../../ml/models/save.ts';
import { fullTraining } from '../../../ml/training/trainable.ts';

test('the weights of the lowest loss come back, also through a checkpoint, and patience ends training', async () => {
  const model = await loadModel('test/fixtures/tiny-models/gpt_neox');
  const [name, parameter] = [...model.parameters][0]!;
  const first = () => parameterValues(model)[name]!.data[0];
  const set = (value: number) => parameter.assign(parameter.mul(0).add(value));
  const best = new BestWeights(fullTraining(model), 2);
  for (const [i, loss] of [3, 1, 2].entries()) {
    set(i);
    best.evaluated(loss, 10 * (i + 1));
  }
  expect(best.over).toBe(false);
  const resumed = new BestWeights(fullTraining(model), 2);
  resumed.load(structuredClone(best.save()));
  for (const one of [best, resumed]) {
    set(3);
    one.evaluated(1, 40);
    expect([one.over, one.step]).toEqual([true, 20]);
    one.restore();
    expect(first()).toBe(1);
  }
  expect(new BestWeights(fullTraining(model), null).step).toBeNull();
  model.dispose();
});
