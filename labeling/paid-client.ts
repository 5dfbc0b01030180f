import { join } from 'node:path';
import { ComputeError } from '../ml/failure.ts';
import { type Ledger, openLedger } from './ledger.ts';
import { openaiClient } from './openai-client.ts';
import { listedPrice, type Price } from './prices.ts';
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
  attempts: number;
  'timeout-seconds': number;
  'response-format': 'json-schema' | 'json-object' | 'text';
}

export interface PaidClientPlaces {
  /** Kept over attempts of the point: the cost ledger. */
  durableDirectory: string;
  /** Shared by all points: replies. */
  cacheDirectory: string;
}

export interface PaidClientUse {
  /** The field of the file that holds the settings, for messages. */
  field: string;
  /** File name of its ledger: every cap has one of its own. */
  ledger: string;
}

/**
 * A client whose replies are cached and whose spending is capped, whatever the attempts. Close the ledger when done.
 * @throws ComputeError `missing-secret`, `unknown-price`, `ledger-busy`
 */
export function openPaidClient(
  settings: PaidClientSettings,
  places: PaidClientPlaces,
  environment: NodeJS.ProcessEnv,
  { field, ledger: file }: PaidClientUse,
): { client: LanguageModelClient; ledger: Ledger } {
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
      `The price of ${settings.model} is not known, so the spend cap could not hold.`,
      {
        hint: `State \`${field}.price: { prompt: ..., completion: ... }\` in US dollars for a million tokens.`,
      },
    );
  }
  const ledger = openLedger(join(places.durableDirectory, file), settings['spend-cap'], field);
  const client = openaiClient({
    apiKey,
    ...(settings['base-url'] === undefined ? {} : { baseUrl: settings['base-url'] }),
    model: settings.model,
    temperature: settings.temperature,
    price,
    concurrency: settings.concurrency,
    attempts: settings.attempts,
    timeoutSeconds: settings['timeout-seconds'],
    responseFormat: settings['response-format'],
    cache: openResponseCache(join(places.cacheDirectory, 'replies')),
    ledger,
    field,
  });
  return { client, ledger };
}
