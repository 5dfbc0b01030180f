import type * as tf from '@tensorflow/tfjs';
import { tensorflow } from '../engine/engine.ts';
import type { RandomStream } from '../random/stream.ts';
import type { ParameterDescription } from './architecture.ts';
import { architectureOf } from './architectures.ts';
import { causalModel } from './causal-model.ts';
import type { LanguageModel } from './types.ts';

/**
 * A new model, initialised as `transformers` does: weights N(0, initializer_range), biases 0, norms 1. Each tensor
 * draws from its own stream, `draws(tensor name)`, so that no tensor's values depend on another's.
 * @param config a Hugging Face config.json
 * @param draws for example `(name) => stream(seed, `model/${name}`)`
 */
export function createModel(
  config: Record<string, unknown>,
  draws: (name: string) => RandomStream,
): LanguageModel {
  const tf = tensorflow();
  const architecture = architectureOf(config);
  const { parameters, initializerRange } = architecture.describe(config);
  const variables = new Map<string, tf.Variable>();
  for (const parameter of parameters) {
    const values = startingValues(parameter, initializerRange, draws);
    variables.set(
      parameter.name,
      tf.tidy(() => tf.variable(tf.tensor(values, parameter.shape))),
    );
  }
  return causalModel(architecture, config, variables);
}

function startingValues(
  { name, shape, start }: ParameterDescription,
  std: number,
  draws: (name: string) => RandomStream,
): Float32Array {
  const size = shape.reduce((product, n) => product * n, 1);
  if (start === 'normal') return draws(name).normals(size, std);
  return new Float32Array(size).fill(start === 'ones' ? 1 : 0);
}
