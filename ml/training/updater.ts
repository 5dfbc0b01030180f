import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { type AdamOptions, adam } from '../optimisers/adam.ts';
import { clipByGlobalNorm, globalNorm } from '../optimisers/clip.ts';
import type { Optimiser } from '../optimisers/types.ts';
import type { Trainable } from './trainable.ts';

export interface UpdaterOptions extends AdamOptions {
  /** Gradients are scaled down to this global norm; null leaves them. */
  maxGradientNorm: number | null;
}

/** Everything that later updates depend on; fits `LoopState` of compute. */
export interface UpdaterState {
  tensors: Record<string, { dtype: 'F32'; shape: number[]; data: Float32Array }>;
  json: { optimiserSteps: number };
}

/** An update that is ready but not made: its gradient can still be judged. */
export interface PendingUpdate {
  /** Global norm of the gradient before clipping. */
  norm: number;
  /** Makes the update at learning rate `rate`. */
  apply(rate: number): void;
  /** Frees the gradients; to be called in every case. */
  dispose(): void;
}

/** Moves what is trainable of a model, and heads on top of it, along gradients: projection, clipping, AdamW. */
export class Updater {
  /** What to differentiate a loss by. */
  readonly differentiated: ReadonlyMap<string, tf.Variable>;
  private readonly parameters: ReadonlyMap<string, tf.Variable>;
  private readonly optimiser: Optimiser;
  private readonly maxGradientNorm: number | null;

  /** @param heads further parameters, all of which move; the caller frees them */
  constructor(
    private readonly trainable: Trainable,
    heads: ReadonlyMap<string, tf.Variable>,
    { maxGradientNorm, ...adamOptions }: UpdaterOptions,
  ) {
    this.differentiated = new Map([...trainable.differentiated, ...heads]);
    this.parameters = new Map([...trainable.parameters, ...heads]);
    this.optimiser = adam(this.parameters, adamOptions);
    this.maxGradientNorm = maxGradientNorm;
  }

  /** @param gradients in `differentiated`; they belong to the update from here on */
  prepare(gradients: ReadonlyMap<string, tf.Tensor>): PendingUpdate {
    const projected = this.trainable.project(gradients);
    const norm =
      this.maxGradientNorm === null
        ? globalNorm(projected)
        : clipByGlobalNorm(projected, this.maxGradientNorm);
    return {
      norm,
      apply: (rate) => {
        this.optimiser.step(projected, rate);
        this.trainable.moved();
      },
      dispose() {
        for (const gradient of projected.values()) gradient.dispose();
      },
    };
  }

  save(): UpdaterState {
    const tensors: UpdaterState['tensors'] = {};
    for (const [name, parameter] of this.parameters) {
      tensors[`parameter/${name}`] = {
        dtype: 'F32',
        shape: [...parameter.shape],
        data: parameter.dataSync() as Float32Array,
      };
    }
    const moments = this.optimiser.state();
    for (const [name, tensor] of Object.entries(moments.tensors)) tensors[`optimiser/${name}`] = tensor;
    return { tensors, json: { optimiserSteps: moments.json.steps } };
  }

  load({ tensors, json }: UpdaterState): void {
    const tf = tensorflow();
    for (const [name, parameter] of this.parameters) {
      const stored = tensors[`parameter/${name}`];
      if (!stored) throw new Error(`The checkpoint lacks ${name}`);
      tf.tidy(() => parameter.assign(tf.tensor(stored.data, stored.shape)));
    }
    const prefix = 'optimiser/';
    const moments = Object.entries(tensors)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, tensor]) => [name.slice(prefix.length), tensor] as const);
    this.optimiser.load({ tensors: Object.fromEntries(moments), json: { steps: json.optimiserSteps } });
    this.trainable.moved();
  }

  dispose(): void {
    this.optimiser.dispose();
  }
}
