// The step `comment`: the plan as a comment on the pull request; the action's own comment of before is written anew.
import { readFileSync } from 'node:fs';
import { MARKER } from './markdown.mjs';
import { annotate } from './plumb.mjs';

const { GITHUB_TOKEN, GITHUB_REPOSITORY, PULL_REQUEST, COMMENT_FILE } = process.env;
const API = process.env.GITHUB_API_URL ?? 'https://api.github.com';
const PER_PAGE = 100;

const body = readFileSync(COMMENT_FILE, 'utf8');
try {
  const own = await find();
  if (own === undefined) await call('POST', `issues/${PULL_REQUEST}/comments`, { body });
  else if (own.body !== body) await call('PATCH', `issues/comments/${own.id}`, { body });
} catch (error) {
  if (error.status !== 403) throw error;
  annotate(
    'warning',
    'The token may not comment on this pull request (a fork?): the plan is in the job summary.',
  );
}

/** Anybody may write the marker; a token can change its own comments only, which are a bot's. */
async function find() {
  for (let page = 1; ; page += 1) {
    const comments = await call('GET', `issues/${PULL_REQUEST}/comments?per_page=${PER_PAGE}&page=${page}`);
    const own = comments.find((each) => each.user?.type === 'Bot' && each.body?.startsWith(MARKER));
    if (own || comments.length < PER_PAGE) return own;
  }
}

async function call(method, path, content) {
  const response = await fetch(`${API}/repos/${GITHUB_REPOSITORY}/${path}`, {
    method,
    headers: {
      accept: 'application/vnd.github+json',
      authorization: `Bearer ${GITHUB_TOKEN}`,
      'user-agent': 'plumbline',
      'x-github-api-version': '2022-11-28',
    },
    ...(content && { body: JSON.stringify(content) }),
    signal: AbortSignal.timeout(30_000),
  });
  if (!response.ok) {
    const error = new Error(
      `GitHub answered ${response.status} to ${method} ${path}: ${await response.text()}`,
    );
    throw Object.assign(error, { status: response.status });
  }
  return await response.json();
}
