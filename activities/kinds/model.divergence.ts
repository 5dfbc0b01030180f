import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActivityBody } from '../../compute/types.ts';
import {
  type DivergenceProtocol,
  divergenceOf,
  layerDivergence,
  rankLayers,
  selectLayers,
} from '../../ml/divergence/layers.ts';
import { relativeDivergence } from '../../ml/divergence/relative.ts';
import type { LayerDivergence, TensorPair } from '../../ml/divergence/types.ts';
import { ComputeError } from '../../ml/failure.ts';
import type { ModelDescription } from '../../ml/models/architecture.ts';
import { architectureOf } from '../../ml/models/architectures.ts';
import { Checkpoint } from '../../ml/models/checkpoint.ts';
import { ConfigError } from '../../ml/models/config.ts';
import { readConfig } from '../../ml/models/load.ts';
import { SafetensorsError } from '../../ml/models/safetensors.ts';
import type { ModelDivergenceParameters } from '../../schemas/generated/parameters.ts';

/** Reads both checkpoints tensor by tensor: no more than one pair is in memory. */
export const run: ActivityBody = async (job) => {
  const { base, tuned, keep, protocol, scope } = job.params as unknown as ModelDivergenceParameters;
  const { layers, blockPrefix, parameters } = describe(base.directory);
  if (keep > layers) {
    throw new ComputeError('bad-parameter', `keep is ${keep}, but the model has ${layers} layers`, {
      hint: `set keep to at most ${layers} (fewer, to select at all)`,
    });
  }
  const before = open(base.directory);
  const after = open(tuned.directory);
  const divergences: LayerDivergence[] = [];
  try {
    for (let layer = 0; layer < layers; layer++) {
      const names = parameters.map(({ name }) => name).filter((name) => name.startsWith(blockPrefix(layer)));
      divergences.push(layerDivergence(layer, pairs(names, before, after)));
      job.progress(layer + 1, layers);
    }
  } finally {
    before.close();
    after.close();
  }

  const rankings = {
    faithful: rankLayers(divergences, 'faithful', scope),
    corrected: rankLayers(divergences, 'corrected', scope),
  };
  const selected = selectLayers(rankings[protocol], keep);
  const total = (by: DivergenceProtocol) =>
    divergences.reduce((sum, layer) => sum + divergenceOf(layer, by, scope), 0);
  const kept = selected.reduce(
    (sum, layer) => sum + divergenceOf(divergences[layer] as LayerDivergence, protocol, scope),
    0,
  );
  if (keep === layers) job.log(`All ${layers} layers are kept: nothing is selected.`);
  if (total('faithful') === 0) job.log('The two models are equal: the selection says nothing.');

  const artifact = job.artifact('divergence', 'divergence');
  const document = { format: 1, protocol, scope, keep, selected, rankings, layers: divergences };
  await writeFile(join(artifact.directory, 'divergence.json'), `${JSON.stringify(document)}\n`);
  return {
    outputs: {
      divergence: artifact,
      selected,
      ranking_faithful: rankings.faithful,
      ranking_corrected: rankings.corrected,
    },
    metrics: {
      relative_change: { value: relativeDivergence(divergences.flatMap(({ tensors }) => tensors)) },
      frobenius_change: { value: total('faithful') },
      selected_share: { value: total(protocol) > 0 ? kept / total(protocol) : keep / layers },
    },
  };
};

function open(directory: string): Checkpoint {
  try {
    return new Checkpoint(directory);
  } catch (error) {
    if (!(error instanceof SafetensorsError)) throw error;
    throw new ComputeError(
      'bad-model',
      `${directory}: ${error.message}`,
      error.hint ? { hint: error.hint } : {},
    );
  }
}

function valuesOf(checkpoint: Checkpoint, name: string): Float32Array {
  const entry = checkpoint.entry(name);
  if (!entry) {
    throw new ComputeError(
      'bad-data',
      `${checkpoint.directory} has no tensor ${name}: base and tuned are not of one architecture`,
      { hint: 'give the model that was tuned as `base`' },
    );
  }
  const values = new Float32Array(entry.shape.reduce((product, n) => product * n, 1));
  checkpoint.readInto(name, 0, values);
  return values;
}

function* pairs(names: readonly string[], before: Checkpoint, after: Checkpoint): Generator<TensorPair> {
  for (const name of names) {
    const base = valuesOf(before, name);
    const tuned = valuesOf(after, name);
    if (base.length !== tuned.length) {
      throw new ComputeError(
        'bad-data',
        `${name} has ${base.length} numbers in base and ${tuned.length} in tuned`,
        { hint: 'give the model that was tuned as `base`' },
      );
    }
    yield { name, base, tuned };
  }
}

function describe(directory: string): ModelDescription {
  try {
    const config = readConfig(directory);
    return architectureOf(config).describe(config);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ComputeError('bad-model', `${directory}: ${error.message}`);
  }
}
