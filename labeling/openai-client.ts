import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';
import { dollarsFor, type Price } from '../compiler/llm-prices.ts';
import { ComputeError } from '../ml/failure.ts';
import type { Json } from '../store/types.ts';
import type { CallLog } from './call-log.ts';
import { ChatReader, type ChatSettings, chatBody, FaultyReply } from './chat.ts';
import type { Ledger } from './ledger.ts';
import { newQuestion, type Question, worstDollars } from './question.ts';
import { rateLimit } from './rate-limit.ts';
import type { ResponseCache } from './response-cache.ts';
import { semaphore } from './semaphore.ts';
import { refusedUnpaid, serviceFailure } from './service-failure.ts';
import { promptTokenGuess } from './token-bound.ts';
import type { LabelReply, LabelRequest, LanguageModelClient } from './types.ts';

export interface OpenAIClientOptions extends Omit<ChatSettings, 'field'> {
  apiKey: string;
  /** Any OpenAI-compatible address; undefined: the vendor's. */
  baseUrl?: string;
  price: Price;
  /** Calls in flight at once. */
  concurrency: number;
  /** What the service allows a minute; undefined: no limit. */
  requestsPerMinute?: number | undefined;
  tokensPerMinute?: number | undefined;
  /** Tries of one question, counting the first. */
  attempts: number;
  timeoutSeconds: number;
  cache: ResponseCache;
  ledger: Ledger;
  log?: CallLog;
  /** The field of the file that describes the service, for messages. */
  field?: string;
  /** First wait after a failed try; doubles, with a cap of a minute. Tests shorten it. */
  backoffSeconds?: number;
}

/** The longest wait that is waited for here; a service that asks for more ends the attempt, which is then tried later. */
const LONGEST_WAIT = 120;

/**
 * A client for any service that speaks OpenAI's chat completions. Every question is answered from the cache, or by a
 * reply that satisfies the schema, or fails: there is no default answer. Money is reserved before each call.
 */
export function openaiClient(options: OpenAIClientOptions): LanguageModelClient {
  const { cache, ledger, log, price } = options;
  const settings: ChatSettings = { ...options, field: options.field ?? 'labeller' };
  const client = new OpenAI({
    apiKey: options.apiKey,
    ...(options.baseUrl === undefined ? {} : { baseURL: options.baseUrl }),
    maxRetries: 0, // counted and paid for here
    timeout: options.timeoutSeconds * 1000,
  });
  const reader = new ChatReader(settings);
  const limited = semaphore(options.concurrency);
  const rate = rateLimit(options);
  const asking = new Map<string, Promise<LabelReply>>();

  async function once({ id, key, original, next }: Question): Promise<LabelReply> {
    const used = await rate.take(promptTokenGuess(next.messages) + next.maxTokens);
    const reservation = ledger.reserve(worstDollars(price, next));
    let dollars = worstDollars(price, next); // an answer that never came may still be billed
    const usage = { promptTokens: 0, completionTokens: 0 };
    let outcome = 'answered';
    const began = performance.now();
    try {
      const completion = await client.chat.completions.create(chatBody(next, settings));
      if (completion.usage) {
        usage.promptTokens = completion.usage.prompt_tokens;
        usage.completionTokens = completion.usage.completion_tokens;
        dollars = dollarsFor(price, usage.promptTokens, usage.completionTokens);
        used(usage.promptTokens + usage.completionTokens);
      }
      const value = reader.read(completion, next, original);
      const model = completion.model ?? options.model;
      const reply = { value, usage: { ...usage, dollars }, cached: false, model };
      cache.put(key, reply as unknown as Json); // before it counts as paid: what is paid for is never lost
      return reply;
    } catch (error) {
      if (refusedUnpaid(error)) dollars = 0;
      const failure = serviceFailure(error, settings.field);
      outcome = failure.code;
      throw failure;
    } finally {
      reservation.settle(dollars);
      const milliseconds = Math.round(performance.now() - began);
      log?.add({
        ...{ purpose: original.purpose, question: id, outcome, batch: null },
        ...{ ...usage, dollars, milliseconds },
      });
    }
  }

  async function answer(question: Question): Promise<LabelReply> {
    let wait = options.backoffSeconds ?? 1;
    for (;;) {
      question.tries++;
      try {
        return await once(question);
      } catch (thrown) {
        const error = serviceFailure(thrown, settings.field);
        const asked = error.options.retryAfterSeconds;
        if (!error.options.retryable || question.tries >= options.attempts || (asked ?? 0) > LONGEST_WAIT)
          throw final(error);
        if (error instanceof FaultyReply) {
          question.next = error.repair;
          continue; // The service is well: there is nothing to wait for.
        }
        if (error.code === 'rate-limited') rate.pause(asked ?? wait); // It is the account's limit, not the call's.
        await sleep(1000 * (asked ?? wait));
        wait = Math.min(60, wait * 2);
      }
    }
  }

  async function ask(request: LabelRequest): Promise<LabelReply> {
    const question = newQuestion(request, settings);
    const known = cache.get(question.key) as unknown as LabelReply | undefined;
    if (known) return fromCache(known, question, log);
    const same = asking.get(question.id);
    if (same) return same;
    const reply = limited(() => answer(question)).finally(() => asking.delete(question.id));
    asking.set(question.id, reply);
    return reply;
  }

  return { model: options.model, ask };
}

/** A question that keeps failing to parse will not be mended by running the step again. */
export function final(error: ComputeError): ComputeError {
  if (!(error instanceof FaultyReply)) return error;
  return new ComputeError(error.code, error.message, { ...error.options, retryable: false });
}

/** A reply that was paid for before. */
export function fromCache(
  known: LabelReply,
  { id, original }: Question,
  log: CallLog | undefined,
): LabelReply {
  log?.add({
    ...{ purpose: original.purpose, question: id, outcome: 'cached', batch: null },
    ...{ promptTokens: 0, completionTokens: 0, dollars: 0, milliseconds: null },
  });
  return { ...known, usage: { ...known.usage, dollars: 0 }, cached: true };
}
