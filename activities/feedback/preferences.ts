import { loadModel } from '../../ml/models/load.ts';
import { implicitReward } from '../../ml/rewards/implicit.ts';
import { loadTokenizer } from '../../ml/tokenizers/load.ts';
import type { PreferencesFeedback } from '../../schemas/generated/parameters.ts';
import type { Opener } from './types.ts';

/** The implicit reward of a model that was tuned on preferences. Both models are read with the tuned one's tokenizer. */
export const openPreferences: Opener<PreferencesFeedback> = async ({ model, reference, beta }) => {
  const policy = await loadModel(model.directory);
  const before = await loadModel(reference.directory);
  const dispose = () => {
    policy.dispose();
    before.dispose();
  };
  try {
    const tokenizer = loadTokenizer(model.directory);
    return { ...implicitReward({ policy, reference: before, tokenizer, beta }), close: dispose };
  } catch (error) {
    dispose();
    throw error;
  }
};
