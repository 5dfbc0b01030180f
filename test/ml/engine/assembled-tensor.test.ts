import { expect, test } from 'vitest';
import { assembledTensor } from '../../../ml/engine/assembled-tensor.ts';

/** Small ones are handed over whole, one of a mebibyte and more in pieces. */
test.each([8, 4096, 300_000, 1 << 19])(
  'tensors of %i numbers keep their own values when others follow',
  (n) => {
    const counting = (from: number) =>
      assembledTensor([n], (start, into) => {
        for (let i = 0; i < into.length; i++) into[i] = from + start + i;
      });
    // Whether TensorFlow takes an array's memory as its own depends on where the array happens to lie: hence several.
    const tensors = Array.from({ length: 8 }, (_, k) => counting(1000 * k));
    tensors.forEach((tensor, k) => {
      const values = tensor.dataSync();
      expect([values[0], values[n - 1]]).toEqual([1000 * k, 1000 * k + n - 1]);
      tensor.dispose();
    });
  },
);
