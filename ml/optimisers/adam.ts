import type * as tf from '@tensorflow/tfjs';
import { constant } from '../engine/constants.ts';
import { isNative, tensorflow } from '../engine/engine.ts';
import { adopt, applyAdam, ResourceVariable, release } from '../engine/resource-variable.ts';
import type { Optimiser, OptimiserState } from './types.ts';

/**
 * Adam (Kingma & Ba 2015, algorithm 1) and, with `weightDecay`, AdamW (Loshchilov & Hutter 2019, algorithm 2), as PyTorch
 * computes them:
 *
 *   p <- p (1 - rate decay)
 *   m <- b1 m + (1 - b1) g;   v <- b2 v + (1 - b2) g^2
 *   p <- p - rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon)
 */
export interface AdamOptions {
  /** Default 0.9. */
  beta1?: number;
  /** Default 0.999. */
  beta2?: number;
  /** Default 1e-8. */
  epsilon?: number;
  /** Decoupled decay. Default 0. */
  weightDecay?: number;
  /** Which parameters decay. Default: all with two axes or more, so neither biases nor norms. */
  decays?: (name: string, parameter: tf.Variable) => boolean;
}

export function adam(parameters: ReadonlyMap<string, tf.Variable>, options: AdamOptions = {}): Optimiser {
  return new Adam(parameters, options);
}

class Adam implements Optimiser {
  private steps = 0;
  private readonly slots: Map<string, Slot>;
  // As float32, since the moments are averaged with them in float32: the bias correction then fits exactly.
  private readonly beta1: number;
  private readonly beta2: number;
  private readonly epsilon: number;
  private readonly weightDecay: number;
  private readonly decays: (name: string, parameter: tf.Variable) => boolean;

  constructor(
    private readonly parameters: ReadonlyMap<string, tf.Variable>,
    options: AdamOptions,
  ) {
    this.beta1 = Math.fround(options.beta1 ?? 0.9);
    this.beta2 = Math.fround(options.beta2 ?? 0.999);
    this.epsilon = options.epsilon ?? 1e-8;
    this.weightDecay = options.weightDecay ?? 0;
    this.decays = options.decays ?? ((_name, parameter) => parameter.rank >= 2);
    const create = isNative() ? nativeSlot : plainSlot;
    this.slots = new Map([...parameters].map(([name, parameter]) => [name, create(parameter)]));
  }

  step(grads: ReadonlyMap<string, tf.Tensor>, rate: number): void {
    const tf = tensorflow();
    this.steps++;
    const correction1 = 1 - this.beta1 ** this.steps;
    const root2 = Math.sqrt(1 - this.beta2 ** this.steps);
    tf.tidy(() => {
      const update: Update = {
        beta1: constant(this.beta1),
        beta2: constant(this.beta2),
        // m / correction1 / (sqrt(v) / root2 + epsilon), with the corrections moved out of the element-wise part
        rate: tf.scalar((rate * root2) / correction1),
        epsilon: tf.scalar(this.epsilon * root2),
        zero: constant(0),
      };
      const kept = this.weightDecay === 0 ? null : tf.scalar(1 - rate * this.weightDecay);
      for (const [name, gradient] of grads) {
        const parameter = this.parameters.get(name);
        const slot = this.slots.get(name);
        if (!parameter || !slot) throw new Error(`There is no parameter ${name} to update`);
        slot.update(parameter, gradient, update, kept && this.decays(name, parameter) ? kept : null);
      }
    });
  }

  state(): OptimiserState {
    const tensors: OptimiserState['tensors'] = {};
    for (const [name, slot] of this.slots) {
      for (const which of ['m', 'v'] as const) {
        const value = slot.read(which);
        tensors[`${which}/${name}`] = {
          dtype: 'F32',
          shape: [...value.shape],
          data: value.dataSync() as Float32Array,
        };
        value.dispose();
      }
    }
    return { tensors, json: { steps: this.steps } };
  }

  load(state: OptimiserState): void {
    const tf = tensorflow();
    this.steps = state.json.steps;
    for (const [name, slot] of this.slots) {
      for (const which of ['m', 'v'] as const) {
        const stored = state.tensors[`${which}/${name}`];
        if (!stored) throw new Error(`The optimiser's state lacks ${which}/${name}`);
        // A copy, since the moments are updated in place.
        tf.tidy(() => slot.write(which, tf.tensor(stored.data.slice(), stored.shape)));
      }
    }
  }

  dispose(): void {
    for (const slot of this.slots.values()) slot.dispose();
  }
}

interface Update {
  beta1: tf.Scalar;
  beta2: tf.Scalar;
  rate: tf.Scalar;
  epsilon: tf.Scalar;
  zero: tf.Scalar;
}

/** The moments of one parameter. */
interface Slot {
  /** `kept`: what the parameter is multiplied with first (its decay), or null. */
  update(parameter: tf.Variable, gradient: tf.Tensor, update: Update, kept: tf.Scalar | null): void;
  read(which: 'm' | 'v'): tf.Tensor;
  write(which: 'm' | 'v', value: tf.Tensor): void;
  dispose(): void;
}

function nativeSlot(parameter: tf.Variable): Slot {
  const tf = tensorflow();
  const zero = tf.zerosLike(parameter);
  const moments = { m: new ResourceVariable(zero), v: new ResourceVariable(zero) };
  const value = new ResourceVariable(parameter);
  zero.dispose();
  // What the last update left in the parameter: if it is still there, `value` need not be assigned again.
  let written: object | null = null;
  return {
    update(target, gradient, update, kept) {
      // A value that this slot did not make itself may be memory that others see: the update copies it, once.
      const foreign = !kept && target.dataId !== written;
      if (kept) assignDecayed(value, target, kept);
      else if (foreign) value.assign(target);
      if (!foreign) release(target);
      applyAdam(value, moments.m, moments.v, gradient, update);
      if (foreign) release(target);
      adopt(target, value.read());
      written = target.dataId;
    },
    read: (which) => moments[which].read(),
    write: (which, tensor) => moments[which].assign(tensor),
    dispose() {
      for (const variable of [value, moments.m, moments.v]) variable.dispose();
    },
  };
}

function assignDecayed(value: ResourceVariable, target: tf.Variable, kept: tf.Scalar): void {
  const decayed = target.mul(kept);
  value.assign(decayed);
  decayed.dispose();
}

function plainSlot(parameter: tf.Variable): Slot {
  const tf = tensorflow();
  const zeros = (): tf.Tensor => tf.keep(tf.zerosLike(parameter));
  const moments = { m: zeros(), v: zeros() };
  const replace = (which: 'm' | 'v', value: tf.Tensor) => {
    moments[which].dispose();
    moments[which] = tf.keep(value.clone());
  };
  return {
    update(target, gradient, { beta1, beta2, rate, epsilon }, kept) {
      const one = constant(1);
      replace('m', moments.m.mul(beta1).add(gradient.mul(one.sub(beta1))));
      replace('v', moments.v.mul(beta2).add(gradient.square().mul(one.sub(beta2))));
      const start: tf.Tensor = kept ? target.mul(kept) : target;
      target.assign(start.sub(moments.m.mul(rate).div(moments.v.sqrt().add(epsilon))));
    },
    read: (which) => moments[which].clone(),
    write: (which, tensor) => replace(which, tensor),
    dispose() {
      for (const tensor of [moments.m, moments.v]) tensor.dispose();
    },
  };
}
