import { APIError } from 'openai';
import { dollarsFor, type Price } from '../../compiler/llm-prices.ts';
import { ComputeError } from '../../ml/failure.ts';
import type { Json } from '../../store/types.ts';
import type { CallLog } from '../call-log.ts';
import { ChatReader, type ChatSettings, FaultyReply } from '../chat.ts';
import { final } from '../openai-client.ts';
import { type Question, worstDollars } from '../question.ts';
import type { ResponseCache } from '../response-cache.ts';
import { serviceFailure } from '../service-failure.ts';
import type { LabelReply } from '../types.ts';
import { type BatchLine, isAnswered } from './results.ts';

/** A question that waits for its answer. */
export interface WaitingQuestion extends Question {
  resolve(reply: LabelReply): void;
  reject(error: unknown): void;
}

interface LineReaderOptions extends ChatSettings {
  attempts: number;
  cache: ResponseCache;
  log: CallLog;
}

/** Makes of the lines of a batch answers, questions to be asked again, and failures. */
export class LineReader {
  private readonly reader: ChatReader;

  constructor(
    private readonly options: LineReaderOptions,
    /** Of a call in a batch. */
    private readonly price: Price,
  ) {
    this.reader = new ChatReader(options);
  }

  /** Settles the question if it can be; else it stays for the next batch, with what is to be sent then. */
  take(question: WaitingQuestion, lines: readonly BatchLine[], batch: string): void {
    const { log, options } = this;
    question.tries++;
    let failure: ComputeError | null = null;
    let outcome = 'answered';
    const dollars = this.dollars(lines, question);
    try {
      const reply = this.reply(question, lines, dollars);
      options.cache.put(question.key, reply as unknown as Json);
      question.resolve(reply);
    } catch (thrown) {
      failure = serviceFailure(thrown, options.field);
      outcome = failure.code;
    }
    const usage = lines.find(isAnswered)?.response?.body.usage;
    log.add({
      ...{ purpose: question.original.purpose, question: question.id, outcome, batch },
      ...{ promptTokens: usage?.prompt_tokens ?? 0, completionTokens: usage?.completion_tokens ?? 0 },
      ...{ dollars, milliseconds: null },
    });
    if (failure === null) return;
    if (!failure.options.retryable || question.tries >= options.attempts) question.reject(final(failure));
    else if (failure instanceof FaultyReply) question.next = failure.repair;
  }

  /** What the service bills for a request: for one that was answered its tokens, once however often the line comes. */
  dollars(lines: readonly BatchLine[], question?: Question): number {
    const answered = lines.filter(isAnswered);
    const bills = answered.map(({ response }) => {
      const usage = response?.body.usage;
      if (usage) return dollarsFor(this.price, usage.prompt_tokens, usage.completion_tokens);
      return question ? worstDollars(this.price, question.next) : 0;
    });
    return Math.max(0, ...bills);
  }

  private get log(): CallLog {
    return this.options.log;
  }

  /** The first usable answer among the lines of one question. */
  private reply(question: Question, lines: readonly BatchLine[], dollars: number): LabelReply {
    let fault: unknown = null;
    for (const line of lines) {
      try {
        if (!isAnswered(line)) throw lineFailure(line);
        const { body } = line.response as NonNullable<BatchLine['response']>;
        const value = this.reader.read(body, question.next, question.original);
        const { prompt_tokens = 0, completion_tokens = 0 } = body.usage ?? {};
        return {
          value,
          usage: { promptTokens: prompt_tokens, completionTokens: completion_tokens, dollars },
          cached: false,
          model: body.model ?? this.options.model,
        };
      } catch (error) {
        fault ??= error;
      }
    }
    throw fault ?? lineFailure(null);
  }
}

/** Why a request of a batch has no answer. What expired, or is missing from the results, may be asked again. */
function lineFailure(line: BatchLine | null): unknown {
  if (line?.response && line.response.status_code !== 200) {
    const { status_code, body } = line.response;
    return APIError.generate(status_code, { error: body?.error ?? {} }, undefined, new Headers());
  }
  const why = line?.error?.code ?? 'it is missing from the results';
  return new ComputeError('llm-unavailable', `The batch did not answer the question: ${why}.`, {
    retryable: true,
  });
}
