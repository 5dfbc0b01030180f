import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import { adam } from '../optimisers/adam.ts';
import { clipByGlobalNorm } from '../optimisers/clip.ts';
import type { Schedule } from '../optimisers/schedules/types.ts';
import type { Optimiser } from '../optimisers/types.ts';
import { DeadLatents } from './dead-latents.ts';
import { type ResamplingOptions, resample, resamplesAfter, withoutMomentsOf } from './resampling.ts';
import { ThresholdAverage } from './threshold.ts';
import type { SparseAutoencoder } from './types.ts';

/** How any variant is trained: with Adam, whose decays the variant may choose. */
export interface TrainerOptions {
  learningRate: number;
  /** Factor on the learning rate at each step. */
  schedule: Schedule;
  /** Factor on the sparsity penalty at each step. */
  sparsity: Schedule;
  /** Gradients are scaled down to this global norm; null leaves them. */
  maxGradientNorm: number | null;
  /** A feature that did not fire on so many activations is dead. */
  deadAfter: number;
  /** The running threshold of top-k variants: its decay and the step (0-based) it starts at. */
  threshold: { beta: number; from: number };
  /** Starts dead features anew. */
  resampling?: ResamplingOptions;
}

/** Everything that later steps depend on; fits `LoopState` of compute. */
export interface TrainerState {
  tensors: Record<string, { dtype: 'F32' | 'I32'; shape: number[]; data: Float32Array | Int32Array }>;
  json: { optimiserSteps: number; threshold: number | null; autoencoder?: unknown };
}

/** Trains one autoencoder: gradients, constraints, clipping, Adam, constraints. */
export class Trainer {
  private readonly optimiser: Optimiser;
  private readonly latents: DeadLatents;
  private readonly thresholdAverage: ThresholdAverage;

  constructor(
    readonly autoencoder: SparseAutoencoder,
    private readonly options: TrainerOptions,
  ) {
    this.optimiser = adam(autoencoder.parameters, autoencoder.betas);
    this.latents = new DeadLatents(autoencoder.features, options.deadAfter);
    this.thresholdAverage = new ThresholdAverage(options.threshold.beta, options.threshold.from);
  }

  /** Smallest kept activation, averaged; null for variants without a running threshold. In training units. */
  get threshold(): number | null {
    return this.thresholdAverage.current();
  }

  /** Step `i` (0-based) on one batch, towards itself or `target_BE`. Returns its losses. */
  step(i: number, acts_BD: tf.Tensor2D, target_BE?: tf.Tensor2D): Record<string, number> {
    const { autoencoder, options } = this;
    const dead = this.latents.dead();
    const { losses, gradients, fired_F, smallestKept } = autoencoder.backward(acts_BD, {
      step: i,
      sparsity: options.sparsity(i),
      dead,
      ...(target_BE && { target_BE }),
    });
    if (fired_F) this.latents.observe(fired_F, acts_BD.shape[0]);
    if (smallestKept !== undefined) this.thresholdAverage.observe(i, smallestKept);
    autoencoder.constrainGradients?.(gradients);
    if (options.maxGradientNorm !== null) clipByGlobalNorm(gradients, options.maxGradientNorm);
    this.optimiser.step(gradients, options.learningRate * options.schedule(i));
    autoencoder.constrainParameters?.();
    if (options.resampling && resamplesAfter(options.resampling, i))
      this.resample(i, acts_BD, options.resampling);
    for (const gradient of gradients.values()) gradient.dispose();
    const values = Object.entries(losses).map(([name, loss]) => [name, loss.dataSync()[0] as number]);
    tensorflow().dispose(losses);
    return { ...Object.fromEntries(values), ...(fired_F ? { dead: dead.length } : {}) };
  }

  private resample(i: number, acts_BD: tf.Tensor2D, options: ResamplingOptions): void {
    const dead = this.latents.dead();
    if (dead.length === 0) return;
    const anew = resample(this.autoencoder, acts_BD, dead, i, options);
    this.optimiser.load(withoutMomentsOf(this.optimiser.state(), anew));
    this.latents.revive(anew);
  }

  state(): TrainerState {
    const { tensors, json } = this.optimiser.state();
    const state: TrainerState = {
      tensors: { dead: { dtype: 'I32', shape: [this.autoencoder.features], data: this.latents.state() } },
      json: { optimiserSteps: json.steps, threshold: this.threshold },
    };
    if (this.autoencoder.state) state.json.autoencoder = this.autoencoder.state();
    for (const [name, tensor] of Object.entries(tensors)) state.tensors[`optimiser/${name}`] = tensor;
    for (const [name, parameter] of this.autoencoder.parameters) {
      const data = parameter.dataSync() as Float32Array;
      state.tensors[`parameter/${name}`] = { dtype: 'F32', shape: [...parameter.shape], data };
    }
    return state;
  }

  load({ tensors, json }: TrainerState): void {
    const tf = tensorflow();
    const stored = (name: string) => {
      const tensor = tensors[name];
      if (!tensor) throw new Error(`The checkpoint lacks ${name}`);
      return tensor;
    };
    for (const [name, parameter] of this.autoencoder.parameters) {
      const { data, shape } = stored(`parameter/${name}`);
      tf.tidy(() => parameter.assign(tf.tensor(data, shape)));
    }
    const moments = Object.entries(tensors).filter(([name]) => name.startsWith('optimiser/'));
    this.optimiser.load({
      tensors: Object.fromEntries(
        moments.map(([name, tensor]) => [name.slice('optimiser/'.length), tensor]),
      ) as Parameters<Optimiser['load']>[0]['tensors'],
      json: { steps: json.optimiserSteps },
    });
    this.latents.restore(stored('dead').data as Int32Array);
    this.thresholdAverage.restore(json.optimiserSteps, json.threshold);
    this.autoencoder.restore?.(json.autoencoder);
  }

  dispose(): void {
    this.optimiser.dispose();
    this.autoencoder.dispose();
  }
}
