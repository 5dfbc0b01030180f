import { dataOf } from '../engine/data-of.ts';
import { tensorflow } from '../engine/engine.ts';
import type { HookSite, LanguageModel } from '../models/types.ts';

/** Tokens that a feature makes more and less likely next, the strongest first. */
export interface LogitEffects {
  raised: TokenEffect[];
  lowered: TokenEffect[];
}

export interface TokenEffect {
  token: string;
  /** Change of the token's logit, in nats, against the mean change of all tokens. */
  effect: number;
}

/** What one feature adds to the residual stream where it is active. */
export interface Addition {
  /** Its row of the decoder. [D] */
  direction: Float32Array;
  /** Its mean activation where it is active. */
  activation: number;
}

/**
 * The direct effect of a feature on the next token: what its direction, through the final norm and the unembedding alone,
 * adds to the logits. Blocks in between are left out: what they make of the feature is not counted.
 *
 *   e_V = W_VD mean_p [ norm(r_p + a d) - norm(r_p) ],  less its mean over V
 *
 * with r_p the residual stream before the final norm at P real positions, a the feature's mean activation where it is
 * active and d its decoder row. The norm is applied, not linearised, so it is right for LayerNorm and RMSNorm alike.
 *
 * Source: logit weights of Bricken et al., "Towards Monosemanticity" (2023), and direct logit attribution of Elhage et al.,
 * "A Mathematical Framework for Transformer Circuits" (2021), which fold the norm's weight into W and leave its scale out.
 *
 * @param residuals_PD what leaves the last block, at real positions [P, D]
 * @param top tokens on either side
 */
export function logitEffects(
  model: LanguageModel,
  residuals_PD: Float32Array,
  additions: readonly Addition[],
  token: (id: number) => string,
  top: number,
): LogitEffects[] {
  const tf = tensorflow();
  const { width: D, vocabulary: V } = model;
  const P = residuals_PD.length / D;
  const residual_PD = tf.tensor2d(residuals_PD, [P, D]);
  const normed = (added_D?: Float32Array): Float32Array =>
    dataOf(() => {
      const stream_PD = added_D ? residual_PD.add(tf.tensor1d(added_D)) : residual_PD;
      const run = () => stream_PD.reshape<ReturnType<typeof tf.tensor3d>>([P, 1, D]);
      // What the blocks make of these ids is replaced by the stream.
      const hidden_P1D = model.forward(tf.zeros([P, 1], 'int32'), {
        hooks: [{ site: 'block_out', layer: model.layers - 1, run }],
      });
      return hidden_P1D.mean([0, 1]);
    });
  const plain_D = normed();
  const moved_FD = additions.map(({ direction, activation }) => {
    const with_D = normed(direction.map((value) => activation * value));
    return with_D.map((value, d) => value - (plain_D[d] as number));
  });
  residual_PD.dispose();
  return moved_FD.map((moved_D) => {
    const effects_V = dataOf(() => {
      const raw_V = model.unembedding.matMul(tf.tensor2d(moved_D, [D, 1])).reshape([V]);
      return raw_V.sub(raw_V.mean());
    });
    const order = Array.from(effects_V.keys()).sort(
      (a, b) => (effects_V[b] as number) - (effects_V[a] as number) || a - b,
    );
    const named = (ids: readonly number[]) =>
      ids.map((id) => ({ token: token(id), effect: Number((effects_V[id] as number).toPrecision(4)) }));
    return { raised: named(order.slice(0, top)), lowered: named(order.slice(-top).reverse()) };
  });
}

/** Whether what is written there is added to the residual stream: else a direction has no direct effect on logits. */
export const writesToStream = (site: HookSite): boolean => site !== 'mlp_in';
