import type * as tf from '@tensorflow/tfjs';
import type { Job, LocalArtifact } from '../compute/types.ts';
import type { LanguageModel } from '../ml/models/types.ts';
import { stream } from '../ml/random/stream.ts';
import { type LoraOptions, type LoraTargets, lora } from '../ml/training/lora.ts';
import { saveAdapter } from '../ml/training/save-adapter.ts';
import { fullTraining, type Trainable } from '../ml/training/trainable.ts';
import type { Lora } from '../schemas/generated/parameters.ts';

export interface OpenedTrainable {
  trainable: Trainable;
  /** The output `adapter`, in `peft`'s format, where `lora` is given. To be called when training is over. */
  adapter(): { adapter?: LocalArtifact };
}

/**
 * A default learning rate: ten times as high where only low-rank changes are trained (`faithful` stays as published). Chosen
 * on a model of movie reviews. At the rate of full training low-rank changes learn next to nothing with PPO; in language
 * modelling ten times that rate gave the lowest held-out loss of 1, 3, 10 and 30 times.
 */
export const defaultLearningRate = (
  { lora, protocol }: { lora?: Lora; protocol?: 'faithful' | 'corrected' },
  full: number,
): number => (lora !== undefined && protocol !== 'faithful' ? 10 * full : full);

/**
 * What a step's `lora` says is to be trained of a model; without it all of it.
 *
 * @param origin the parameters of a model with the same weights that nobody changes (the reference), which spares a copy
 * @param head of a classifier over the model, trained in any case: kept with the adapter
 * @throws ComputeError bad-parameter
 */
export function openTrainable(
  job: Job,
  given: Lora | undefined,
  model: LanguageModel,
  origin?: ReadonlyMap<string, tf.Tensor>,
  head?: ReadonlyMap<string, tf.Variable>,
): OpenedTrainable {
  if (given === undefined) return { trainable: fullTraining(model), adapter: () => ({}) };
  const options: LoraOptions = {
    rank: given.rank,
    alpha: given.alpha,
    targets: (given.targets ?? null) as LoraTargets,
  };
  const draws = (name: string) => stream(job.seed, `${job.kind}/lora/${name}`);
  const trainable = lora(model, options, draws, origin);
  return {
    trainable,
    adapter() {
      const adapter = job.artifact('adapter', 'adapter');
      saveAdapter(model, trainable.parameters, options, adapter.directory, head);
      return { adapter };
    },
  };
}
