import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from './engine.ts';

/** Where in `x`, taken as one list, the numbers above `bound` are, ascending. Meant for few among many. */
export function placesAbove(x: tf.Tensor, bound: number): Int32Array {
  const tf = tensorflow();
  const flags = tf.tidy(() => x.greater(bound));
  const bytes = flags.dataSync() as Uint8Array;
  flags.dispose();
  // Four flags at a time: nearly all are 0.
  const aligned = bytes.byteOffset % 4 === 0 ? Math.floor(bytes.length / 4) : 0;
  const words = new Int32Array(bytes.buffer, aligned > 0 ? bytes.byteOffset : 0, aligned);
  let places = new Int32Array(1024);
  let found = 0;
  const collect = (from: number, to: number) => {
    if (found + to - from > places.length) {
      const longer = new Int32Array(2 * (found + to - from));
      longer.set(places);
      places = longer;
    }
    for (let i = from; i < to; i++) if (bytes[i] !== 0) places[found++] = i;
  };
  for (let word = 0; word < aligned; word++) if (words[word] !== 0) collect(4 * word, 4 * word + 4);
  for (let from = 4 * aligned; from < bytes.length; from += 4)
    collect(from, Math.min(from + 4, bytes.length));
  return places.slice(0, found);
}
