import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { embeddedLayout } from '../../worker/embedded/layout.ts';
import { findServer } from '../../worker/embedded/server.ts';
import { Installation, kill, type Project } from './support/installation.ts';

const MINUTES = 60_000;
const quick = (name: string, counts: number[]) => `
version: 1
name: ${name}
description: Data sets, made in a second each.
seeds: [0]
steps:
  reviews:
    uses: data.reviews-synthetic
    matrix: { count: [${counts.join(', ')}] }
    with: { count: "\${{ matrix.count }}" }
`;
/** A training that takes long enough to be caught at it. */
const slow = (name: string, steps: number) => `
version: 1
name: ${name}
description: One model that takes its time.
seeds: [0]
steps:
  reviews: { uses: data.reviews-synthetic, with: { count: 300 } }
  base:
    uses: lm.train
    with:
      data: "\${{ steps.reviews }}"
      architecture: { type: gpt-neox, layers: 1, width: 16, heads: 2 }
      tokenizer: { type: word-level, size: 400 }
      context: 24
      batch: 8
      steps: ${steps}
    checkpoint: { every: 20 }
    retry: { attempts: 1 }
  copy: { uses: model.initialise, with: { like: "\${{ steps.base }}" } }
`;

let installation: Installation;
const projects: Project[] = [];
beforeAll(async () => {
  installation = await Installation.make();
}, 5 * MINUTES);
afterAll(async () => {
  for (const project of projects) await project.close();
  installation?.remove();
}, 5 * MINUTES);

function project(name: string, specs: Record<string, string>): Project {
  const made = installation.project(name);
  for (const [file, text] of Object.entries(specs)) writeFileSync(join(made.directory, file), text);
  projects.push(made);
  return made;
}

const serverOf = ({ directory }: Project) => findServer(embeddedLayout(join(directory, '.plumb')));

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 2 * MINUTES;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const trainingRuns = (project: Project) => () =>
  [...project.logs()].some(([point, log]) => point === 'base' && /Checkpoint at step/.test(log));

test(
  'a detached run goes on without its command; watch comes back to it; its results can be looked at',
  async () => {
    const here = project('detached', { 'quick.yaml': quick('quick', [40, 50]) });
    const started = await here.plumb('run', '--detach', 'quick.yaml');
    expect(started.output).toMatch(
      /Started quick-\w{12}\n {2}http:\/\/127.0.0.1:\d+\/namespaces\/default\/workflows\/quick-/,
    );
    expect(started.code).toBe(0);
    const watched = await here.plumb('watch', 'quick');
    expect(watched.output).toMatch(/completed in .*2 points: 2 computed/);
    expect(serverOf(here)).not.toBeNull();

    expect((await here.plumb('status')).output).toMatch(
      /^completed {2}quick-\w{12}.*2 points\nserver and worker running/,
    );
    const { run, points } = JSON.parse((await here.plumb('status', 'quick', '--json')).output);
    expect(run).toMatchObject({ experiment: 'quick', state: 'completed', spec: { path: 'quick.yaml' } });
    expect(points.map(({ id }: { id: string }) => id)).toEqual(['reviews[count=40]', 'reviews[count=50]']);

    expect((await here.plumb('artifacts', 'list')).output.trim().split('\n')).toHaveLength(2);
    expect((await here.plumb('artifacts', 'show', 'reviews[count=40]')).output).toMatch(
      /data.reviews-synthetic[\s\S]*texts.jsonl/,
    );
    expect((await here.plumb('artifacts', 'verify')).output).toMatch(
      /2 artifacts of 2 results, 0 other files: all whole/,
    );
    const report = await here.plumb('report', 'quick');
    expect(report).toMatchObject({
      code: 1,
      output: expect.stringMatching(/made no report[\s\S]*uses: report/),
    });

    const exported = await here.plumb('history', 'export', 'quick', '--output', 'h');
    expect(exported.output).toMatch(/2 histories of quick-\w+ in h\//);
    expect((await here.plumb('down')).output).toMatch(/^Stopped/);
    expect(serverOf(here)).toBeNull();
    expect((await here.plumb('down')).output).toBe('Nothing was running.\n');
    const gone = await here.plumb('status', 'quick');
    expect(gone.output).toMatch(/completed in/);
  },
  5 * MINUTES,
);

test(
  'two runs at once in one directory share a server and a worker, and the last one stops them',
  async () => {
    const here = project('together', {
      'a.yaml': quick('aaa', [31, 32, 33]),
      'b.yaml': quick('bbb', [41, 42, 43]),
    });
    const [a, b] = await Promise.all([here.plumb('run', 'a.yaml'), here.plumb('run', 'b.yaml')]);
    expect(a.output).toMatch(/3 points: 3 computed/);
    expect(b.output).toMatch(/3 points: 3 computed/);
    const address = /http:\/\/127.0.0.1:\d+/;
    expect(address.exec(a.output)?.[0]).toBe(address.exec(b.output)?.[0]);
    expect(serverOf(here)).toBeNull();
  },
  5 * MINUTES,
);

test(
  'what failed runs again on request, and only that',
  async () => {
    const here = project('failing', { 'slow.yaml': slow('slow', 600) });
    const { done } = here.start(['run', 'slow.yaml']);
    await until('the model trains', trainingRuns(here));
    // The step allows one attempt.
    for (const pid of here.processes.children) kill(pid);
    const failed = await done;
    expect(failed.code).toBe(1);
    expect(failed.output).toMatch(/3 points: 1 computed, 0 from the store, 1 failed, 1 blocked/);
    expect(failed.output).toMatch(/failed {2}base {2}[\w-]+: .+/);
    expect(failed.output).toMatch(/blocked copy/);

    const again = await here.plumb('rerun', '--failed', 'slow');
    expect(again.output).toMatch(/3 points: 2 computed, 1 from the store/);
    expect(again.code).toBe(0);
    expect(here.logs().get('base')).toMatch(/Going on from the checkpoint/);

    const recomputed = await here.plumb('rerun', '--from', 'base');
    expect(recomputed.output).toMatch(/3 points: 2 computed, 1 from the store/);
    expect(recomputed.output).not.toMatch(/not deterministic/);
    const unknown = await here.plumb('rerun', '--point', 'bass');
    expect(unknown).toMatchObject({
      code: 1,
      output: expect.stringMatching(/has no point bass[\s\S]*reviews base copy/),
    });
  },
  10 * MINUTES,
);

test(
  'Ctrl-C once leaves the run going on; pause frees the machine; resume goes on; Ctrl-C twice stops all',
  async () => {
    const here = project('interrupted', { 'slow.yaml': slow('slow', 6000) });
    const first = here.start(['run', 'slow.yaml']);
    await until('the model trains', trainingRuns(here));
    first.child.kill('SIGINT');
    const left = await first.done;
    expect(left.code).toBe(130);
    expect(left.output).toMatch(/Detached\. slow-\w+ goes on in the background[\s\S]*plumb watch slow-/);
    expect(here.processes).toMatchObject({ server: [expect.any(Number)], worker: [expect.any(Number)] });

    expect((await here.plumb('pause')).output).toMatch(/^Paused\./);
    await until('nothing computes', () => here.processes.children.length === 0);
    expect((await here.plumb('pause')).output).toMatch(/It is paused already/);
    expect((await here.plumb('resume')).output).toMatch(/^Going on\./);
    await until('it computes again', () => here.processes.children.length > 0);

    const second = here.start(['run', 'slow.yaml']);
    await until('it is attached', () =>
      existsSync(join(here.directory, '.plumb', 'attached', `${second.child.pid}.json`)),
    );
    await new Promise((resolve) => setTimeout(resolve, 3000));
    second.child.kill('SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 300));
    second.child.kill('SIGINT');
    const stopped = await second.done;
    expect(stopped.output).toMatch(/Found running slow-[\s\S]*Stopped\. The same command goes on/);
    expect(here.processes).toEqual({ server: [], worker: [], children: [] });
    expect((await here.plumb('status', 'slow')).output).toMatch(
      /It is interrupted: server and worker do not run/,
    );

    const end = await here.plumb('run', 'slow.yaml');
    expect(end.output).toMatch(/completed in/);
    const log = here.logs().get('base') ?? '';
    expect(log.match(/--- accepted/g)).toHaveLength(1);
    expect(log.match(/Going on from the checkpoint/g)?.length).toBeGreaterThanOrEqual(2);
  },
  10 * MINUTES,
);

test(
  'with a server of others, a worker started apart does the work',
  async () => {
    const host = project('host', {});
    await host.plumb('up');
    const env = { TEMPORAL_ADDRESS: serverOf(host)!.address };
    const here = project('guest', { 'quick.yaml': quick('quick', [60]) });
    const early = here.start(['run', '--detach', 'quick.yaml'], env);
    // The worker of the host serves the same queues, with a store of its own: it must not be asked.
    for (const pid of host.processes.worker) kill(pid);
    expect((await early.done).output).toMatch(/No worker takes work from plumb-|Started/);
    const worker = here.start(['worker'], env);
    const run = await here.start(['watch'], env).done;
    expect(run.output).toMatch(/1 points?: 1 computed/);
    worker.child.kill('SIGTERM');
    expect((await worker.done).code).toBe(0);
  },
  5 * MINUTES,
);

test('what a user can get wrong ends in one message', async () => {
  const here = project('wrong', { 'quick.yaml': quick('quick', [40]) });
  const nowhere = await here.start(['run', 'quick.yaml'], { TEMPORAL_ADDRESS: '127.0.0.1:9' }).done;
  expect(nowhere.output).toMatch(
    /^error: No Temporal server answers at 127\.0\.0\.1:9: .*\n {2}what to do: .*TEMPORAL_ADDRESS/,
  );
  expect(nowhere.code).toBe(1);
  expect((await here.plumb('watch')).output).toMatch(
    /^error: There are no runs in .*\n {2}what to do: `plumb run FILE`/,
  );
  expect((await here.plumb('run', 'absent.yaml')).output).toMatch(/There is no such file/);
  const inFile = { PLUMBLINE_STORE: join(here.directory, 'quick.yaml', 'store') };
  const full = await here.start(['run', 'quick.yaml'], inFile).done;
  expect(full).toMatchObject({
    code: 1,
    output: expect.stringMatching(/^error: .*a file stands where a directory is needed/m),
  });
  expect(here.processes).toEqual({ server: [], worker: [], children: [] });
}, 120_000);
