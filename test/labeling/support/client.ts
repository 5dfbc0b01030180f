import { join } from 'node:path';
import { batchPrice, dollarsFor } from '../../../compiler/llm-prices.ts';
import { batchClient } from '../../../labeling/batch/batch-client.ts';
import { openCallLog } from '../../../labeling/call-log.ts';
import { openLedger } from '../../../labeling/ledger.ts';
import { openaiClient } from '../../../labeling/openai-client.ts';
import { classifyRequest } from '../../../labeling/prompts/classify.ts';
import { worstDollars } from '../../../labeling/question.ts';
import { openResponseCache } from '../../../labeling/response-cache.ts';
import type { LanguageModelClient } from '../../../labeling/types.ts';
import type { Behaviour, ChatBody } from '../../servers/openai-server.ts';

export interface ClientSettings {
  url: string;
  /** Holds the ledger, the replies and the journal of batches. */
  directory: string;
  batch?: boolean;
  cap?: number | null;
  concurrency?: number;
  attempts?: number;
  timeoutSeconds?: number;
  mostRequests?: number;
}

export const PRICE = { prompt: 1000, completion: 1000, batch: 0.5 };
/** What the server says it used of every question. */
const PROMPT_TOKENS = 100;
const COMPLETION_TOKENS = 20;
export const dollarsEach = (batch = false) =>
  dollarsFor(batch ? batchPrice(PRICE) : PRICE, PROMPT_TOKENS, COMPLETION_TOKENS);

export const question = (n: number) => classifyRequest(`feature ${n} of the test`, 'sentiment');
export const worstEach = (batch = false) => worstDollars(batch ? batchPrice(PRICE) : PRICE, question(9999));
/** The right answer to a question: another one would be a wrong label. */
export const rightAnswer = (n: number) => (n % 3 === 0 ? 'related' : n % 3 === 1 ? 'unrelated' : 'unsure');

/** Which question a call is about. */
export const numberOf = ({ messages }: ChatBody): number =>
  Number(/feature (\d+) of the test/.exec(messages[1]?.content ?? '')?.[1]);

export const rightly = (body: ChatBody): Behaviour => ({
  kind: 'answer',
  content: JSON.stringify({ answer: rightAnswer(numberOf(body)), reason: `it is ${numberOf(body)}` }),
  ...{ promptTokens: PROMPT_TOKENS, completionTokens: COMPLETION_TOKENS },
});

export function openClient(settings: ClientSettings) {
  const { url, directory, batch = false, cap = null } = settings;
  const ledger = openLedger(join(directory, 'ledger.jsonl'), cap);
  const log = openCallLog(join(directory, 'calls.jsonl'));
  const said: string[] = [];
  const common = {
    ...{ apiKey: 'sk-test', baseUrl: url, model: 'some-model', temperature: 0, price: PRICE },
    ...{ attempts: settings.attempts ?? 6, timeoutSeconds: settings.timeoutSeconds ?? 5 },
    ...{ responseFormat: 'json-schema' as const, cache: openResponseCache(join(directory, 'replies')) },
    ...{ ledger, log, field: 'labeller', backoffSeconds: 0.01 },
  };
  const batches = batch
    ? batchClient({
        ...common,
        ...{ journalFile: join(directory, 'batches.jsonl'), pollSeconds: 0.05 },
        ...(settings.mostRequests === undefined ? {} : { mostRequests: settings.mostRequests }),
        say: (line) => said.push(line),
      })
    : null;
  const client: LanguageModelClient =
    batches ?? openaiClient({ ...common, concurrency: settings.concurrency ?? 8 });
  return {
    ...{ client, ledger, log, said },
    close() {
      batches?.close();
      ledger.close();
    },
  };
}

/** The answers to questions 0 ... n - 1: what was answered, or the code of the failure. */
export async function answersOf(client: LanguageModelClient, n: number): Promise<string[]> {
  const settled = await Promise.allSettled(Array.from({ length: n }, (_, i) => client.ask(question(i))));
  return settled.map((one) =>
    one.status === 'fulfilled' ? String(one.value.value.answer) : (one.reason as { code: string }).code,
  );
}

export const rightAnswers = (n: number): string[] => Array.from({ length: n }, (_, i) => rightAnswer(i));
