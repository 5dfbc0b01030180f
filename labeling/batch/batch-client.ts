import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { batchPrice, type Price } from '../../compiler/llm-prices.ts';
import type { ComputeError } from '../../ml/failure.ts';
import type { CallLog } from '../call-log.ts';
import { type ChatSettings, chatBody } from '../chat.ts';
import type { Ledger } from '../ledger.ts';
import { final, fromCache } from '../openai-client.ts';
import { newQuestion, type Question, worstDollars } from '../question.ts';
import type { ResponseCache } from '../response-cache.ts';
import { serviceFailure } from '../service-failure.ts';
import type { LabelReply, LabelRequest, LanguageModelClient } from '../types.ts';
import { followBatch } from './follow.ts';
import { type BatchRecord, openBatchJournal } from './journal.ts';
import { LineReader } from './line-reader.ts';
import { BatchService } from './service.ts';

export interface BatchClientOptions extends ChatSettings {
  apiKey: string;
  baseUrl?: string | undefined;
  /** Of calls at once; in a batch they cost `price.batch` of it. */
  price: Price;
  /** Batches that a question may be part of, and tries of each call about a batch. */
  attempts: number;
  timeoutSeconds: number;
  cache: ResponseCache;
  ledger: Ledger;
  log: CallLog;
  /** Kept over attempts: which batches are under way. */
  journalFile: string;
  /** Requests done of those in the batch, whenever the service was asked. */
  progress?: ((done: number, total: number) => void) | undefined;
  say?: ((line: string) => void) | undefined;
  /** Requests of one batch, at most. */
  mostRequests?: number;
  /** First wait between two looks at a batch; grows to a minute. */
  pollSeconds?: number;
  backoffSeconds?: number;
}

/** What the vendor allows of one batch: requests, and bytes of their file. */
const MOST_REQUESTS = 50_000;
const MOST_BYTES = 190_000_000;
/** Questions that come within so long of each other go together. */
const GATHER_MS = 50;

interface Asked extends Question {
  reply: Promise<LabelReply>;
  resolve(reply: LabelReply): void;
  reject(error: unknown): void;
}

/**
 * A client that sends its questions as batches, which cost less and take up to a day. What is asked at about the same time
 * goes together; what came back without a usable answer goes into the next batch. A batch is on disk before it is sent, and
 * carries a name that follows from its questions, so that no process, after whatever end of the one before, pays for an answer
 * twice: it goes on polling the batch that there is. Under a cap as many questions go at once as their worst price allows.
 */
export function batchClient(options: BatchClientOptions): LanguageModelClient & { close(): void } {
  const { cache, ledger, log, say } = options;
  const price = batchPrice(options.price);
  const service = new BatchService({ ...options, backoffSeconds: options.backoffSeconds ?? 1 });
  const journal = openBatchJournal(options.journalFile);
  const lines = new LineReader(options, price);
  /** Without an answer as yet, by id. */
  const open = new Map<string, Asked>();
  /** Ids of all that was asked since the last batch, answers from the cache among them: the same for every attempt. */
  const asked = new Set<string>();
  let mostRequests = options.mostRequests ?? MOST_REQUESTS;
  let running = false;
  let lastAsked = 0;

  const follow = (record: BatchRecord) =>
    followBatch(record, {
      ...{ service, journal, ledger, open, lines },
      ...{ pollSeconds: options.pollSeconds ?? 5, progress: options.progress, say, field: options.field },
    });

  /** As many of the questions, in order, as fit into one batch and under the cap; at least one. */
  function part(questions: readonly Asked[]): { chosen: Asked[]; dollars: number } {
    const chosen: Asked[] = [];
    let dollars = 0;
    let bytes = 0;
    for (const question of questions) {
      const worst = worstDollars(price, question.next);
      bytes += Buffer.byteLength(JSON.stringify(chatBody(question.next, options))) + 200;
      const fits = dollars + worst <= ledger.room() && bytes <= MOST_BYTES && chosen.length < mostRequests;
      if (chosen.length > 0 && !fits) break;
      chosen.push(question);
      dollars += worst;
    }
    return { chosen, dollars };
  }

  async function submit(of: string, questions: readonly Asked[]): Promise<void> {
    const { chosen, dollars } = part(questions);
    const number = journal.records().filter((record) => record.asked === of).length;
    const name = `${of}-${number}`;
    ledger.reserve(dollars, `batch-${name}`);
    const planned: BatchRecord = {
      ...{ name, asked: of, questions: chosen.map(({ id }) => id) },
      ...{ state: 'planned', file: null, batch: null },
    };
    journal.write(planned);
    const requests = chosen.map(({ id, next }) => ({ id, body: chatBody(next, options) }));
    const file = await service.upload(name, requests);
    journal.write({ ...planned, file });
    const batch = await service.create(name, of, file);
    const created: BatchRecord = { ...planned, state: 'created', file, batch: batch.id };
    journal.write(created);
    say?.(`Batch ${batch.id}: ${chosen.length} of ${questions.length} questions.`);
    if ((await follow(created)) === 'too-large') mostRequests = Math.ceil(chosen.length / 2);
  }

  async function underWay(of: string): Promise<void> {
    for (const record of journal.records()) {
      if (record.state === 'read' || !record.questions?.some((id) => open.has(id))) continue;
      say?.(`Going on with batch ${record.batch ?? record.name} of an earlier attempt.`);
      await follow(record);
    }
    if (open.size === 0) return;
    const known = new Set(journal.records().flatMap(({ name, batch }) => [name, batch]));
    for (const { name, batch } of await service.findAsked(of)) {
      if (known.has(name) || known.has(batch.id) || batch.status === 'failed') continue;
      say?.(`Batch ${batch.id} at the service holds these questions: using it.`);
      const file = batch.input_file_id;
      const record: BatchRecord = {
        ...{ name, asked: of, questions: null },
        ...{ state: 'created', file, batch: batch.id },
      };
      journal.write(record);
      await follow(record);
    }
  }

  async function answerAll(): Promise<void> {
    while (open.size > 0) {
      while (performance.now() - lastAsked < GATHER_MS) await sleep(GATHER_MS);
      const of = digestOf(asked);
      asked.clear();
      const now = [...open.keys()];
      await underWay(of);
      for (;;) {
        const left = now.flatMap((id) => open.get(id) ?? []);
        if (left.length === 0) break;
        await submit(of, left);
      }
    }
  }

  async function run(): Promise<void> {
    if (running) return;
    running = true;
    try {
      await answerAll();
    } catch (thrown) {
      const error = final(serviceFailure(thrown, options.field) as ComputeError);
      for (const { reject } of open.values()) reject(error);
      open.clear();
    } finally {
      running = false;
    }
  }

  async function ask(request: LabelRequest): Promise<LabelReply> {
    const question = newQuestion(request, options);
    asked.add(question.id);
    lastAsked = performance.now();
    const known = cache.get(question.key) as unknown as LabelReply | undefined;
    if (known) return fromCache(known, question, log);
    const same = open.get(question.id);
    if (same) return same.reply;
    const made = waitingFor(question, () => open.delete(question.id));
    open.set(question.id, made);
    void run();
    return made.reply;
  }

  return { model: options.model, ask, close: () => journal.close() };
}

function waitingFor(question: Question, settled: () => void): Asked {
  const settle: Pick<Asked, 'resolve' | 'reject'> = { resolve: () => undefined, reject: () => undefined };
  const reply = new Promise<LabelReply>((resolve, reject) => {
    settle.resolve = (value) => {
      settled();
      resolve(value);
    };
    settle.reject = (error) => {
      settled();
      reject(error);
    };
  });
  return { ...question, reply, ...settle };
}

function digestOf(ids: ReadonlySet<string>): string {
  return createHash('sha256')
    .update([...ids].sort().join('\n'))
    .digest('hex')
    .slice(0, 40);
}
