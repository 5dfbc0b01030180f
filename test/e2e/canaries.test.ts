import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Installation, type Project } from './support/installation.ts';

const MINUTES = 60_000;

const KEY = Buffer.from('canary-of-the-encryption-key-32b').toString('base64');
/** What a worker's host may hold, used by the run (the first) or not. */
const SECRETS: Record<string, string> = {
  REWARD_TOKEN: 'canary-reward-token-91f3',
  OPENAI_API_KEY: 'canary-openai-key-55ac',
  HF_TOKEN: 'canary-hub-token-07be',
  AWS_ACCESS_KEY_ID: 'canary-access-key-3d20',
  AWS_SECRET_ACCESS_KEY: 'canary-store-key-c8e1',
  TEMPORAL_API_KEY: 'canary-temporal-key-6b44',
};
const CANARIES = [...Object.values(SECRETS), KEY];
const PLAIN = 'a-description-that-nobody-else-may-read';

const spec = (url: string) => `
version: 1
name: canaries
description: ${PLAIN}
seeds: [0]
steps:
  reviews:
    uses: data.reviews-synthetic
    with: { count: 200 }
  base:
    uses: lm.train
    with:
      data: \${{ steps.reviews }}
      architecture: { type: gpt-neox, layers: 2, width: 32, heads: 2 }
      tokenizer: { type: word-level, size: 600 }
      context: 32
      batch: 16
      steps: 20
  tuned:
    uses: rlhf.ppo
    with:
      model: \${{ steps.base }}
      prompts: \${{ steps.reviews }}
      reward: { kind: http, url: "${url}", version: "1", token: "\${{ secrets.REWARD_TOKEN }}" }
      steps: 2
      batch: 16
      mini-batch: 8
  report:
    uses: report
`;

let installation: Installation;
let project: Project;
let service: Server;
/** What the service was sent. */
const given: string[] = [];

beforeAll(async () => {
  installation = await Installation.make();
  project = installation.project('canaries');
  // The worst of services: it tells its callers their own tokens.
  service = createServer((request, response) => {
    const { authorization = '' } = request.headers;
    given.push(authorization);
    response.writeHead(400).end(`no entry for ${authorization} ${encodeURIComponent(authorization)}`);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => service.once('listening', resolve));
}, 10 * MINUTES);

afterAll(async () => {
  await project?.close();
  service?.close();
  installation?.remove();
}, MINUTES);

/** Command lines of all processes, whosoever. */
function commandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      } catch {
        return ''; // It has ended.
      }
    });
}

/** Names of secrets in the environments of the compute children that run now. */
function inherited(pids: readonly number[]): string[] {
  return pids.flatMap((pid) => {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      return environment
        .map((line) => line.split('=')[0] as string)
        .filter((name) => name in SECRETS || name.startsWith('PLUMBLINE_PAYLOAD'));
    } catch {
      return [];
    }
  });
}

function filesWith(text: string): string[] {
  return readdirSync(project.directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(text));
}

test(
  'no secret of the environment is left anywhere by a run that fails on one, and histories are encrypted',
  async () => {
    writeFileSync(
      join(project.directory, 'canaries.yaml'),
      spec(`http://127.0.0.1:${(service.address() as AddressInfo).port}/score`),
    );
    const env = { ...SECRETS, PLUMBLINE_PAYLOAD_KEYS: `k=${KEY}` };
    const seen = new Set<string>();
    const names = new Set<string>();
    let children = 0;
    const look = setInterval(() => {
      const running = project.processes.children;
      children += running.length;
      for (const line of commandLines()) for (const one of CANARIES) if (line.includes(one)) seen.add(line);
      for (const name of inherited(running)) names.add(name);
    }, 100);
    const output: string[] = [];
    try {
      for (const args of [
        ['run', 'canaries.yaml'],
        ['status', 'canaries'],
        ['report', 'canaries'],
        ['history', 'export', 'canaries', '--output', join(project.directory, 'history')],
        ['artifacts', 'list', '--json'],
      ])
        output.push((await project.start(args, env).done).output);
    } finally {
      clearInterval(look);
    }
    // It was used, and the run failed on it.
    expect(output[0]).toContain('[secret REWARD_TOKEN]');
    expect(given).toContain(`Bearer ${SECRETS['REWARD_TOKEN']}`);
    expect(output[0]).toMatch(/400/);
    for (const one of CANARIES) {
      expect(output.join('\n')).not.toContain(one);
      expect(filesWith(one)).toEqual([]);
      expect(filesWith(Buffer.from(one).toString('base64').replace(/=+$/, ''))).toEqual([]);
    }
    expect(children).toBeGreaterThan(0);
    expect([...seen]).toEqual([]);
    // A child has the secrets of its own step only.
    expect([...names].filter((name) => name !== 'REWARD_TOKEN')).toEqual([]);
    // The store and the file itself hold the description; the database does not.
    const plain = filesWith(PLAIN);
    expect(plain.length).toBeGreaterThan(0);
    expect(plain.filter((path) => /\.(db|sqlite)(-wal|-shm)?$/.test(path))).toEqual([]);
  },
  5 * MINUTES,
);
