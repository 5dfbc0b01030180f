import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AttemptRecord } from '../../store/checkpoints.ts';
import type { PointRecord } from '../../store/types.ts';
import { hasS3Server, S3Server, SECRET_KEY } from '../servers/s3-server.ts';
import { type Finished, Installation, kill, type Project } from './support/installation.ts';

const MINUTES = 60_000;

const SPEC = `
version: 1
name: stored
description: A little training, to be killed while its store is a bucket.
seeds: [0]
steps:
  reviews:
    uses: data.reviews-synthetic
    with: { count: 300 }
  base:
    uses: lm.train
    with:
      data: \${{ steps.reviews }}
      architecture: { type: gpt-neox, layers: 2, width: 32, heads: 2 }
      tokenizer: { type: word-level, size: 600 }
      context: 32
      batch: 16
      steps: 300
      learning-rate: 5e-3
    checkpoint: { every: 10 }
`;

describe.runIf(hasS3Server())('a run whose store is a bucket', () => {
  let installation: Installation;
  let server: S3Server;
  const projects: Project[] = [];

  const project = (name: string): Project => {
    const made = installation.project(name);
    writeFileSync(join(made.directory, 'stored.yaml'), SPEC);
    projects.push(made);
    return made;
  };

  beforeAll(async () => {
    installation = await Installation.make();
    server = await S3Server.start();
    server.bucket('team');
  }, 10 * MINUTES);

  afterAll(async () => {
    for (const one of projects) await one.close();
    await server?.close();
    installation?.remove();
  }, 5 * MINUTES);

  test(
    'goes on from its checkpoint when all of it is killed and the store was away, to the bytes of an undisturbed one',
    async () => {
      const local = project('local');
      const undisturbed = await local.plumb('run', 'stored.yaml');
      expect(undisturbed.output).toMatch(/2 points: 2 computed/);

      const remote = project('remote');
      const env = { ...server.env, PLUMBLINE_STORE: 's3://team/runs' };
      const plumb = (...args: string[]): Promise<Finished> => remote.start(args, env).done;
      const first = remote.start(['run', 'stored.yaml'], env);
      const step = await checkpointed(server);
      const { server: temporal, worker, children } = remote.processes;
      for (const pid of [first.child.pid as number, ...worker, ...temporal, ...children]) kill(pid);
      await first.done;
      await server.kill();

      const second = remote.start(['run', 'stored.yaml'], env);
      await sleep(3000);
      await server.start();
      const finished = await second.done;
      expect(finished.output).toMatch(/completed in/);
      expect(finished.code).toBe(0);
      const log = [...remote.logs().entries()].find(([name]) => name.startsWith('base'))?.[1] ?? '';
      const resumed = [...log.matchAll(/Going on from the checkpoint at step (\d+)/g)].map(([, at]) =>
        Number(at),
      );
      expect(Math.max(...resumed)).toBeGreaterThanOrEqual(step);

      const results = async (output: string) =>
        (JSON.parse(output) as PointRecord[]).map(({ key, outputs }) => ({ key, outputs }));
      const [there, here] = [
        await plumb('artifacts', 'list', '--json'),
        await local.plumb('artifacts', 'list', '--json'),
      ];
      expect(await results(there.output)).toEqual(await results(here.output));

      const verified = await plumb('artifacts', 'verify');
      expect(verified.output).toMatch(/2 results.*all whole/);
      expect(verified.code).toBe(0);
      expect((await plumb('artifacts', 'gc', '--older-than', '2h')).code).toBe(0);
      expect((await plumb('artifacts', 'verify')).code).toBe(0);
      expect((await plumb('run', 'stored.yaml')).output).toMatch(/2 points: 0 computed, 2 from the store/);
      expect((await plumb('doctor', '--json')).output).toContain('s3://team/runs');

      // Nothing of the secret: not in the history's database, logs, state, reports, nor in the bucket.
      for (const folder of [join(remote.directory, '.plumb'), server.directory])
        for (const path of files(folder)) expect(readFileSync(path).includes(SECRET_KEY), path).toBe(false);
    },
    15 * MINUTES,
  );
});

/** Until the training has a checkpoint at step 20 or later. */
async function checkpointed(server: S3Server): Promise<number> {
  for (;;) {
    await sleep(50);
    for (const path of files(join(server.directory, 'team'))) {
      if (!/\/checkpoints\/.*\.json$/.test(path)) continue;
      try {
        const { checkpoint } = JSON.parse(readFileSync(path, 'utf8')) as AttemptRecord;
        if ((checkpoint?.step ?? 0) >= 20) return checkpoint?.step as number;
      } catch {
        // Just being written.
      }
    }
  }
}

function files(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}
