import { ComputeError } from '../ml/failure.ts';
import type { Explanation, Feature, LabellerNote, Relation } from '../ml/features/types.ts';
import { explainByLexicon, lexiconNote, relateByLexicon } from './lexicon-labeller.ts';
import { openPaidClient, type PaidClientPlaces, type PaidClientSettings } from './paid-client.ts';
import { classifyRequest } from './prompts/classify.ts';
import { explainRequest } from './prompts/explain.ts';
import type { LabelRequest } from './types.ts';

/** Whoever describes and classifies features. A label that could not be had is a `failed` one, never a default. */
export interface Labeller {
  readonly note: LabellerNote;
  explain(feature: Feature): Promise<Explanation>;
  relate(feature: Feature, explanation: string, task: string): Promise<Relation>;
  /** US dollars spent by this step so far, earlier attempts included. */
  dollars(): number;
  close(): void;
}

export interface OpenAILabellerSettings extends PaidClientSettings {
  type: 'openai';
}

/** Labels from a word list alone. @param ratingOf the feedback of a lower-case word, 0 when unlisted */
export function lexiconLabeller(name: string, ratingOf: (word: string) => number): Labeller {
  return {
    note: lexiconNote(name),
    explain: async (feature) => explainByLexicon(feature, ratingOf),
    relate: async (feature) => relateByLexicon(feature, ratingOf),
    dollars: () => 0,
    close: () => undefined,
  };
}

/** Codes after which the rest of the step cannot succeed either: they end the attempt instead of failing one feature. */
const fatal = new Set([
  'llm-unauthorised',
  'llm-no-credit',
  'spend-cap',
  'rate-limited',
  'llm-unreachable',
  'llm-unavailable',
  'ledger-busy',
]);

/** Labels from a language model. */
export function openaiLabeller(
  settings: OpenAILabellerSettings,
  places: PaidClientPlaces,
  environment: NodeJS.ProcessEnv,
): Labeller {
  const { client, ledger } = openPaidClient(settings, places, environment, {
    field: 'labeller',
    ledger: 'ledger.jsonl',
  });

  async function ask<T>(
    request: LabelRequest,
    read: (value: Record<string, unknown>) => T,
  ): Promise<T | { status: 'failed'; code: string; message: string }> {
    try {
      return read((await client.ask(request)).value);
    } catch (error) {
      if (!(error instanceof ComputeError) || fatal.has(error.code)) throw error;
      return { status: 'failed', code: error.code, message: error.message };
    }
  }

  return {
    note: {
      type: 'openai',
      name: settings.model,
      note: `Labels were written by ${settings.model}; each is a claim to be tested, not a finding.`,
    },
    explain: (feature) =>
      ask(explainRequest(feature), (value) => ({ status: 'labelled', text: String(value.explanation) })),
    relate: (_, explanation, task) =>
      ask(classifyRequest(explanation, task), (value) => ({
        status: 'labelled',
        answer: value.answer as 'related' | 'unrelated' | 'unsure',
        reason: String(value.reason),
      })),
    dollars: () => ledger.committed(),
    close: () => ledger.close(),
  };
}

/** Fails the step when more than `maxShare` of its labels failed: a report on the rest would mislead. */
export function checkFailures(
  labels: readonly { status: string; code?: string; message?: string }[],
  maxShare: number,
  what: string,
): void {
  const failed = labels.filter((label) => label.status === 'failed');
  if (failed.length > maxShare * labels.length) {
    throw new ComputeError(
      'labels-failed',
      `${failed.length} of ${labels.length} ${what} failed, more than \`max-failed: ${maxShare}\` allows; the first: ${failed[0]?.message} (${failed[0]?.code})`,
      { hint: 'See the log of this point. Replies so far are cached and will not be paid for again.' },
    );
  }
}
