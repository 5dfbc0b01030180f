import { setTimeout as sleep } from 'node:timers/promises';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import OpenAI, { APIConnectionError, APIError } from 'openai';
import { ComputeError } from '../ml/failure.ts';
import type { Json } from '../store/types.ts';
import type { Ledger } from './ledger.ts';
import { dollarsFor, type Price, promptTokenBound } from './prices.ts';
import type { ResponseCache } from './response-cache.ts';
import type { LabelReply, LabelRequest, LanguageModelClient } from './types.ts';

export interface OpenAIClientOptions {
  apiKey: string;
  /** Any OpenAI-compatible address; undefined: the vendor's. */
  baseUrl?: string;
  model: string;
  temperature: number;
  price: Price;
  /** Calls in flight at once. */
  concurrency: number;
  /** Tries of one question, counting the first. */
  attempts: number;
  timeoutSeconds: number;
  /** How the service is asked for JSON: services differ in what they know. */
  responseFormat: 'json-schema' | 'json-object' | 'text';
  cache: ResponseCache;
  ledger: Ledger;
  /** The field of the file that describes the service, for messages. */
  field?: string;
  /** First wait after a failed try; doubles, with a cap of a minute. Tests shorten it. */
  backoffSeconds?: number;
}

/** A limit on calls in flight; first come, first served. */
function semaphore(limit: number): <T>(run: () => Promise<T>) => Promise<T> {
  let free = limit;
  const waiting: (() => void)[] = [];
  return async (run) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await run();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free++;
    }
  };
}

function retryAfter(error: APIError): number | undefined {
  const headers = error.headers as Headers | undefined;
  const milliseconds = Number(headers?.get('retry-after-ms') ?? Number.NaN);
  if (Number.isFinite(milliseconds)) return milliseconds / 1000;
  const text = headers?.get('retry-after');
  if (!text) return undefined;
  const seconds = Number(text);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - Date.now()) / 1000);
}

/** What a failed try means: whether another may help, and what the user should do if not. */
function classify(error: unknown, field: string): ComputeError {
  if (error instanceof ComputeError) return error;
  if (error instanceof APIConnectionError) {
    return new ComputeError('llm-unreachable', "The language model's service did not answer.", {
      retryable: true,
      hint: `Check \`${field}.base-url\` and the network of the worker.`,
    });
  }
  if (error instanceof APIError) {
    const status = error.status ?? 0;
    const code = typeof error.code === 'string' ? error.code : '';
    if (code === 'insufficient_quota') {
      return new ComputeError(
        'llm-no-credit',
        "The language model's service says that the account has no credit left.",
        {
          hint: 'Add credit, then `plumb rerun --failed`. Replies so far are cached.',
        },
      );
    }
    if (status === 429) {
      const after = retryAfter(error);
      return new ComputeError('rate-limited', "The language model's service limits the rate of calls.", {
        retryable: true,
        ...(after === undefined ? {} : { retryAfterSeconds: after }),
        hint: `Lower \`${field}.concurrency\` if this keeps happening.`,
      });
    }
    if (status === 401 || status === 403) {
      return new ComputeError(
        'llm-unauthorised',
        `The language model's service refused the key (${status}).`,
        {
          hint: `Set the secret that \`${field}.api-key\` names in the environment of the worker.`,
        },
      );
    }
    if (status >= 500 || status === 408 || status === 409) {
      return new ComputeError('llm-unavailable', `The language model's service failed (${status}).`, {
        retryable: true,
      });
    }
    return new ComputeError(
      'llm-refused',
      `The language model's service refused the question (${status}${code ? `, ${code}` : ''}).`,
      {
        hint:
          status === 404
            ? `Check \`${field}.model\` and \`${field}.base-url\`.`
            : 'See the log of this point for the question.',
      },
    );
  }
  return new ComputeError('llm-unavailable', error instanceof Error ? error.message : String(error), {
    retryable: true,
  });
}

/**
 * A client for any service that speaks OpenAI's chat completions. Every question is answered from the cache, or by a
 * reply that satisfies the schema, or fails: there is no default answer. Money is reserved before each call.
 */
export function openaiClient(options: OpenAIClientOptions): LanguageModelClient {
  const client = new OpenAI({
    apiKey: options.apiKey,
    ...(options.baseUrl === undefined ? {} : { baseURL: options.baseUrl }),
    maxRetries: 0, // counted and paid for here
    timeout: options.timeoutSeconds * 1000,
  });
  const ajv = new Ajv2020({ strict: false });
  const validators = new Map<string, ValidateFunction>();
  const limited = semaphore(options.concurrency);
  const field = options.field ?? 'labeller';

  const validatorOf = (schema: LabelRequest['schema']): ValidateFunction => {
    const text = JSON.stringify(schema);
    const known = validators.get(text);
    if (known) return known;
    const made = ajv.compile(schema);
    validators.set(text, made);
    return made;
  };

  function parse(content: string | null | undefined, schema: LabelRequest['schema']): Record<string, Json> {
    const malformed = (why: string) =>
      new ComputeError('llm-malformed', `The model's reply is not the JSON that was asked for: ${why}.`, {
        retryable: true,
        hint: `Try another \`${field}.model\`, or \`response-format: json-schema\` if the service knows it.`,
      });
    if (!content) throw malformed('it is empty');
    const start = content.indexOf('{');
    const end = content.lastIndexOf('}');
    if (start < 0 || end < start) throw malformed('it holds no object');
    let value: unknown;
    try {
      value = JSON.parse(content.slice(start, end + 1));
    } catch {
      throw malformed('it does not parse');
    }
    const validate = validatorOf(schema);
    if (!validate(value)) throw malformed(ajv.errorsText(validate.errors));
    return value as Record<string, Json>;
  }

  function responseFormat(schema: LabelRequest['schema']): Record<string, unknown> {
    switch (options.responseFormat) {
      case 'json-schema':
        return {
          response_format: {
            type: 'json_schema',
            json_schema: { name: String(schema.title ?? 'answer'), strict: true, schema },
          },
        };
      case 'json-object':
        return { response_format: { type: 'json_object' } };
      case 'text':
        return {};
    }
  }

  async function once(request: LabelRequest): Promise<LabelReply> {
    const worst = dollarsFor(options.price, promptTokenBound(request.messages), request.maxTokens);
    const reservation = options.ledger.reserve(worst);
    let dollars = worst; // an answer that never came may still be billed
    try {
      const completion = await client.chat.completions.create({
        model: options.model,
        messages: request.messages,
        temperature: options.temperature,
        max_tokens: request.maxTokens,
        ...responseFormat(request.schema),
      });
      const used = completion.usage;
      if (used) dollars = dollarsFor(options.price, used.prompt_tokens, used.completion_tokens);
      const choice = completion.choices?.[0];
      if (choice?.finish_reason === 'content_filter' || choice?.message?.refusal) {
        throw new ComputeError('llm-refused', 'The model declined to answer.');
      }
      return {
        value: parse(choice?.message?.content, request.schema),
        usage: {
          promptTokens: used?.prompt_tokens ?? 0,
          completionTokens: used?.completion_tokens ?? 0,
          dollars,
        },
        cached: false,
        model: completion.model ?? options.model,
      };
    } catch (error) {
      if (error instanceof APIError && error.status !== undefined && error.status < 500) dollars = 0; // refused before any work
      throw classify(error, field);
    } finally {
      reservation.settle(dollars);
    }
  }

  async function ask(request: LabelRequest): Promise<LabelReply> {
    const question = {
      model: options.model,
      temperature: options.temperature,
      messages: request.messages,
      schema: request.schema,
      maxTokens: request.maxTokens,
    } as unknown as Json;
    const known = options.cache.get(question) as unknown as LabelReply | undefined;
    if (known) return { ...known, usage: { ...known.usage, dollars: 0 }, cached: true };
    let wait = options.backoffSeconds ?? 1;
    for (let attempt = 1; ; attempt++) {
      try {
        const reply = await once(request);
        options.cache.put(question, reply as unknown as Json);
        return reply;
      } catch (thrown) {
        const error = classify(thrown, field);
        if (!error.options.retryable || attempt >= options.attempts) {
          // A question that keeps failing to parse will not be mended by running the step again.
          if (error.code === 'llm-malformed')
            throw new ComputeError(error.code, error.message, { ...error.options, retryable: false });
          throw error;
        }
        await sleep(1000 * Math.min(120, error.options.retryAfterSeconds ?? wait));
        wait = Math.min(60, wait * 2);
      }
    }
  }

  return { model: options.model, ask: (request) => limited(() => ask(request)) };
}
