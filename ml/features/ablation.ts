import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import type { Hook } from '../models/types.ts';
import type { Dictionary } from '../sae/dictionary.ts';

/**
 * What is done to the activations at each dictionary's place:
 *  - `features`: x' = x - sum_i in S f_i(x) d_i. The dictionary's error stays in, so that only the features are removed
 *    (Marks et al. 2024, "Sparse Feature Circuits", section 2);
 *  - `reconstruct`: x' = x_hat, nothing removed but the error: what the dictionary's imperfection alone does;
 *  - `scale` multiplies what is removed: 1 removes, 2 inverts, -1 doubles the features (the dose curve).
 */
export type Intervention =
  | { type: 'features'; sets: ReadonlyMap<Dictionary, readonly number[]>; scale: number }
  | { type: 'reconstruct' };

/** Hooks that apply the intervention wherever one of the dictionaries reads. Dispose of them when done. */
export function interventionHooks(
  dictionaries: readonly Dictionary[],
  intervention: Intervention,
): { hooks: Hook[]; dispose(): void } {
  const tf = tensorflow();
  const owned: tf.Tensor[] = [];
  const hooks = dictionaries.flatMap((dictionary): Hook[] => {
    const place = { site: dictionary.site, layer: dictionary.layer };
    if (intervention.type === 'reconstruct') {
      return [
        {
          ...place,
          run: (acts_BTD) =>
            tf.tidy(() => onRows(acts_BTD, (x_ND) => dictionary.decode(dictionary.encode(x_ND)))),
        },
      ];
    }
    const set = intervention.sets.get(dictionary) ?? [];
    if (set.length === 0) return [];
    const mask = new Float32Array(dictionary.features);
    for (const feature of set) mask[feature] = intervention.scale;
    const mask_F = tf.tensor1d(mask);
    owned.push(mask_F);
    return [
      {
        ...place,
        run: (acts_BTD) =>
          tf.tidy(() =>
            onRows(acts_BTD, (x_ND) => {
              const removed_NF = dictionary.encode(x_ND).mul<tf.Tensor2D>(mask_F);
              return x_ND.sub<tf.Tensor2D>(tf.matMul(removed_NF, dictionary.decoder_FD));
            }),
          ),
      },
    ];
  });
  return { hooks, dispose: () => tf.dispose(owned) };
}

function onRows(acts_BTD: tf.Tensor3D, change: (x_ND: tf.Tensor2D) => tf.Tensor2D): tf.Tensor3D {
  const [B, T, D] = acts_BTD.shape;
  return change(acts_BTD.reshape([B * T, D])).reshape([B, T, D]);
}
