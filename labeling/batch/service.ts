import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI, { APIError, toFile } from 'openai';
import type { Batch } from 'openai/resources/batches';
import { ComputeError } from '../../ml/failure.ts';
import { serviceFailure } from '../service-failure.ts';
import { type BatchLine, readBatchLines } from './results.ts';

export interface BatchServiceOptions {
  apiKey: string;
  baseUrl?: string | undefined;
  timeoutSeconds: number;
  /** Tries of one call of the service. */
  attempts: number;
  field: string;
  backoffSeconds: number;
}

const ENDPOINT = '/v1/chat/completions';
/** The one that every service knows. */
const WINDOW = '24h';
/** A file may have 200 MB. */
const TRANSFER_SECONDS = 900;
/** Batches of so many days may still hold results worth reading. */
const LOOK_BACK_SECONDS = 3 * 86_400;
const MOST_LISTED = 1000;
/** Keys of the metadata. */
const NAME = 'plumbline';
const ASKED = 'plumbline-asked';

/** The calls of a Batch API that are needed, each tried again where that may help. */
export class BatchService {
  private readonly client: OpenAI;

  constructor(private readonly options: BatchServiceOptions) {
    const { apiKey, baseUrl, timeoutSeconds } = options;
    this.client = new OpenAI({
      apiKey,
      ...(baseUrl === undefined ? {} : { baseURL: baseUrl }),
      maxRetries: 0,
      timeout: timeoutSeconds * 1000,
    });
  }

  /** An upload that is repeated leaves a file behind, which costs nothing and goes with time. @returns its id */
  upload(name: string, requests: readonly { id: string; body: object }[]): Promise<string> {
    const lines = requests.map(({ id, body }) =>
      JSON.stringify({ custom_id: id, method: 'POST', url: ENDPOINT, body }),
    );
    return this.tried(async () => {
      const file = await toFile(Buffer.from(`${lines.join('\n')}\n`), `${name}.jsonl`);
      const options = { timeout: TRANSFER_SECONDS * 1000 };
      return (await this.client.files.create({ file, purpose: 'batch' }, options)).id;
    });
  }

  /**
   * Submits a batch once: where the answer is lost, it is looked for at the service before it is submitted again. The key of
   * idempotency is for services that know it.
   */
  async create(name: string, asked: string, file: string): Promise<Batch> {
    let lost = false;
    return this.tried(async () => {
      if (lost) {
        const found = await this.find(name, file);
        if (found) return found;
      }
      lost = true;
      const metadata = { [NAME]: name, [ASKED]: asked };
      return this.client.batches.create(
        { input_file_id: file, endpoint: ENDPOINT, completion_window: WINDOW, metadata },
        { headers: { 'Idempotency-Key': name } },
      );
    });
  }

  /** The batch of this name, or of this file where the service keeps no metadata. */
  async find(name: string, file: string | null): Promise<Batch | null> {
    for await (const batch of this.recent())
      if (batch.metadata?.[NAME] === name || (file !== null && batch.input_file_id === file)) return batch;
    return null;
  }

  /** Batches that hold some of these questions, as this or another host submitted them. Empty where a service keeps no list. */
  async findAsked(asked: string): Promise<{ name: string; batch: Batch }[]> {
    return this.tried(async () => {
      const found: { name: string; batch: Batch }[] = [];
      try {
        for await (const batch of this.recent())
          if (batch.metadata?.[ASKED] === asked)
            found.push({ name: batch.metadata[NAME] ?? batch.id, batch });
      } catch (error) {
        if (!(error instanceof APIError) || (error.status !== 404 && error.status !== 405)) throw error;
      }
      return found;
    });
  }

  /** null: the service does not know it any more. */
  async retrieve(id: string): Promise<Batch | null> {
    return this.tried(async () => {
      try {
        return await this.client.batches.retrieve(id);
      } catch (error) {
        if (error instanceof APIError && error.status === 404) return null;
        throw error;
      }
    });
  }

  /** What came of an ended batch, from both of its files. */
  async results({
    output_file_id: output,
    error_file_id: errors,
    request_counts: counts,
  }: Batch): Promise<Map<string, BatchLine[]>> {
    const lines = new Map<string, BatchLine[]>();
    for (const [file, expected] of [
      [output, counts?.completed ?? 0],
      [errors, counts?.failed ?? 0],
    ] as const) {
      if (!file) continue;
      let read = readBatchLines(await this.content(file));
      // A download that was cut would be paid for again, question by question.
      if (read.size < expected) read = readBatchLines(await this.content(file));
      for (const [id, of] of read) lines.set(id, [...(lines.get(id) ?? []), ...of]);
    }
    return lines;
  }

  private content(file: string): Promise<string> {
    return this.tried(async () => {
      const response = await this.client.files.content(file, { timeout: TRANSFER_SECONDS * 1000 });
      return response.text();
    });
  }

  private async *recent(): AsyncGenerator<Batch> {
    const oldest = Date.now() / 1000 - LOOK_BACK_SECONDS;
    let listed = 0;
    for await (const batch of this.client.batches.list({ limit: 100 })) {
      if (batch.created_at < oldest || ++listed > MOST_LISTED) return;
      yield batch;
    }
  }

  private async tried<T>(run: () => Promise<T>): Promise<T> {
    const { attempts, field, backoffSeconds } = this.options;
    let wait = backoffSeconds;
    for (let attempt = 1; ; attempt++) {
      try {
        return await run();
      } catch (thrown) {
        const error = serviceFailure(thrown, field);
        if (!error.options.retryable || attempt >= attempts) throw noBatches(thrown, error, field);
        await sleep(1000 * Math.min(120, error.options.retryAfterSeconds ?? wait));
        wait = Math.min(60, wait * 2);
      }
    }
  }
}

/** A service that has no Batch API says that it does not know the address. */
function noBatches(thrown: unknown, error: ComputeError, field: string): ComputeError {
  if (!(thrown instanceof APIError) || (thrown.status !== 404 && thrown.status !== 405)) return error;
  return new ComputeError(
    'no-batch-api',
    `The language model's service does not take batches (${thrown.status}).`,
    {
      hint: `Set \`${field}.batch: false\`, or check \`${field}.base-url\`.`,
    },
  );
}
