import type { Job } from '../compute/types.ts';
import {
  type Labeller,
  lexiconLabeller,
  type OpenAILabellerSettings,
  openaiLabeller,
} from '../labeling/labeller.ts';
import type { Labeller as LabellerSettings } from '../schemas/generated/parameters.ts';
import { openLexicon } from './feedback.ts';

/**
 * The labeller that a step's `labeller:` describes. Close it when done.
 *
 * @param rater of several, from 0: each has a cap and a ledger of its own
 */
export async function openLabeller(settings: LabellerSettings, job: Job, rater = 0): Promise<Labeller> {
  if (settings.type === 'lexicon') {
    const lexicon = await openLexicon(settings.feedback);
    return lexiconLabeller(lexicon.name, (word) => lexicon.value(word));
  }
  const use = rater === 0 ? undefined : { field: `raters[${rater - 1}]`, ledger: `ledger-${rater}.jsonl` };
  return openaiLabeller(settings as OpenAILabellerSettings, job, process.env, use);
}

/** Labels every item, as many at once as the labeller allows, with progress as they come. */
export async function labelAll<Item, Label>(
  job: Job,
  items: readonly Item[],
  label: (item: Item) => Promise<Label>,
): Promise<Label[]> {
  let done = 0;
  const labels = await Promise.all(
    items.map(async (item) => {
      const made = await label(item);
      job.progress(++done, items.length);
      return made;
    }),
  );
  return labels;
}
