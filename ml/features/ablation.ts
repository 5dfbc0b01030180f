import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import type { Hook } from '../models/types.ts';
import type { Dictionary } from '../sae/dictionary.ts';

/** Features of each dictionary. */
export type FeatureSets = ReadonlyMap<Dictionary, readonly number[]>;

/**
 * What is done to the activations at each dictionary's place:
 *  - `features`: x' = x - scale sum_i in S f_i(x) d_i. The dictionary's error stays in, so that only the features are removed
 *    (Marks et al. 2024, "Sparse Feature Circuits", section 2). `scale` 1 removes, 2 inverts, -1 doubles them: the dose;
 *  - `reconstruct`: x' = x_hat, what the dictionary's imperfection alone does;
 *  - `published`: x' = decode(f with f_i = 0 for i in S), as the paper has it ("Interpreting Learned Feedback Patterns",
 *    section 4.2): the features and the dictionary's error go together.
 */
export type Intervention =
  | { type: 'features'; sets: FeatureSets; scale: number }
  | { type: 'reconstruct' }
  | { type: 'published'; sets: FeatureSets };

/** Hooks that apply the intervention wherever one of the dictionaries reads. Dispose of them when done. */
export function interventionHooks(
  dictionaries: readonly Dictionary[],
  intervention: Intervention,
): { hooks: Hook[]; dispose(): void } {
  const tf = tensorflow();
  const owned: tf.Tensor[] = [];
  /** `inside` at the features of the set, `outside` at all others. [F] */
  const mask = (dictionary: Dictionary, set: readonly number[], inside: number, outside: number) => {
    const values = new Float32Array(dictionary.features).fill(outside);
    for (const feature of set) values[feature] = inside;
    const mask_F = tf.tensor1d(values);
    owned.push(mask_F);
    return mask_F;
  };
  const hooks = dictionaries.flatMap((dictionary): Hook[] => {
    const place = { site: dictionary.site, layer: dictionary.layer };
    const change = changeOf(dictionary, intervention, mask);
    return change ? [{ ...place, run: (acts_BTD) => tf.tidy(() => onRows(acts_BTD, change)) }] : [];
  });
  return { hooks, dispose: () => tf.dispose(owned) };
}

type Change = (x_ND: tf.Tensor2D) => tf.Tensor2D;

/** null: nothing to do at this dictionary. */
function changeOf(
  dictionary: Dictionary,
  intervention: Intervention,
  mask: (dictionary: Dictionary, set: readonly number[], inside: number, outside: number) => tf.Tensor1D,
): Change | null {
  const tf = tensorflow();
  if (intervention.type === 'reconstruct') return (x_ND) => dictionary.decode(dictionary.encode(x_ND));
  const set = intervention.sets.get(dictionary) ?? [];
  if (intervention.type === 'published') {
    const kept_F = mask(dictionary, set, 0, 1);
    return (x_ND) => dictionary.decode(dictionary.encode(x_ND).mul<tf.Tensor2D>(kept_F));
  }
  if (set.length === 0) return null;
  const removed_F = mask(dictionary, set, intervention.scale, 0);
  return (x_ND) => {
    const removed_NF = dictionary.encode(x_ND).mul<tf.Tensor2D>(removed_F);
    return x_ND.sub<tf.Tensor2D>(tf.matMul(removed_NF, dictionary.decoder_FD));
  };
}

function onRows(acts_BTD: tf.Tensor3D, change: Change): tf.Tensor3D {
  const [B, T, D] = acts_BTD.shape;
  return change(acts_BTD.reshape([B * T, D])).reshape([B, T, D]);
}
