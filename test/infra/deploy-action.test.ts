import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { parse } from 'yaml';
import { deployTool, INFRA, runTool } from './deploy-tools.ts';
import { type Ended, runNode, scratchDirectory, write } from './scratch-project.ts';

// Each step starts `plumb` some times.
vi.setConfig({ testTimeout: 60_000 });

const ACTION = join(INFRA, 'github-action');
const actionlint = deployTool('actionlint');
const shellcheck = deployTool('shellcheck');

interface Step {
  name?: string;
  run?: string;
  uses?: string;
  env?: Record<string, string>;
}

const action = parse(readFileSync(join(ACTION, 'action.yml'), 'utf8')) as {
  inputs: Record<string, { description: string }>;
  runs: { using: string; steps: Step[] };
};

test.skipIf(!actionlint)('actionlint takes the example, and the action as it is used there', () => {
  const root = scratchDirectory();
  mkdirSync(join(root, '.github', 'workflows'), { recursive: true });
  mkdirSync(join(root, '.git'));
  cpSync(ACTION, join(root, 'infra', 'github-action'), { recursive: true });
  const example = readFileSync(join(ACTION, 'example-workflow.yaml'), 'utf8');
  const here = example.replace(/OWNER\/plumbline\/(\S+)@\S+/, './$1');
  const file = join(root, '.github', 'workflows', 'plumbline.yaml');
  const lint = (text: string) => {
    writeFileSync(file, text);
    const args = ['-no-color', '-oneline', ...(shellcheck ? ['-shellcheck', shellcheck] : [])];
    return runTool(actionlint!, [...args, '-pyflakes', '', file], { cwd: root });
  };
  expect(lint(here)).toEqual({ code: 0, stdout: '', stderr: '' });
  expect(lint(here.replace('experiments: specs', 'experiment: specs')).stdout).toContain(
    'input "experiment" is not defined in action "Plumbline"',
  );
});

test('no expression gets into a shell command; every version is pinned', () => {
  for (const { name, run, uses } of action.runs.steps) {
    expect(run ?? '', name).not.toContain('${{');
    if (uses) expect(uses).toMatch(/^[\w-]+\/[\w-]+@v\d+\.\d+\.\d+$/);
  }
});

test.skipIf(!shellcheck)('shellcheck finds nothing in the commands of the action', () => {
  for (const { name, run } of action.runs.steps) {
    if (!run) continue;
    const { stdout } = runTool(shellcheck!, ['--shell=bash', '-'], { input: run });
    expect(stdout, name).toBe('');
  }
});

const SPEC = (count: number) => `version: 1
name: first
steps:
  reviews: { uses: data.reviews-synthetic, with: { count: ${count} } }
`;

interface Checkout {
  root: string;
  commit(message: string): string;
  output(name: string): string;
  step(script: string, env?: NodeJS.ProcessEnv): Promise<Ended>;
}

/** A team's repository, as the runner checks it out. */
function checkout(files: Record<string, string>): Checkout {
  const root = scratchDirectory();
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  git('init', '--quiet', '--initial-branch=main');
  for (const [path, text] of Object.entries(files)) write(join(root, path), text);
  const outputs = join(scratchDirectory(), 'outputs');
  return {
    root,
    commit(message) {
      git('add', '.');
      git('commit', '--quiet', '--message', message);
      return git('rev-parse', 'HEAD');
    },
    output(name) {
      const text = readFileSync(outputs, 'utf8');
      return new RegExp(`^${name}<<(end-\\w+)\\n([^]*?)\\n\\1$`, 'm').exec(text)?.[2] ?? '';
    },
    step(script, env = {}) {
      const code = `process.chdir(${JSON.stringify(root)}); await import(${JSON.stringify(join(ACTION, script))});`;
      return runNode(['--input-type=module', '--eval', code], {
        PATH: process.env['PATH'],
        HOME: scratchDirectory(),
        EXPERIMENTS: 'specs',
        GITHUB_OUTPUT: outputs,
        RUNNER_TEMP: scratchDirectory(),
        ...env,
      });
    },
  };
}

test('validate shows each mistake at its line, and fails', async () => {
  const repository = checkout({
    'specs/good.yaml': SPEC(100),
    'specs/bad.yaml': SPEC(100).replace('count', 'cuont'),
  });
  const { code, stdout } = await repository.step('validate.mjs');
  expect(code).toBe(1);
  expect(stdout).toMatch(/^::error file=specs\/bad\.yaml,line=4,col=\d+,title=plumb%3A [\w-]+::.*cuont/m);
  expect(stdout).toContain('2 experiment files, 1 with errors');
  expect(repository.output('valid')).toBe('false');
});

test('plan compares with the base: what is new, what has changed, what is as before', async () => {
  const repository = checkout({
    'specs/first.yaml': SPEC(100),
    'specs/same.yaml': SPEC(100).replace('first', 'same'),
  });
  const before = repository.commit('before');
  write(join(repository.root, 'specs/first.yaml'), SPEC(200));
  write(join(repository.root, 'specs/second.yaml'), SPEC(100).replace('first', 'second'));
  repository.commit('after');
  const { code, stderr } = await repository.step('plan.mjs', { BEFORE: before });
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(JSON.parse(repository.output('changed'))).toEqual(['specs/first.yaml', 'specs/second.yaml']);
  const comment = readFileSync(repository.output('comment-file'), 'utf8');
  expect(comment).toContain(`2 experiments changed against \`${before.slice(0, 12)}\`, 1 as before.`);
  expect(comment).toMatch(/<code>specs\/first\.yaml<\/code> \| 1 \| 0 \|/);
  expect(comment).toContain('<code>specs/second.yaml</code> (new)');
  expect(comment).toMatch(/reviews.*because.*count/);
  expect(comment).not.toContain('same.yaml');

  expect((await repository.step('plan.mjs', { BEFORE: '0'.repeat(40) })).code).toBe(0);
  expect(readFileSync(repository.output('comment-file'), 'utf8')).toBe(comment);
});

test('what an experiment says cannot leave its place in the comment', async () => {
  const { commentOf } = (await import(join(ACTION, 'markdown.mjs'))) as {
    commentOf(plans: object[], context: { before?: string; store: boolean }): string;
  };
  const total = { points: 12_345, cached: 0, gpuHours: 0.01, steps: 5, dollars: 1.5, exact: false };
  const plan = (text: string) => ({
    path: 'specs/a|<b>.yaml',
    name: 'a',
    total,
    text,
    isNew: false,
    changed: true,
  });
  const comment = commentOf([plan('one\n````\n</details> @everyone\n')], { store: true });
  const [, fence] = /^(`+)text$/m.exec(comment) ?? [];
  expect(fence).toBe('`````');
  expect(comment.split('\n').filter((line) => line === fence)).toHaveLength(1);
  expect(comment).toContain(
    '| <code>specs/a&#124;&lt;b&gt;.yaml</code> | ≤ 12,345 | 0 | ≤ < 0.1 | ≤ 5 | ≤ $1.50 |',
  );
  const long = commentOf(
    Array.from({ length: 80 }, () => plan('x'.repeat(10_000))),
    { store: true },
  );
  expect(long.length).toBeLessThan(65_536);
  expect(long).toContain('And 30 more.');
});

interface Call {
  method: string;
  url: string;
  body?: { body: string };
}

/** GitHub's comments, as far as the action knows them. */
async function gitHub(comments: { id: number; body: string; user: { type: string } }[], refuse?: number) {
  const calls: Call[] = [];
  const read = async (request: IncomingMessage) => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    return text;
  };
  const server = createServer(async (request, response) => {
    const text = await read(request);
    const url = new URL(request.url ?? '', 'http://localhost');
    const call: Call = { method: request.method ?? '', url: url.pathname };
    if (text !== '') call.body = JSON.parse(text) as { body: string };
    calls.push(call);
    const refused = refuse !== undefined && request.method !== 'GET';
    response.writeHead(refused ? refuse : request.headers.authorization === 'Bearer token' ? 200 : 401, {
      'content-type': 'application/json',
    });
    const page = Number(url.searchParams.get('page'));
    const size = Number(url.searchParams.get('per_page'));
    const listed = comments.slice((page - 1) * size, page * size);
    response.end(JSON.stringify(request.method === 'GET' ? listed : {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  onTestFinished(() => {
    server.close();
  });
  return { calls, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function comment(url: string, text: string): Promise<Ended> {
  const file = join(scratchDirectory(), 'comment.md');
  writeFileSync(file, text);
  return await checkout({}).step('comment.mjs', {
    GITHUB_API_URL: url,
    GITHUB_REPOSITORY: 'team/experiments',
    GITHUB_TOKEN: 'token',
    PULL_REQUEST: '7',
    COMMENT_FILE: file,
  });
}

const MARKED = '<!-- plumbline: plan -->\nplan';

test('the first plan is a new comment; a later one takes its place, however far down it is', async () => {
  const others = Array.from({ length: 130 }, (_, id) => ({
    id,
    body: id === 3 ? `${MARKED}, says somebody` : 'looks good',
    user: { type: id === 4 ? 'Bot' : 'User' },
  }));
  const first = await gitHub(others);
  expect((await comment(first.url, MARKED)).code).toBe(0);
  expect(first.calls.at(-1)).toEqual({
    method: 'POST',
    url: '/repos/team/experiments/issues/7/comments',
    body: { body: MARKED },
  });

  const own = { id: 999, body: `${MARKED} of before`, user: { type: 'Bot' } };
  const later = await gitHub([...others, own]);
  expect((await comment(later.url, MARKED)).code).toBe(0);
  expect(later.calls.map(({ method }) => method)).toEqual(['GET', 'GET', 'PATCH']);
  expect(later.calls.at(-1)).toMatchObject({ url: '/repos/team/experiments/issues/comments/999' });

  const same = await gitHub([{ ...own, body: MARKED }]);
  await comment(same.url, MARKED);
  expect(same.calls.map(({ method }) => method)).toEqual(['GET']);
});

test("a fork's token may not comment: a warning, not a failure; other refusals fail", async () => {
  const fork = await comment((await gitHub([], 403)).url, MARKED);
  expect(fork.code).toBe(0);
  expect(fork.stdout).toContain('::warning::The token may not comment');
  const broken = await comment((await gitHub([], 500)).url, MARKED);
  expect(broken.code).toBe(1);
  expect(broken.stderr).toContain('GitHub answered 500 to POST issues/7/comments');
  expect(broken.stderr).not.toContain('Bearer');
});

test('run starts the changed experiments, detached, and spends only what it may', async () => {
  const repository = checkout({});
  const plumb = join(repository.root, 'plumb.cjs');
  writeFileSync(
    plumb,
    "const [, , ...args] = process.argv; console.log(args.join(' ')); if (args.at(-1).includes('broken')) { console.error('No server answers.'); process.exit(1); }",
  );
  const env = {
    PLUMB: plumb,
    TEMPORAL_ADDRESS: 'temporal:7233',
    PLUMBLINE_STORE: 's3://results',
    CHANGED: '["specs/a.yaml","specs/broken.yaml","specs/c.yaml"]',
  };
  const free = await repository.step('run.mjs', env);
  expect(free.code).toBe(1);
  expect(free.stdout.split('\n').filter((line) => line.startsWith('run'))).toEqual([
    'run --detach specs/a.yaml',
    'run --detach specs/broken.yaml',
    'run --detach specs/c.yaml',
  ]);
  expect(free.stdout).toContain('::error file=specs/broken.yaml::No server answers.');
  const paid = await repository.step('run.mjs', { ...env, CHANGED: '["specs/a.yaml"]', SPEND: 'true' });
  expect(paid.code).toBe(0);
  expect(paid.stdout).toBe('run --detach --yes specs/a.yaml\n');
  const alone = await repository.step('run.mjs', { ...env, TEMPORAL_ADDRESS: '' });
  expect(alone.code).toBe(1);
  expect(alone.stdout).toContain('::error::TEMPORAL_ADDRESS is not set');
  expect(existsSync(join(repository.root, '.plumb'))).toBe(false);
});
