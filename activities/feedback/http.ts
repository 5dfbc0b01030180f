import { setTimeout as sleep } from 'node:timers/promises';
import { ComputeError } from '../../ml/failure.ts';
import type { PromptCompletion } from '../../ml/rewards/types.ts';
import type { HttpFeedback } from '../../schemas/generated/parameters.ts';
import type { OpenContext, Opener } from './types.ts';

/** First wait after a failed try, in seconds; doubles. Tests shorten it. */
export const BACKOFF = { seconds: 1 };

/** Longer waits are left to the worker's own retries. */
const LONGEST_WAIT_SECONDS = 60;

/**
 * A service that scores: `POST url {"prompts": [...], "completions": [...]}` answers `{"scores": [...]}`, one number a text, in
 * order. 408, 429 (after its Retry-After), 5xx and broken connections are tried again; anything else is final.
 */
export const openHttp: Opener<HttpFeedback> = async (feedback, context) => {
  const token = tokenOf(feedback, context);
  const client = new Client(feedback, context.field, token);
  return {
    description: `the scores of a service, version ${feedback.version}`,
    async score(texts) {
      const scores: number[] = [];
      for (let from = 0; from < texts.length; from += feedback['batch-size'])
        scores.push(...(await client.score(texts.slice(from, from + feedback['batch-size']))));
      return scores;
    },
  };
};

function tokenOf({ token }: HttpFeedback, { environment }: OpenContext): string | undefined {
  if (!token) return undefined;
  const value = environment[token.$secret];
  if (value) return value;
  throw new ComputeError('missing-secret', `The secret ${token.$secret} is not set where the worker runs.`, {
    hint: `export ${token.$secret}=... and start the worker again.`,
  });
}

/** Worth another try. */
class Trouble extends Error {
  constructor(
    message: string,
    readonly waitSeconds?: number,
  ) {
    super(message);
  }
}

class Client {
  constructor(
    private readonly feedback: HttpFeedback,
    private readonly field: string,
    private readonly token: string | undefined,
  ) {}

  async score(texts: readonly PromptCompletion[]): Promise<number[]> {
    const { attempts, url } = this.feedback;
    for (let tries = 1; ; tries++) {
      try {
        return await this.once(texts);
      } catch (error) {
        if (!(error instanceof Trouble)) throw error;
        const wait = error.waitSeconds ?? BACKOFF.seconds * 2 ** (tries - 1);
        if (tries < attempts && wait <= LONGEST_WAIT_SECONDS) {
          await sleep(wait * 1000);
          continue;
        }
        throw new ComputeError(
          'reward-unavailable',
          `The reward service ${url} ${error.message} (tried ${tries === 1 ? 'once' : `${tries} times`})`,
          {
            retryable: true,
            retryAfterSeconds: Math.ceil(wait),
            hint: `Check the service and \`${this.field}.url\`; \`timeout-seconds\` and \`batch-size\` bound what one request may take.`,
          },
        );
      }
    }
  }

  private async once(texts: readonly PromptCompletion[]): Promise<number[]> {
    const { url, 'timeout-seconds': seconds } = this.feedback;
    let status: number;
    let headers: Headers;
    let body: string;
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          ...(this.token === undefined ? {} : { authorization: `Bearer ${this.token}` }),
        },
        body: JSON.stringify({
          prompts: texts.map(({ prompt }) => prompt),
          completions: texts.map(({ completion }) => completion),
        }),
        // Texts and token go where the file says, and nowhere else.
        redirect: 'manual',
        signal: AbortSignal.timeout(seconds * 1000),
      });
      ({ status, headers } = response);
      body = await response.text();
    } catch (error) {
      const { name, message, cause } = error as Error & { cause?: { code?: string; message?: string } };
      if (name === 'TimeoutError') throw new Trouble(`gave no answer in ${seconds} s`);
      throw new Trouble(`could not be read: ${cause?.code ?? cause?.message ?? message}`);
    }
    if (status === 429) throw new Trouble('limits the rate of requests', retryAfter(headers));
    if (status === 408 || status >= 500) throw new Trouble(`failed with ${status}`, retryAfter(headers));
    if (status !== 200) throw this.refusal(status, body);
    return this.scoresIn(body, texts);
  }

  private refusal(status: number, body: string): ComputeError {
    const { url } = this.feedback;
    if (status === 401 || status === 403) {
      return new ComputeError(
        'reward-unauthorised',
        `The reward service ${url} refused the token (${status})`,
        {
          hint: `Name the secret that holds its token: \`${this.field}.token: \${{ secrets.NAME }}\`.`,
        },
      );
    }
    const moved = status >= 300 && status < 400;
    return new ComputeError(
      'reward-refused',
      moved
        ? `The reward service ${url} is somewhere else now (${status})`
        : `The reward service ${url} refused the request (${status}): ${body.slice(0, 200)}`,
      { hint: moved ? `Write its new address in \`${this.field}.url\`.` : `Check \`${this.field}.url\`.` },
    );
  }

  private scoresIn(body: string, texts: readonly PromptCompletion[]): number[] {
    const { url } = this.feedback;
    const bad = (what: string) =>
      new ComputeError(
        'bad-reward',
        `The reward service ${url} ${what}, for ${texts.length} texts of which the first is ${JSON.stringify(texts[0]).slice(0, 400)}`,
        { hint: 'It must answer {"scores": [...]}: one finite number a text, in order.' },
      );
    let reply: unknown;
    try {
      reply = JSON.parse(body);
    } catch {
      throw bad(`answered what is no JSON (${JSON.stringify(body.slice(0, 100))})`);
    }
    const scores = (reply as { scores?: unknown } | null)?.scores;
    if (!Array.isArray(scores)) throw bad('answered without a list `scores`');
    if (scores.length !== texts.length) throw bad(`gave ${scores.length} scores`);
    return scores as number[];
  }
}

/** Seconds or a date, as RFC 9110 has it. */
function retryAfter(headers: Headers): number | undefined {
  const text = headers.get('retry-after');
  if (!text) return undefined;
  const seconds = Number(text);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - Date.now()) / 1000);
}
