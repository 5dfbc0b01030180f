import { setTimeout as sleep } from 'node:timers/promises';
import { ComputeError } from '../../ml/failure.ts';
import { Interrupted } from './interrupted.ts';
import { refusal } from './refusal.ts';
import type { HubSettings } from './types.ts';

/** Tries without any progress between them. */
const TRIES = 5;

/** Longer waits are left to the worker's own retries, so that no slot is held. */
const LONGEST_WAIT_SECONDS = 60;

/** Does `work` until it is not interrupted. @throws ComputeError hub-unreachable (retryable) after several tries */
export async function persistently<T>(
  what: string,
  settings: HubSettings,
  work: () => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      settings.signal.throwIfAborted();
      if (!(error instanceof Interrupted)) throw error;
      if (error.progressed) tries = 1;
      const wait = error.waitSeconds ?? (settings.backoffMs * 2 ** (tries - 1)) / 1000;
      if (tries >= TRIES || wait > LONGEST_WAIT_SECONDS) throw unreachable(what, error, tries, wait);
      settings.log(`${what}: ${error.message}; again in ${wait} s`);
      await sleep(wait * 1000, undefined, { signal: settings.signal });
    }
  }
}

function unreachable(what: string, error: Interrupted, tries: number, wait: number): ComputeError {
  const times = tries === 1 ? 'once' : `${tries} times`;
  return new ComputeError('hub-unreachable', `${what}: ${error.message} (tried ${times})`, {
    retryable: true,
    retryAfterSeconds: Math.ceil(wait),
    hint: 'Check the network and HF_ENDPOINT. HF_HUB_OFFLINE=1 uses what the cache has and asks nobody.',
  });
}

/**
 * One GET. Redirects are followed; the token goes to the hub alone (fetch drops it when a redirect leaves the origin).
 * @throws Interrupted for what may pass, ComputeError for what will not
 */
export async function get(
  url: string,
  settings: HubSettings,
  headers: Record<string, string> = {},
): Promise<{ response: Response; alive(): void; end(): void }> {
  const idle = new AbortController();
  const giveUp = () => idle.abort(new Error(`nothing came for ${settings.idleMs / 1000} s`));
  const timer = setTimeout(giveUp, settings.idleMs);
  const end = () => clearTimeout(timer);
  try {
    const response = await fetch(url, {
      headers: {
        // What is packed on the way could not be resumed by its bytes.
        'accept-encoding': 'identity',
        ...(settings.token ? { authorization: `Bearer ${settings.token}` } : {}),
        ...headers,
      },
      signal: AbortSignal.any([settings.signal, idle.signal]),
    });
    if (response.ok) return { response, alive: () => timer.refresh(), end };
    await response.body?.cancel();
    throw refusal(response, url, settings);
  } catch (error) {
    end();
    if (error instanceof Interrupted || error instanceof ComputeError) throw error;
    settings.signal.throwIfAborted();
    throw new Interrupted(reasonOf(error));
  }
}

/** What broke a connection, in words: fetch says no more than "fetch failed" itself. */
export function reasonOf(error: unknown): string {
  const { message, cause } = error as Error & { cause?: { code?: string; message?: string } };
  return cause ? `${message} (${cause.code ?? cause.message})` : message;
}
