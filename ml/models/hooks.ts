import type * as tf from '@tensorflow/tfjs';
import type { Network, Pass } from './architecture.ts';
import type { Hook, HookSite } from './types.ts';

/** Finds the hooks of a site without costing anything where there are none. */
export function hookCaller(hooks: readonly Hook[], batch: number, length: number): Pass['hook'] {
  if (hooks.length === 0) return (_site, _layer, acts_ND) => acts_ND;
  return (site: HookSite, layer: number, acts_ND: tf.Tensor2D) => {
    let acts = acts_ND;
    for (const hook of hooks) {
      if (hook.site !== site || hook.layer !== layer) continue;
      const width = acts.shape[1];
      const replaced_BTD = hook.run(acts.reshape([batch, length, width]));
      if (replaced_BTD) acts = replaced_BTD.reshape([batch * length, width]);
    }
    return acts;
  };
}

/** One block, with the hooks on the residual stream before and after it. */
export function hookedBlock(network: Network, x_ND: tf.Tensor2D, layer: number, pass: Pass): tf.Tensor2D {
  const input_ND = pass.hook('block_in', layer, x_ND);
  return pass.hook('block_out', layer, network.block(input_ND, layer, pass));
}
