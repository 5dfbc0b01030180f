// Bodies that do one thing each, most of them wrong: `params.act` says which.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const forever = () => new Promise((resolve) => setTimeout(resolve, 1 << 30));
const block = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
const computeError = (code, message, options) =>
  Object.assign(new Error(message), { name: 'ComputeError', code, options });
const loop = (job, step, total = 10) =>
  job.loop({ total, save: () => ({ tensors: {}, json: null }), load: () => undefined, step });
const empty = { outputs: {}, metrics: {} };

const acts = {
  nothing: () => empty,
  'return-late': async (job) => {
    job.progress(1, 1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    return { outputs: { list: [1, 2], name: 'x' }, metrics: { n: { value: 1, n: 3 } } };
  },
  'compute-error': () => {
    throw computeError('rate-limited', 'slow down', { retryable: true, hint: 'wait', retryAfterSeconds: 7 });
  },
  bug: () => undefined.length,
  'bug-later': () => {
    setTimeout(() => undefined.length, 10);
    return forever();
  },
  'disk-full': () => {
    throw Object.assign(new Error('write ENOSPC'), { code: 'ENOSPC' });
  },
  'no-memory': () => {
    throw new Error('OOM when allocating tensor with shape [1,2]');
  },
  nan: (job) => loop(job, (i) => ({ reward: 1, loss: i === 3 ? Number.NaN : 1 })),
  'two-loops': async (job) => {
    await loop(job, () => ({}));
    await loop(job, () => ({}));
  },
  'bad-state': (job) =>
    job.loop({
      total: 3,
      save: () => ({ tensors: {}, json: { best: Infinity } }),
      load: () => undefined,
      step: () => ({}),
    }),
  'nan-result': () => ({ outputs: {}, metrics: { auc: { value: Number.NaN } } }),
  'outside-result': () => ({ outputs: { a: { $local: 'table', directory: '/etc' } }, metrics: {} }),
  'map-result': () => ({ outputs: { a: new Map() }, metrics: {} }),
  block: (job) => {
    job.progress(1, 10);
    block(600_000);
  },
  'spin-natively': () => block(600_000),
  forever: (job) => {
    job.progress(1, 10);
    return forever();
  },
  listen: async (job) => {
    job.progress(1, 10);
    await new Promise((resolve) => job.signal.addEventListener('abort', resolve));
    writeFileSync(join(job.params.trace), 'settled');
    throw Object.assign(new Error('aborted'), { name: 'AbortError' });
  },
  'ignore-stop': async (job) => {
    job.signal.addEventListener('abort', () => undefined);
    job.progress(1, 10);
    await forever();
  },
  exit: () => process.exit(3),
  segfault: () => process.kill(process.pid, 'SIGSEGV') && forever(),
  heap: () => {
    const kept = [];
    for (;;) kept.push(new Array(1e6).fill({ a: kept.length }));
  },
  'kernel-memory': (job) => {
    writeFileSync(join(job.params.group, 'cgroup.procs'), String(process.pid));
    const kept = [];
    for (;;) kept.push(Buffer.alloc(8 << 20, 1));
  },
  grandchild: async (job) => {
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 1 << 30)'], { stdio: 'inherit' });
    writeFileSync(job.params.trace, String(child.pid));
    return job.params.then === 'forever' ? forever() : empty;
  },
  print: () => {
    process.stdout.write('to stdout\n');
    process.stderr.write('to stderr\n');
    process.stdout.write('no newline');
    return empty;
  },
  environment: () => ({ outputs: { environment: { ...process.env } }, metrics: {} }),
  share: (job) => ({
    outputs: { drawn: job.share(job.params.name, () => Math.random()) },
    metrics: {},
  }),
  fast: (job) => {
    for (let i = 1; i <= 100_000; i++) job.progress(i, 100_000, { i });
    return empty;
  },
};

export const run = (job) => acts[job.params.act](job);
