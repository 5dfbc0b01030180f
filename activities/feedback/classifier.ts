import { loadClassifier } from '../../ml/classifiers/load.ts';
import { classifierReward } from '../../ml/rewards/reward-model.ts';
import type { Reward } from '../../ml/rewards/types.ts';
import { loadTokenizer } from '../../ml/tokenizers/load.ts';
import type { ClassifierFeedback, RewardModelFeedback } from '../../schemas/generated/parameters.ts';
import type { Opener } from './types.ts';

/** The logit or log-probability of one label of a sequence classifier. */
export const openClassifier: Opener<ClassifierFeedback> = ({ model, label, output, scored }) =>
  opened(model.directory, { label, output, scored });

/** The one output of a reward model, for prompt and completion together. */
export const openRewardModel: Opener<RewardModelFeedback> = ({ model }) =>
  opened(model.directory, { label: null, output: 'logit', scored: 'prefix+completion' });

async function opened(
  directory: string,
  options: Omit<Parameters<typeof classifierReward>[0], 'classifier' | 'tokenizer'>,
): Promise<Reward> {
  const classifier = await loadClassifier(directory);
  try {
    const reward = classifierReward({ classifier, tokenizer: loadTokenizer(directory), ...options });
    return { ...reward, close: () => classifier.dispose() };
  } catch (error) {
    classifier.dispose();
    throw error;
  }
}
