import { tensorflow } from '../../../ml/engine/engine.ts';
import type { LanguageModel } from '../../../ml/models/types.ts';

/** Prompts (padded on the left, by their mask) and the likeliest tokens after them, decoded step by step. */
export function greedy(
  model: LanguageModel,
  prompts: number[][],
  mask: number[][],
  steps: number,
): number[][] {
  const tf = tensorflow();
  const rows = prompts.map((row) => [...row]);
  const decoder = model.decoder(rows.length, (rows[0] as number[]).length + steps);
  let ids_BT = tf.tensor2d(prompts, undefined, 'int32');
  let mask_BT = tf.tensor2d(mask, undefined, 'int32');
  for (let step = 0; step < steps; step++) {
    const logits_BV = decoder.feed(ids_BT, mask_BT);
    const next = tf.tidy(() => logits_BV.argMax(1).dataSync());
    for (const tensor of [logits_BV, ids_BT, mask_BT]) tensor.dispose();
    for (const [row, list] of rows.entries()) list.push(next[row] as number);
    ids_BT = tf.tensor2d(Array.from(next), [rows.length, 1], 'int32');
    mask_BT = tf.ones([rows.length, 1], 'int32');
  }
  ids_BT.dispose();
  mask_BT.dispose();
  decoder.dispose();
  return rows;
}
