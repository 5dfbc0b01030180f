import { ComputeError } from '../ml/failure.ts';
import type { Judgement, MarkedWindow, Simulation } from '../ml/features/scoring/types.ts';
import type { Explanation, Feature, LabellerNote, PromptForm, Relation } from '../ml/features/types.ts';
import { detectByLexicon, expectationOf, fuzzByLexicon, simulateByLexicon } from './lexicon-judge.ts';
import { explainByLexicon, lexiconNote, relateByLexicon } from './lexicon-labeller.ts';
import {
  openPaidClient,
  type PaidClientPlaces,
  type PaidClientSettings,
  type PaidClientUse,
} from './paid-client.ts';
import { classifyRequest } from './prompts/classify.ts';
import { classifyPaperRequest } from './prompts/classify-paper.ts';
import { explainRequest } from './prompts/explain.ts';
import { explainPaperRequest } from './prompts/explain-paper.ts';
import { detectRequest, fuzzRequest } from './prompts/judge-windows.ts';
import { simulateRequest } from './prompts/simulate.ts';
import type { LabelRequest } from './types.ts';

/** Whoever describes, judges and classifies features. A label that could not be had is a `failed` one, never a default. */
export interface Labeller {
  readonly note: LabellerNote;
  explain(feature: Feature, form: PromptForm): Promise<Explanation>;
  relate(feature: Feature, explanation: string, task: string, form: PromptForm): Promise<Relation>;
  /** In which windows a feature so described is active. */
  detect(explanation: string, windows: readonly (readonly string[])[]): Promise<Judgement>;
  /** In which windows the marks are where it is active. */
  fuzz(explanation: string, windows: readonly MarkedWindow[]): Promise<Judgement>;
  /** How strongly it is active at each token. */
  simulate(explanation: string, tokens: readonly string[]): Promise<Simulation>;
  /** US dollars spent by this step so far, earlier attempts included. */
  dollars(): number;
  close(): void;
}

export interface OpenAILabellerSettings extends PaidClientSettings {
  type: 'openai';
  /** Raters of one model are told apart by it. */
  seed?: number;
}

/** Labels from a word list alone. @param ratingOf the feedback of a lower-case word, 0 when unlisted */
export function lexiconLabeller(name: string, ratingOf: (word: string) => number): Labeller {
  return {
    note: lexiconNote(name),
    explain: async (feature) => explainByLexicon(feature, ratingOf),
    relate: async (feature) => relateByLexicon(feature, ratingOf),
    detect: async (explanation, windows) => detectByLexicon(expectationOf(explanation, ratingOf), windows),
    fuzz: async (explanation, windows) => fuzzByLexicon(expectationOf(explanation, ratingOf), windows),
    simulate: async (explanation, tokens) => simulateByLexicon(expectationOf(explanation, ratingOf), tokens),
    dollars: () => 0,
    close: () => undefined,
  };
}

/** Failures of one question. Any other, such as a wrong key or the cap, is one of the service: it ends the attempt. */
export const ofOneQuestion: ReadonlySet<string> = new Set([
  'llm-refused',
  'llm-filtered',
  'llm-malformed',
  'llm-truncated',
]);

/** Labels from a language model. */
export function openaiLabeller(
  settings: OpenAILabellerSettings,
  places: PaidClientPlaces,
  environment: NodeJS.ProcessEnv,
  use: PaidClientUse = { field: 'labeller', ledger: 'ledger.jsonl' },
): Labeller {
  const { client, ledger, close } = openPaidClient(settings, places, environment, use);
  const { model, seed } = settings;

  async function ask<T>(
    request: LabelRequest,
    read: (value: Record<string, unknown>) => T,
  ): Promise<T | { status: 'failed'; code: string; message: string }> {
    try {
      return read((await client.ask(seed === undefined ? request : { ...request, seed })).value);
    } catch (error) {
      if (!(error instanceof ComputeError) || !ofOneQuestion.has(error.code)) throw error;
      return { status: 'failed', code: error.code, message: error.message };
    }
  }

  return {
    note: {
      type: 'openai',
      name: seed === undefined ? model : `${model}, seed ${seed}`,
      note: `Labels were written by ${model}; each is a claim to be tested, not a finding.`,
    },
    explain: (feature, form) =>
      ask((form === 'paper' ? explainPaperRequest : explainRequest)(feature), (value) => ({
        status: 'labelled',
        text: String(value.explanation),
      })),
    relate: (_, explanation, task, form) =>
      form === 'paper'
        ? ask(classifyPaperRequest(explanation, task), ({ label }) => ({
            status: 'labelled',
            answer: label === 1 ? 'related' : 'unrelated',
            reason: `the label ${label}`,
          }))
        : ask(classifyRequest(explanation, task), (value) => ({
            status: 'labelled',
            answer: value.answer as 'related' | 'unrelated' | 'unsure',
            reason: String(value.reason),
          })),
    detect: (explanation, windows) =>
      ask(detectRequest(explanation, windows), ({ answers }) => ({
        status: 'labelled',
        answers: answers as boolean[],
      })),
    fuzz: (explanation, windows) =>
      ask(fuzzRequest(explanation, windows), ({ answers }) => ({
        status: 'labelled',
        answers: answers as boolean[],
      })),
    simulate: (explanation, tokens) =>
      ask(simulateRequest(explanation, tokens), ({ levels }) => ({
        status: 'labelled',
        levels: levels as number[],
      })),
    dollars: () => ledger.committed(),
    close,
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
