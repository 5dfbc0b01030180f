import { ComputeError } from '../../ml/failure.ts';
import { Interrupted } from './interrupted.ts';
import type { HubSettings } from './types.ts';

/**
 * What a status means and what to do, from it and the hub's X-Error-Code. The hub answers 401 also for repositories that
 * do not exist, so as not to tell which private ones do.
 */
export function refusal(response: Response, url: string, settings: HubSettings): Error {
  const { status, headers } = response;
  if (status === 429 || status >= 500 || status === 408) {
    const after = retryAfter(headers.get('retry-after'));
    return new Interrupted(`the hub answers ${status}`, false, after);
  }
  const said = headers.get('x-error-message');
  const what = `${url}: ${status}${said ? `, ${said}` : ''}`;
  const fail = (code: string, message: string, hint: string) =>
    new ComputeError(code, `${message} (${what})`, { hint });
  const withToken = settings.token !== undefined;
  switch (headers.get('x-error-code')) {
    case 'GatedRepo':
      return fail(
        'hub-gated',
        'the repository is gated',
        `Ask for access on its page, and give the token of the account that has it: \`token: \${{ secrets.HF_TOKEN }}\`.`,
      );
    case 'RevisionNotFound':
      return fail('hub-not-found', 'there is no such revision', 'Check `revision`: a commit, branch or tag.');
    case 'EntryNotFound':
      return fail('hub-not-found', 'there is no such file', 'Check `files` and `revision`.');
    case 'RepoNotFound':
      return fail(
        'hub-not-found',
        'there is no such repository, or it is private',
        repositoryHint(withToken),
      );
  }
  if (status === 401 || status === 403) {
    return withToken
      ? fail('hub-unauthorized', 'the hub does not accept the token', 'Make a new token with read access.')
      : fail('hub-unauthorized', 'the hub wants a token', repositoryHint(false));
  }
  if (status === 404) return fail('hub-not-found', 'not found', repositoryHint(withToken));
  return fail('hub-refused', 'the hub refuses', 'Check `repository`, `revision` and HF_ENDPOINT.');
}

const repositoryHint = (withToken: boolean): string =>
  withToken
    ? 'Check `repository`, and that the account of the token may read it.'
    : "Check `repository`. If it is private, set the worker's HF_TOKEN or `token: ${{ secrets.NAME }}`.";

/** Seconds, from a number or a date. */
function retryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - Date.now()) / 1000);
}
