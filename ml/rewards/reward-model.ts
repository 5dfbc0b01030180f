import { rowLogits } from '../classifiers/row-logits.ts';
import { textRow } from '../classifiers/text-rows.ts';
import type { SequenceClassifier } from '../classifiers/types.ts';
import { ComputeError } from '../failure.ts';
import type { Tokenizer } from '../models/types.ts';
import type { Reward, Scored } from './types.ts';

/**
 * A sequence classifier as a reward:
 *
 *   logit      l_k, the raw logit of output k: the score of a reward model, or the logit of a sentiment
 *              classifier's positive class (Marks et al., NeurIPS 2024, appendix B)
 *   log-prob   log softmax(l)_k, at most 0
 *
 * The text is read with the classifier's own tokenizer; of a text longer than its positions the end counts.
 */
export interface ClassifierRewardOptions {
  classifier: SequenceClassifier;
  /** The classifier's own. */
  tokenizer: Tokenizer;
  /** Which output: its name or index; null for a classifier with only one, as a reward model is. */
  label: string | number | null;
  output: 'logit' | 'log-prob';
  scored: Scored;
}

/** @throws ComputeError `bad-parameter` when there is no such label, or none is named and there are several */
export function classifierReward(options: ClassifierRewardOptions): Reward {
  const { classifier, tokenizer, output, scored } = options;
  const { labels, maxPositions } = classifier;
  const k = labelIndex(labels, options.label);
  if (output === 'log-prob' && labels.length < 2) {
    throw new ComputeError('bad-parameter', 'The classifier has one output: it gives no probabilities', {
      hint: 'take its logit, or give a classifier with two labels or more',
    });
  }
  const what =
    labels.length === 1 ? 'the score of the reward model' : `the ${output} of ${labels[k]} by the classifier`;
  return {
    description: `${what} for the ${scored}`,
    score(texts) {
      const rows = texts.map(({ prompt, completion }) => {
        const text = scored === 'completion' ? completion : prompt + completion;
        return textRow(tokenizer, text, maxPositions).ids;
      });
      return rowLogits(classifier, rows).map((logits) =>
        output === 'logit' ? (logits[k] as number) : (logits[k] as number) - logSumExp(logits),
      );
    },
  };
}

function labelIndex(labels: readonly string[], label: string | number | null): number {
  const known = `its labels are: ${labels.map((name, i) => `${name} (${i})`).join(', ')}`;
  if (label === null) {
    if (labels.length === 1) return 0;
    throw new ComputeError('bad-parameter', `The classifier has ${labels.length} outputs, not one score`, {
      hint: `name the label that is the reward; ${known}`,
    });
  }
  const k = typeof label === 'number' ? label : labels.indexOf(label);
  if (labels[k] !== undefined) return k;
  throw new ComputeError('bad-parameter', `The classifier has no label ${JSON.stringify(label)}`, {
    hint: known,
  });
}

function logSumExp(values: ArrayLike<number>): number {
  const all = Array.from(values);
  const most = Math.max(...all);
  return most + Math.log(all.reduce((sum, value) => sum + Math.exp(value - most), 0));
}
