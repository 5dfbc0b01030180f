import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { requireCached } from './code-cache.ts';
import type { Commands } from './program.ts';

const built = (name: string) => fileURLToPath(new URL(`../dist/cli/${name}.cjs`, import.meta.url));

const COMMANDS: Commands = {
  async validate() {
    // Its code runs for a tenth of a second: by the time that the compiler has optimised some of it, it is over.
    setFlagsFromString('--interrupt-budget=2000000');
    return requireCached<typeof import('./check.ts')>(built('check'));
  },
  artifacts: () => import('./commands/artifacts.ts'),
  artifactsExport: () => import('./commands/artifacts-export.ts'),
  artifactsGc: () => import('./commands/artifacts-gc.ts'),
  codecServer: () => import('./commands/codec-server.ts'),
  compare: () => import('./commands/compare.ts'),
  doctor: () => import('./commands/doctor.ts'),
  down: () => import('./commands/down.ts'),
  history: () => import('./commands/history.ts'),
  operate: () => import('./commands/operate.ts'),
  plan: () => import('./commands/plan.ts'),
  report: () => import('./commands/report.ts'),
  rerun: () => import('./commands/rerun.ts'),
  run: () => import('./commands/run.ts'),
  status: () => import('./commands/status.ts'),
  up: () => import('./commands/up.ts'),
  watch: () => import('./commands/watch.ts'),
  worker: () => import('./commands/worker.ts'),
};

const { program } = requireCached<typeof import('./program.ts')>(built('program'));

// `plumb ... | head` closes the pipe early: nothing is wrong, there is only no one left to tell.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(process.exitCode ?? 0);
  });
}

program(COMMANDS, (body) => async (...args) => {
  try {
    process.exitCode = await body(...args);
  } catch (error) {
    const { report } = await import('./errors.ts');
    process.exitCode = report(error);
  }
})
  .parseAsync()
  .then(() => {
    // At once: Node would wait for what V8 still optimises in the background.
    if (process.stdout.writableLength + process.stderr.writableLength === 0) process.exit();
  });
