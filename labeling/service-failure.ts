import { APIConnectionError, APIError } from 'openai';
import { ComputeError } from '../ml/failure.ts';

/** Seconds that the service asks to wait, by `retry-after-ms` or `Retry-After` (seconds or a date). */
function retryAfter(error: APIError): number | undefined {
  const headers = error.headers as Headers | undefined;
  const inMs = headers?.get('retry-after-ms');
  const milliseconds = inMs ? Number(inMs) : Number.NaN;
  if (Number.isFinite(milliseconds)) return Math.max(0, milliseconds / 1000);
  const text = headers?.get('retry-after');
  if (!text) return undefined;
  const seconds = Number(text);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - Date.now()) / 1000);
}

/** What a failed call means: whether another may help, and what the user should do if not. */
export function serviceFailure(error: unknown, field: string): ComputeError {
  if (error instanceof ComputeError) return error;
  if (error instanceof APIConnectionError) {
    return new ComputeError('llm-unreachable', "The language model's service did not answer.", {
      retryable: true,
      hint: `Check \`${field}.base-url\` and the network of the worker.`,
    });
  }
  if (error instanceof APIError) return answeredFailure(error, field);
  return new ComputeError('llm-unavailable', error instanceof Error ? error.message : String(error), {
    retryable: true,
  });
}

function answeredFailure(error: APIError, field: string): ComputeError {
  const status = error.status ?? 0;
  const code = typeof error.code === 'string' ? error.code : '';
  if (code === 'insufficient_quota') {
    return new ComputeError(
      'llm-no-credit',
      "The language model's service says that the account has no credit left.",
      { hint: 'Add credit, then `plumb rerun --failed`. Replies so far are cached.' },
    );
  }
  if (status === 429) {
    const after = retryAfter(error);
    return new ComputeError('rate-limited', "The language model's service limits the rate of calls.", {
      retryable: true,
      ...(after === undefined ? {} : { retryAfterSeconds: after }),
      hint: `Set \`${field}.requests-per-minute\` or \`${field}.tokens-per-minute\` to what the account allows, or lower \`${field}.concurrency\`.`,
    });
  }
  if (status === 401 || status === 403) {
    return new ComputeError('llm-unauthorised', `The language model's service refused the key (${status}).`, {
      hint: `Set the secret that \`${field}.api-key\` names in the environment of the worker.`,
    });
  }
  if (status >= 500 || status === 408 || status === 409) {
    const after = retryAfter(error);
    return new ComputeError('llm-unavailable', `The language model's service failed (${status}).`, {
      retryable: true,
      ...(after === undefined ? {} : { retryAfterSeconds: after }),
    });
  }
  if (code === 'content_filter' || code === 'content_policy_violation') {
    return new ComputeError('llm-filtered', "The service's content filter refused the question.", {
      hint: 'The excerpts of this one hold what the filter does not let through. It counts as failed.',
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

/** Whether the call was refused before any work, so that it cost nothing. */
export const refusedUnpaid = (error: unknown): boolean =>
  error instanceof APIError && error.status !== undefined && error.status < 500;
