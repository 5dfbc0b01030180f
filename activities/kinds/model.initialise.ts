import type { ActivityBody } from '../../compute/types.ts';
import { createModel } from '../../ml/models/initialise.ts';
import { readConfig } from '../../ml/models/load.ts';
import { parameterCount, saveModel } from '../../ml/models/save.ts';
import { stream } from '../../ml/random/stream.ts';
import { tokenizerFiles } from '../../ml/tokenizers/load.ts';
import type { ModelInitialiseParameters } from '../../schemas/generated/parameters.ts';

export const run: ActivityBody = async (job) => {
  const { directory } = (job.params as unknown as ModelInitialiseParameters).like;
  const model = createModel(readConfig(directory), (name) => stream(job.seed, `model.initialise/${name}`));
  const artifact = job.artifact('model', 'model');
  saveModel(model, tokenizerFiles(directory), artifact.directory);
  const metrics = { parameters: { value: parameterCount(model) } };
  model.dispose();
  return { outputs: { model: artifact }, metrics };
};
