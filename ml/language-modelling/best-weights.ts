import { tensorflow } from '../engine/engine.ts';
import { parameterValues } from '../models/save.ts';
import type { Trainable } from '../training/trainable.ts';
import type { TrainerState } from './trainer.ts';

/**
 * Remembers the trained weights with the lowest held-out loss, and says when it has not fallen for `patience` evaluations (early
 * stopping, Prechelt 1998). Its copy of the weights is in main memory.
 */
export class BestWeights {
  private best: { loss: number; step: number; weights: TrainerState['tensors'] } | null = null;
  private worse = 0;

  constructor(
    private readonly trainable: Trainable,
    /** null: never stops. */
    private readonly patience: number | null,
  ) {}

  /** Step after which the weights were best; null before the first evaluation. */
  get step(): number | null {
    return this.best?.step ?? null;
  }

  /** Whether training is no longer worth it. */
  get over(): boolean {
    return this.patience !== null && this.worse >= this.patience;
  }

  /** The held-out loss after `step` steps. */
  evaluated(loss: number, step: number): void {
    if (this.best && !(loss < this.best.loss)) {
      this.worse++;
      return;
    }
    this.worse = 0;
    const weights: TrainerState['tensors'] = {};
    // Copies: what the engine hands out may be its own memory, which later steps write to.
    for (const [name, { shape, data }] of Object.entries(parameterValues(this.trainable)))
      weights[name] = { dtype: 'F32', shape, data: data.slice() };
    this.best = { loss, step, weights };
  }

  /** Gives the model its best weights back. */
  restore(): void {
    const tf = tensorflow();
    for (const [name, { data, shape }] of Object.entries(this.best?.weights ?? {}))
      tf.tidy(() => this.trainable.parameters.get(name)?.assign(tf.tensor(data, shape)));
    if (this.best) this.trainable.moved();
  }

  /** For checkpoints: fits `LoopState` of compute. */
  save(): { tensors: TrainerState['tensors']; json: BestState } {
    const { best, worse } = this;
    return {
      tensors: best?.weights ?? {},
      json: { worse, best: best && { loss: best.loss, step: best.step } },
    };
  }

  load({ tensors, json }: { tensors: TrainerState['tensors']; json: BestState }): void {
    this.worse = json.worse;
    this.best = json.best && { ...json.best, weights: tensors };
  }
}

export interface BestState {
  worse: number;
  best: { loss: number; step: number } | null;
}
