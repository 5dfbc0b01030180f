import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from './engine.ts';
import { type Attribute, attribute, rawOp, rawOps, T_FLOAT } from './raw-op.ts';

/**
 * A float32 variable inside TensorFlow, which ops such as ResourceApplyAdam update in place: one pass over the memory
 * instead of a dozen ops with results of their own. Native backend only.
 */
const DTYPE = [attribute.type('dtype', 'float')];
/** The name that makes TensorFlow create a variable that is freed with its handle (ResourceHandle::ANONYMOUS_NAME). */
const ANONYMOUS = 'cd2c89b7-88b7-44c8-ad83-06c2a9158347';

export class ResourceVariable {
  readonly handle: tf.Tensor;

  constructor(value: tf.Tensor) {
    const attributes: Attribute[] = [
      ...DTYPE,
      attribute.shape('shape', value.shape),
      attribute.string('container', ''),
      attribute.string('shared_name', ANONYMOUS),
    ];
    this.handle = tensorflow().keep(rawOp('VarHandleOp', attributes, []));
    this.assign(value);
  }

  /** Takes the value without copying: TensorFlow copies on the first write while others still hold it. */
  assign(value: tf.Tensor): void {
    rawOps('AssignVariableOp', DTYPE, [this.handle, value], 0);
  }

  /** The current value, without copying; later updates do not change it. */
  read(): tf.Tensor {
    return rawOp('ReadVariableOp', DTYPE, [this.handle]);
  }

  dispose(): void {
    this.handle.dispose();
  }
}

/** variable, m, v <- Adam (Kingma & Ba 2015, algorithm 1, in the form of its section 2), in one pass. */
export function applyAdam(
  variable: ResourceVariable,
  m: ResourceVariable,
  v: ResourceVariable,
  gradient: tf.Tensor,
  scalars: { beta1: tf.Scalar; beta2: tf.Scalar; rate: tf.Scalar; epsilon: tf.Scalar; zero: tf.Scalar },
): void {
  const { beta1, beta2, rate, epsilon, zero } = scalars;
  // The powers of the betas are given as 0, since `rate` and `epsilon` come corrected for the bias, in float64.
  const inputs = [variable.handle, m.handle, v.handle, zero, zero, rate, beta1, beta2, epsilon, gradient];
  rawOps('ResourceApplyAdam', [T_FLOAT], inputs, 0);
}

/**
 * Takes a parameter's value away until `adopt` gives it a new one: an update of a variable that shares the value then writes
 * in place instead of copying it first. Nothing may read the parameter in between.
 */
export function release(parameter: tf.Variable): void {
  tensorflow().engine().disposeTensor(parameter);
}

/** Gives a parameter the value of a tensor, without copying; the second half of `Variable.assign`. */
export function adopt(parameter: tf.Variable, value: tf.Tensor): void {
  parameter.dataId = value.dataId;
  tensorflow()
    .engine()
    .incRef(parameter, null as unknown as tf.KernelBackend);
}
