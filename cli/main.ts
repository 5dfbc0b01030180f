import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { requireCached } from './code-cache.ts';
import { reporting } from './errors.ts';
import { version } from './version.ts';

/** What `plumb` understands. Each command is loaded when it is called, so that `plumb validate` starts at once. */
const program = new Command('plumb')
  .description(
    'Measures how far the feedback that a fine-tuned language model learned lies from the feedback it was given.',
  )
  .version(version)
  .showSuggestionAfterError()
  .showHelpAfterError('(plumb --help lists the commands and their options)')
  .exitOverride((error) => {
    // 2: called in a wrong way, as opposed to 1: what was asked for found a problem.
    process.exit(error.exitCode === 0 ? 0 : 2);
  });

/** Runs a command's body; its number is the exit code. */
const exits =
  <Arguments extends unknown[]>(body: (...args: Arguments) => Promise<number>) =>
  async (...args: Arguments) => {
    process.exitCode = await reporting(() => body(...args));
  };

const assignment = (text: string, before: Record<string, string> = {}): Record<string, string> => {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Write it as NAME=VALUE.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
};

const positiveInteger = (text: string): number => {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1)
    throw new InvalidArgumentError('Give a whole number, 1 or more.');
  return number;
};

const CHECK = fileURLToPath(new URL('../dist/cli/check.cjs', import.meta.url));

const WHICH = 'a run, or the name of its experiment; default: the latest';

const setOption = () =>
  new Option('--set <name=value>', 'give an input another value; repeatable').argParser(assignment);

program
  .command('validate')
  .summary('check experiment files')
  .description(
    'Checks experiment files, or all of them below a directory. Needs no server. Exit code 1 if any has an error.',
  )
  .argument('<path...>', 'files or directories')
  .addOption(
    new Option('--format <format>', 'how to print what is wrong')
      .choices(['text', 'json', 'sarif'])
      .default('text'),
  )
  .addOption(setOption())
  .action(
    exits(async (paths: string[], options) =>
      requireCached<typeof import('./check.ts')>(CHECK).validate(paths, options),
    ),
  );

program
  .command('plan')
  .summary('say what a run would do')
  .description('Says what a run would do now: which points will run or are cached, why, and what that takes.')
  .argument('<file>', 'an experiment file')
  .option('--json', 'print the whole plan as JSON')
  .option('--points', 'list every point')
  .option(
    '--against <revision or file>',
    'compare with a git revision or another file; default: the latest run',
  )
  .addOption(setOption())
  .action(exits(async (file: string, options) => (await import('./commands/plan.ts')).plan(file, options)));

program
  .command('run')
  .summary('run an experiment and follow it')
  .description(
    'Compiles an experiment file, starts its run (or finds it running), and follows it to its report.',
  )
  .argument('<file>', 'an experiment file')
  .option('-d, --detach', 'start it and return')
  .option('-y, --yes', 'spend money on language models without asking')
  .option('--parallelism <points>', 'points of a step in flight at once', positiveInteger)
  .addOption(setOption())
  .action(exits(async (file: string, options) => (await import('./commands/run.ts')).run(file, options)));

program
  .command('watch')
  .summary('follow a run')
  .argument('[run]', WHICH)
  .action(exits(async (run?: string) => (await import('./commands/watch.ts')).watch(run)));

program
  .command('status')
  .summary('list the runs, or show one in detail')
  .argument('[run]', 'a run, or the name of its experiment; default: all')
  .option('--json', 'print as JSON')
  .action(
    exits(async (run: string | undefined, options) =>
      (await import('./commands/status.ts')).status(run, options),
    ),
  );

program
  .command('pause')
  .summary('interrupt running points at a checkpoint, and start no more')
  .argument('[run]', WHICH)
  .action(exits(async (run?: string) => (await import('./commands/operate.ts')).pause(run)));

program
  .command('resume')
  .summary('go on after a pause or a stop')
  .argument('[run]', WHICH)
  .action(exits(async (run?: string) => (await import('./commands/operate.ts')).resume(run)));

program
  .command('cancel')
  .summary('stop a run, or one point of it')
  .argument('[run]', WHICH)
  .option('--point <id>', 'only this point')
  .action(
    exits(async (run: string | undefined, options) =>
      (await import('./commands/operate.ts')).cancel(run, options),
    ),
  );

program
  .command('parallelism')
  .summary('change how many points of a step are in flight at once')
  .argument('<points>', 'how many', positiveInteger)
  .argument('[run]', WHICH)
  .action(
    exits(async (points: number, run?: string) =>
      (await import('./commands/operate.ts')).setParallelism(points, run),
    ),
  );

program
  .command('rerun')
  .summary('run failed or chosen points again')
  .argument('[run]', WHICH)
  .option('--failed', 'the points that failed, and what waited for them')
  .option('--from <step>', 'this step and all that needs it')
  .option('--point <id>', 'this point alone')
  .option('--replace', 'let a recomputed result take the place of the recorded one')
  .option('-d, --detach', 'start it and return')
  .action(
    exits(async (run: string | undefined, options) =>
      (await import('./commands/rerun.ts')).rerun(run, options),
    ),
  );

program
  .command('report')
  .summary("write a run's report to a file and say where")
  .argument('[run]', WHICH)
  .option('--open', 'open it in a browser')
  .action(
    exits(async (run: string | undefined, options) =>
      (await import('./commands/report.ts')).report(run, options),
    ),
  );

const artifacts = program.command('artifacts').summary('list, show and verify what the store holds');

artifacts
  .command('list')
  .summary('list results and their artifacts')
  .option('--run <run>', 'only what this run uses')
  .option('--json', 'print as JSON')
  .action(exits(async (options) => (await import('./commands/artifacts.ts')).listArtifacts(options)));

artifacts
  .command('show')
  .summary('show a result: parameters, inputs, numbers, lineage')
  .argument('<what>', 'a point, a key or the digest of an artifact, or the beginning of one')
  .action(exits(async (what: string) => (await import('./commands/artifacts.ts')).showArtifact(what)));

artifacts
  .command('verify')
  .summary('read every byte and compare it with its digest')
  .option('--run <run>', 'only what this run uses')
  .action(exits(async (options) => (await import('./commands/artifacts.ts')).verifyArtifacts(options)));

artifacts
  .command('export')
  .summary('write a model to a directory that other tools load')
  .argument('<what>', 'a step, a point, a key or the digest of an artifact, or the beginning of one')
  .argument('<directory>', 'a new directory')
  .addOption(
    new Option('--to <format>', 'hf: a Hugging Face directory, which transformers loads')
      .choices(['hf'])
      .makeOptionMandatory(),
  )
  .option('--run <run>', 'only what this run uses')
  .action(
    exits(async (what: string, directory: string, options) =>
      (await import('./commands/artifacts-export.ts')).exportArtifact(what, directory, options),
    ),
  );

const history = program.command('history').summary('save the history of a run');

history
  .command('export')
  .summary('write the Temporal history of a run and its parts to files, for replay')
  .argument('[run]', WHICH)
  .option('--output <directory>', 'where to')
  .action(
    exits(async (run: string | undefined, options) =>
      (await import('./commands/history.ts')).exportHistory(run, options),
    ),
  );

program
  .command('up')
  .summary('start the server and worker of this directory, and leave them running')
  .action(exits(async () => (await import('./commands/up.ts')).up()));

program
  .command('down')
  .summary('stop the server and worker of this directory')
  .action(exits(async () => (await import('./commands/down.ts')).down()));

program
  .command('worker')
  .summary('serve the Temporal of TEMPORAL_ADDRESS until a signal')
  .option(
    '--queue <name=slots>',
    'a queue beyond the usual ones; repeatable',
    (text: string, before: string[] = []) => [...before, text],
  )
  .action(exits(async (options) => (await import('./commands/worker.ts')).worker(options)));

program
  .command('doctor')
  .summary('say what this machine offers')
  .description('Says what was found on this machine, and what to do about each problem.')
  .option('--json', 'print the findings as JSON')
  .option('--store <directory>', 'where artifacts go')
  .action(exits(async (options) => (await import('./commands/doctor.ts')).doctor(options)));

// `plumb ... | head` closes the pipe early: nothing is wrong, there is only no one left to tell.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(process.exitCode ?? 0);
  });
}

await program.parseAsync();
