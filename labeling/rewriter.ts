import { ComputeError } from '../ml/failure.ts';
import type { Substitutes } from '../ml/triples/rewriting.ts';
import { ofOneQuestion } from './labeller.ts';
import {
  openPaidClient,
  type PaidClientPlaces,
  type PaidClientSettings,
  type PaidClientUse,
} from './paid-client.ts';
import { type AskedPlace, substituteRequest } from './prompts/substitute.ts';

/** What a model proposes for a place, or why it could not be asked: never an empty proposal in the place of a failure. */
export type Proposal =
  | { status: 'proposed'; words: Substitutes }
  | { status: 'failed'; code: string; message: string };

/** A language model that finds words of other tones for a place in a sentence. */
export interface Rewriter {
  substitutes(place: AskedPlace): Promise<Proposal>;
  /** US dollars spent by this step so far, earlier attempts included. */
  dollars(): number;
  close(): void;
}

/** @param count words of each tone that are asked for */
export function openRewriter(
  settings: PaidClientSettings,
  count: number,
  places: PaidClientPlaces,
  environment: NodeJS.ProcessEnv,
  use: PaidClientUse,
): Rewriter {
  const { client, ledger, close } = openPaidClient(settings, places, environment, use);
  return {
    async substitutes(place) {
      try {
        const { value } = await client.ask(substituteRequest(place, count));
        return { status: 'proposed', words: value as unknown as Substitutes };
      } catch (error) {
        if (!(error instanceof ComputeError) || !ofOneQuestion.has(error.code)) throw error;
        return { status: 'failed', code: error.code, message: error.message };
      }
    },
    dollars: () => ledger.committed(),
    close,
  };
}
