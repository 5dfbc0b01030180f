import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stream } from '../../ml/random/stream.ts';
import type { PointRecord } from '../../store/types.ts';
import { type Finished, Installation, kill, type Project } from './support/installation.ts';

/** Which moments are random: another seed gives other ones. */
const SEED = Number(process.env['PLUMBLINE_KILL_SEED'] ?? 1);
const SPEC = readFileSync(fileURLToPath(new URL('small.yaml', import.meta.url)), 'utf8');
const MINUTES = 60_000;
/** `port`: the server, and before it is back another program has taken its port. */
const VICTIMS = ['child', 'worker', 'server', 'port', 'all'] as const;

let installation: Installation;
let undisturbed: Project;
let first: Finished;
let run: string;
const projects: Project[] = [];
const squatters: Server[] = [];

function project(name: string): Project {
  const made = installation.project(name);
  writeFileSync(join(made.directory, 'small.yaml'), SPEC);
  projects.push(made);
  return made;
}

beforeAll(async () => {
  installation = await Installation.make();
  undisturbed = project('undisturbed');
  first = await undisturbed.plumb('run', 'small.yaml');
  run = /Started (small-\w+)/.exec(first.output)?.[1] ?? '';
}, 20 * MINUTES);

afterAll(async () => {
  for (const one of projects) await one.close();
  for (const one of squatters) one.close();
  installation?.remove();
}, 5 * MINUTES);

test('an undisturbed run makes every artifact, and its report', async () => {
  expect(first.output).toMatch(/completed in .*: 23 points: 23 computed, 0 from the store/);
  expect(first.code).toBe(0);
  expect(first.output).toMatch(/report {2}\S+report\.html/);
  expect((await undisturbed.results(run)).size).toBe(23);
});

test(
  'killed at random moments, the same command goes on to the same bytes, and nothing accepted runs twice',
  async () => {
    const killed = project('killed');
    const draw = stream(SEED, 'kill-test');
    // Every kind once before any twice, since the run may end before all are killed.
    const victims = [...shuffled([...VICTIMS], draw), ...shuffled([...VICTIMS], draw)];
    let command = killed.start(['run', 'small.yaml']);
    let last: Finished | undefined;
    void command.done.then((finished) => {
      last = finished;
    });
    const kills: (typeof VICTIMS)[number][] = [];
    while (victims.length > 0) {
      await sleep(1_000 + draw.uniform() * 1000 * Math.min(40, first.seconds / 8));
      if (last) break;
      const victim = victims[0]!;
      const { server, worker, children } = killed.processes;
      const pids = {
        child: children,
        worker,
        server,
        port: server,
        all: [command.child.pid!, ...worker, ...server, ...children],
      }[victim];
      // Nothing of the kind runs at this moment: wait for another.
      if (pids.length === 0) continue;
      victims.shift();
      const { serverPort } = killed;
      for (const pid of pids) kill(pid);
      if (victim === 'port') squatters.push(await squat(serverPort!));
      kills.push(victim);
      if (victim !== 'all') continue;
      await command.done;
      last = undefined;
      command = killed.start(['run', 'small.yaml']);
      void command.done.then((finished) => {
        last = finished;
      });
    }
    const finished = await command.done;
    expect(finished.output).toMatch(/completed in/);
    expect(finished.code).toBe(0);
    // All kinds of victims were met: a run that ends before proves less than it says.
    expect(new Set(kills)).toEqual(new Set(VICTIMS));

    expect(digests(await killed.results(run))).toEqual(digests(await undisturbed.results(run)));
    expect((await killed.plumb('artifacts', 'verify')).code).toBe(0);
    for (const [point, log] of killed.logs()) checkLog(point, log);
  },
  30 * MINUTES,
);

test(
  'a finished run again takes all from the store, in less than ten seconds on an idle machine',
  async () => {
    const again = await undisturbed.plumb('run', 'small.yaml');
    expect(again.output).toMatch(/23 points: 0 computed, 23 from the store/);
    expect(again.code).toBe(0);
    const busy = loadavg()[0]! / availableParallelism();
    expect(again.seconds).toBeLessThan(10 * Math.max(1, busy));
  },
  5 * MINUTES,
);

test(
  'one more value of the matrix runs only that point and what depends on it, as the plan says beforehand',
  async () => {
    const more = SPEC.replaceAll('variant: [l1-tied, topk]', 'variant: [l1-tied, topk, standard]');
    expect(more).not.toBe(SPEC);
    writeFileSync(join(undisturbed.directory, 'more.yaml'), more);
    const plan = await undisturbed.plumb('plan', 'more.yaml');
    // The new dictionary, its quality, and the report.
    expect(plan.output).toMatch(/25 points: 22 cached, .*3 to run/);
    const run = await undisturbed.plumb('run', 'more.yaml');
    expect(run.output).toMatch(/25 points: 3 computed, 22 from the store/);
    expect(run.code).toBe(0);
  },
  10 * MINUTES,
);

function digests(results: Map<string, PointRecord>): Record<string, unknown> {
  return Object.fromEntries(
    [...results].map(([key, { run, outputs, metrics }]) => [`${run.point} ${key}`, { outputs, metrics }]),
  );
}

/**
 * Nothing begins after the result was accepted, and it is accepted once; an attempt begins at the last checkpoint that the
 * one before had stored, so that at most one interval is done twice.
 */
function checkLog(point: string, log: string): void {
  expect(log.match(/--- accepted/g)?.length ?? 0, `${point} is accepted once`).toBeLessThanOrEqual(1);
  const accepted = log.indexOf('--- accepted');
  if (accepted >= 0) expect(log.slice(accepted), point).not.toMatch(/--- attempt/);
  let stored = 0;
  for (const line of log.split('\n')) {
    const checkpoint = /Checkpoint at step (\d+)/.exec(line)?.[1];
    if (checkpoint) stored = Number(checkpoint);
    const from = /Going on from the checkpoint at step (\d+)/.exec(line)?.[1];
    // The log may lack the last line of a process that was killed, never have one too many.
    if (from)
      expect(Number(from), `${point} goes on from its last checkpoint`).toBeGreaterThanOrEqual(stored);
    const fresh = /--- attempt (\d+)/.exec(line);
    if (fresh && stored > 0) {
      const rest = log.slice(log.indexOf(line));
      expect(rest.split('\n')[1], `${point} does not begin again`).toMatch(/Going on|There is a result/);
    }
  }
}

/** A program that listens there and never answers. */
async function squat(port: number): Promise<Server> {
  for (let tries = 1; ; tries++) {
    const server = createServer();
    try {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      return server;
    } catch (error) {
      // The system takes a moment to close what a killed process had open.
      if (tries === 50) throw error;
      await sleep(10);
    }
  }
}

function shuffled<T>(items: T[], draw: { uniform(): number }): T[] {
  const order = items.map((item) => ({ item, at: draw.uniform() }));
  return order.sort((a, b) => a.at - b.at).map(({ item }) => item);
}
