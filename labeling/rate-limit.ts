import { setTimeout as sleep } from 'node:timers/promises';

export interface RateLimitOptions {
  /** undefined: no limit. */
  requestsPerMinute?: number | undefined;
  /** Prompt and completion together. undefined: no limit. */
  tokensPerMinute?: number | undefined;
  /** Length of the window; tests shorten it. */
  windowMs?: number;
}

/** Keeps calls within what the service allows a minute, and all of them back when it says to wait. */
export interface RateLimit {
  /** Waits for its turn. @param tokens what the call may use at most @returns says what it used */
  take(tokens: number): Promise<(used: number) => void>;
  /** No call begins for so long. */
  pause(seconds: number): void;
}

interface Started {
  at: number;
  tokens: number;
}

/**
 * Sliding window: in no minute do more calls begin than allowed, nor such as would use more tokens. First come, first served,
 * so that a large call is not overtaken for ever by small ones. A call larger than the limit goes alone.
 */
export function rateLimit({
  requestsPerMinute = Number.POSITIVE_INFINITY,
  tokensPerMinute = Number.POSITIVE_INFINITY,
  windowMs = 60_000,
}: RateLimitOptions): RateLimit {
  const window: Started[] = [];
  let pausedUntil = Number.NEGATIVE_INFINITY;
  let last: Promise<unknown> = Promise.resolve();

  /** Milliseconds until a call of so many tokens may begin. */
  function wait(tokens: number): number {
    const now = performance.now();
    while (window[0] !== undefined && window[0].at + windowMs <= now) window.shift();
    if (pausedUntil > now) return pausedUntil - now;
    const used = window.reduce((sum, one) => sum + one.tokens, 0);
    const full = window.length >= requestsPerMinute || (window.length > 0 && used + tokens > tokensPerMinute);
    return full ? (window[0] as Started).at + windowMs - now : 0;
  }

  async function turn(tokens: number): Promise<Started> {
    for (;;) {
      const ms = wait(tokens);
      if (ms <= 0) break;
      await sleep(Math.ceil(ms));
    }
    const started = { at: performance.now(), tokens };
    window.push(started);
    return started;
  }

  return {
    async take(tokens) {
      const mine = last.then(() => turn(tokens));
      last = mine;
      const started = await mine;
      return (used) => {
        started.tokens = used;
      };
    },
    pause(seconds) {
      pausedUntil = Math.max(pausedUntil, performance.now() + seconds * 1000);
    },
  };
}
