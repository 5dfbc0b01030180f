import { basename, join } from 'node:path';
import { listedPrice, PRICES_OF, type Price } from '../compiler/llm-prices.ts';
import { ComputeError } from '../ml/failure.ts';
import { batchClient } from './batch/batch-client.ts';
import { callSummaryText, openCallLog } from './call-log.ts';
import { type Ledger, openLedger } from './ledger.ts';
import { openaiClient } from './openai-client.ts';
import { openResponseCache } from './response-cache.ts';
import type { LanguageModelClient } from './types.ts';

/** Where a language model is, what it may cost and how it is asked: the fields that labellers and judges share. */
export interface PaidClientSettings {
  model: string;
  'api-key': { $secret: string };
  'base-url'?: string;
  temperature: number;
  'spend-cap': number;
  price?: Price;
  concurrency: number;
  'requests-per-minute'?: number;
  'tokens-per-minute'?: number;
  attempts: number;
  'timeout-seconds': number;
  'response-format': 'json-schema' | 'json-object' | 'text';
  /** By the Batch API: cheaper, and done within a day. */
  batch?: boolean;
}

export interface PaidClientPlaces {
  /** Kept over attempts of the point: the cost ledger, and which batches are under way. */
  durableDirectory: string;
  /** Shared by all points: replies, and a line about every call. */
  cacheDirectory: string;
  /** Told whenever a batch was looked at. */
  progress?(done: number, total: number): void;
  /** A line for the log of the point. */
  log?(line: string): void;
}

export interface PaidClientUse {
  /** The field of the file that holds the settings, for messages. */
  field: string;
  /** File name of its ledger: every cap has one of its own. */
  ledger: string;
}

export interface PaidClient {
  client: LanguageModelClient;
  ledger: Ledger;
  /** Says in the log of the point what was asked and what it cost. */
  close(): void;
}

/**
 * A client whose replies are cached and whose spending is capped, whatever the attempts. Close it when done.
 * @throws ComputeError `missing-secret`, `unknown-price`, `ledger-busy`
 */
export function openPaidClient(
  settings: PaidClientSettings,
  places: PaidClientPlaces,
  environment: NodeJS.ProcessEnv,
  { field, ledger: file }: PaidClientUse,
): PaidClient {
  const secret = settings['api-key'].$secret;
  const apiKey = environment[secret];
  if (!apiKey) {
    throw new ComputeError('missing-secret', `The secret ${secret} is not set where the worker runs.`, {
      hint: `export ${secret}=... and start the worker again.`,
    });
  }
  const price = settings.price ?? listedPrice(settings.model);
  if (!price) {
    throw new ComputeError(
      'unknown-price',
      `The price of ${settings.model} is not known (prices of ${PRICES_OF}), so the spend cap could not hold.`,
      {
        hint: `State \`${field}.price: { prompt: ..., completion: ... }\` in US dollars for a million tokens.`,
      },
    );
  }
  const { durableDirectory, cacheDirectory } = places;
  const ledger = openLedger(join(durableDirectory, file), settings['spend-cap'], field);
  const log = openCallLog(join(cacheDirectory, 'calls', `${basename(durableDirectory)}-${file}`));
  const common = {
    apiKey,
    ...(settings['base-url'] === undefined ? {} : { baseUrl: settings['base-url'] }),
    ...{ model: settings.model, temperature: settings.temperature, price, attempts: settings.attempts },
    ...{ timeoutSeconds: settings['timeout-seconds'], responseFormat: settings['response-format'] },
    ...{ cache: openResponseCache(join(cacheDirectory, 'replies')), ledger, log, field },
  };
  const batch = settings.batch
    ? batchClient({
        ...common,
        journalFile: join(durableDirectory, `batches-${file}`),
        progress: places.progress && ((done, total) => places.progress?.(done, total)),
        say: places.log && ((line) => places.log?.(line)),
      })
    : null;
  const client =
    batch ??
    openaiClient({
      ...common,
      concurrency: settings.concurrency,
      requestsPerMinute: settings['requests-per-minute'],
      tokensPerMinute: settings['tokens-per-minute'],
    });
  return {
    client,
    ledger,
    close() {
      const summary = log.summary();
      if (summary.calls + summary.cached > 0) places.log?.(`${callSummaryText(summary)}.`);
      batch?.close();
      ledger.close();
    },
  };
}
