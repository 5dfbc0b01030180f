import { ComputeError } from '../failure.ts';
import type { LanguageModel, Tokenizer } from '../models/types.ts';
import type { Reward } from '../rewards/types.ts';
import type { Trainable } from '../training/trainable.ts';
import type { UpdaterState } from '../training/updater.ts';
import { checkLengths } from './complete.ts';
import type { Prompt } from './prompts.ts';

/** Settings of every algorithm that learns from completions which the model itself has just written. */
export interface OnPolicySettings {
  /** Completions written and scored each step, and how many of them an optimiser step sees. */
  batch: number;
  miniBatch: number;
  /** Passes over the batch each step. */
  epochs: number;
  learningRate: number;
  /** Steps over which the learning rate rises from 0. */
  warmUp: number;
  /** Whether it then stays or falls linearly to 0 at the last step. */
  schedule: 'constant' | 'linear';
  /** Decoupled, as in AdamW. */
  weightDecay: number;
  /** Largest norm of the gradient over all parameters; null: not clipped. */
  maxGradientNorm: number | null;
  /** Fewest and most tokens of a prompt, and of what is written after it (drawn for each prompt, uniform). */
  promptTokens: readonly [number, number];
  completionTokens: readonly [number, number];
  /** Texts shorter than this give no prompts. */
  minimumCharacters: number;
}

export interface OnPolicyParts<S extends OnPolicySettings> {
  policy: LanguageModel;
  /** What moves of the policy; all of it when absent. */
  trainable?: Trainable;
  reference: LanguageModel;
  tokenizer: Tokenizer;
  reward: Reward;
  /** At least one. Taken in a new random order each time around. */
  prompts: readonly Prompt[];
  settings: S;
  /** Steps of the whole run: the learning rate's schedule needs it. */
  steps: number;
  seed: number;
}

export interface OnPolicyState {
  tensors: UpdaterState['tensors'];
  json: UpdaterState['json'];
}

/** One algorithm at work. What a step draws comes from streams named by the step. */
export interface OnPolicyTrainer<Metrics> {
  /** Step `i`, from 0. */
  step(i: number): Promise<Metrics>;
  /** Everything that later steps depend on, but the settings, the reference and the prompts. */
  save(): OnPolicyState;
  load(state: OnPolicyState): void;
  dispose(): void;
}

/** @throws ComputeError `bad-data` without prompts, `bad-parameter` where sizes do not fit each other or the model */
export function checkParts<S extends OnPolicySettings>({
  policy,
  prompts,
  settings,
}: OnPolicyParts<S>): void {
  const { batch, miniBatch, promptTokens, completionTokens } = settings;
  if (prompts.length === 0) {
    throw new ComputeError('bad-data', 'There are no prompts to tune on', {
      hint: 'give `prompts` longer texts, or lower `prompt-tokens` or `minimum-characters`',
    });
  }
  if (batch % miniBatch !== 0) {
    throw new ComputeError('bad-parameter', `mini-batch ${miniBatch} does not divide batch ${batch}`, {
      hint: 'set `mini-batch` to a divisor of `batch`',
    });
  }
  checkLengths(policy, promptTokens, completionTokens);
}
