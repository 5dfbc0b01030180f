import type { ActivityBody } from '../../compute/types.ts';
import { loadModel } from '../../ml/models/load.ts';
import {
  fillLogProbs,
  type LogProbsOfPairs,
  logProbBatches,
  noLogProbs,
  tokensOfPairs,
} from '../../ml/preferences/log-probs.ts';
import { checkFits, digestOfPairs, tokenisePairs } from '../../ml/preferences/token-pairs.ts';
import { proportion } from '../../ml/stats/proportion.ts';
import { loadTokenizer } from '../../ml/tokenizers/load.ts';
import type { RlhfReferenceParameters } from '../../schemas/generated/parameters.ts';
import { writeLogProbs } from '../log-probs.ts';
import { lengthRules, readPreferences } from '../preferences.ts';

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as RlhfReferenceParameters;
  const tokenizer = loadTokenizer(params.model.directory);
  const tokenised = tokenisePairs(
    await readPreferences(params.preferences.directory),
    tokenizer,
    lengthRules(params),
  );
  const { pairs } = tokenised;
  const model = await loadModel(params.model.directory);
  checkFits(model, pairs);
  const batches = logProbBatches(pairs, Int32Array.from(pairs.keys()), params.batch);
  let logProbs = noLogProbs(pairs.length);
  await job.loop({
    total: batches.length,
    step(i) {
      fillLogProbs(model, pairs, batches[i] as Int32Array, tokenizer.padId, logProbs);
      return {};
    },
    save() {
      const tensor = (data: Float32Array) => ({ dtype: 'F32' as const, shape: [data.length], data });
      return {
        tensors: { chosen: tensor(logProbs.chosen), rejected: tensor(logProbs.rejected) },
        json: null,
      };
    },
    load({ tensors }) {
      logProbs = {
        chosen: tensors.chosen?.data as Float32Array,
        rejected: tensors.rejected?.data as Float32Array,
      };
    },
  });
  model.dispose();

  const artifact = job.artifact('log-probs', 'log_probs');
  writeLogProbs(artifact.directory, logProbs, {
    model: params.model.digest,
    pairs: digestOfPairs(pairs),
    count: pairs.length,
  });
  const tokens = tokensOfPairs(pairs);
  const mean = (values: ArrayLike<number>) => ({
    value: Array.from(values).reduce((sum, value) => sum + value, 0) / pairs.length,
    n: pairs.length,
    n_unit: 'pair',
  });
  return {
    outputs: { log_probs: artifact },
    metrics: {
      pairs: { value: pairs.length },
      log_prob_chosen: mean(logProbs.chosen),
      log_prob_rejected: mean(logProbs.rejected),
      likelihood_accuracy: proportion(higher(logProbs), pairs.length, 'pair'),
      tokens_chosen: mean(tokens.chosen),
      tokens_rejected: mean(tokens.rejected),
      cut_prompts: { value: tokenised.cutPrompts },
      cut_completions: { value: tokenised.cutCompletions },
      same: { value: tokenised.same },
    },
  };
};

const higher = ({ chosen, rejected }: LogProbsOfPairs) =>
  chosen.reduce((count, logProb, i) => count + Number(logProb > (rejected[i] as number)), 0);
