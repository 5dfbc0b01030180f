import type * as tf from '@tensorflow/tfjs';
import { intConstant, intList } from './constants.ts';
import { differentiable } from './differentiable.ts';
import { isNative, tensorflow } from './engine.ts';
import { attribute, rawOp, rawOps, T_FLOAT } from './raw-op.ts';

const TOP = [
  attribute.bool('sorted', true),
  T_FLOAT,
  attribute.type('Tk', 'int32'),
  attribute.type('index_type', 'int32'),
];

/** The k largest of each row, largest first; the lower index wins ties. Not differentiable: see `keepTopK`. */
export function topK(x_NF: tf.Tensor2D, k: number): { values_NK: tf.Tensor2D; indices_NK: tf.Tensor2D } {
  const tf = tensorflow();
  if (!isNative()) {
    const { values, indices } = tf.topk(x_NF, k, true);
    return { values_NK: values as tf.Tensor2D, indices_NK: indices as tf.Tensor2D };
  }
  const [values, indices] = rawOps('TopKV2', TOP, [x_NF, intConstant(k)], 2);
  return { values_NK: values as tf.Tensor2D, indices_NK: indices as tf.Tensor2D };
}

const SCATTER = [T_FLOAT, attribute.type('Tindices', 'int32')];
const GATHER = [attribute.type('Tparams', 'float'), attribute.type('Tindices', 'int32')];

/** x_NF with all but the k largest of each row set to 0; the gradient flows through those kept. */
export function keepTopK(x_NF: tf.Tensor2D, k: number): tf.Tensor2D {
  const tf = tensorflow();
  const [rows, columns] = x_NF.shape;
  return differentiable<tf.Tensor2D>([x_NF], () => {
    const { values_NK, indices_NK } = topK(x_NF, k);
    if (!isNative()) {
      const mask_NF = tf.oneHot(indices_NK, columns).sum(1) as tf.Tensor2D;
      return {
        value: x_NF.mul(mask_NF) as tf.Tensor2D,
        saved: [mask_NF],
        gradient: (dy, [mask]) => [dy.mul(mask as tf.Tensor)],
      };
    }
    const offsets_N1 = tf.range(0, rows * columns, columns, 'int32').expandDims(1);
    const places_P1 = indices_NK.add(offsets_N1).reshape([rows * k, 1]);
    const spread = (values_P: tf.Tensor, places: tf.Tensor) =>
      rawOp('ScatterNd', SCATTER, [places, values_P, intList([rows * columns])]).reshape<tf.Tensor2D>([
        rows,
        columns,
      ]);
    return {
      value: spread(values_NK.reshape([rows * k]), places_P1),
      saved: [places_P1],
      gradient: (dy_NF, [places]) => {
        const kept_P = rawOp('GatherNd', GATHER, [dy_NF.reshape([rows * columns]), places as tf.Tensor]);
        return [spread(kept_P, places as tf.Tensor)];
      },
    };
  });
}
