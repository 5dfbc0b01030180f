import { Command, InvalidArgumentError, Option } from 'commander';
import { version } from './version.ts';

/** The modules behind the commands: each is loaded when it is called, so that `plumb validate` starts at once. */
export interface Commands {
  validate(): Promise<typeof import('./commands/validate.ts')>;
  artifacts(): Promise<typeof import('./commands/artifacts.ts')>;
  artifactsGc(): Promise<typeof import('./commands/artifacts-gc.ts')>;
  artifactsExport(): Promise<typeof import('./commands/artifacts-export.ts')>;
  codecServer(): Promise<typeof import('./commands/codec-server.ts')>;
  compare(): Promise<typeof import('./commands/compare.ts')>;
  doctor(): Promise<typeof import('./commands/doctor.ts')>;
  down(): Promise<typeof import('./commands/down.ts')>;
  history(): Promise<typeof import('./commands/history.ts')>;
  operate(): Promise<typeof import('./commands/operate.ts')>;
  plan(): Promise<typeof import('./commands/plan.ts')>;
  report(): Promise<typeof import('./commands/report.ts')>;
  rerun(): Promise<typeof import('./commands/rerun.ts')>;
  run(): Promise<typeof import('./commands/run.ts')>;
  status(): Promise<typeof import('./commands/status.ts')>;
  up(): Promise<typeof import('./commands/up.ts')>;
  watch(): Promise<typeof import('./commands/watch.ts')>;
  worker(): Promise<typeof import('./commands/worker.ts')>;
}

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

const WHICH = 'a run, or the name of its experiment; default: the latest';

const setOption = () =>
  new Option('--set <name=value>', 'give an input another value; repeatable').argParser(assignment);

/**
 * What `plumb` understands.
 * @param exits runs a command's body; its number becomes the exit code
 */
export function program(
  load: Commands,
  exits: <Arguments extends unknown[]>(
    body: (...args: Arguments) => Promise<number>,
  ) => (...args: Arguments) => Promise<void>,
): Command {
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
    .action(exits(async (paths: string[], options) => (await load.validate()).validate(paths, options)));

  program
    .command('plan')
    .summary('say what a run would do')
    .description(
      'Says what a run would do now: which points will run or are cached, why, and what that takes.',
    )
    .argument('<file>', 'an experiment file')
    .option('--json', 'print the whole plan as JSON')
    .option('--points', 'list every point')
    .option(
      '--against <revision or file>',
      'compare with a git revision or another file; default: the latest run',
    )
    .addOption(setOption())
    .action(exits(async (file: string, options) => (await load.plan()).plan(file, options)));

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
    .action(exits(async (file: string, options) => (await load.run()).run(file, options)));

  program
    .command('watch')
    .summary('follow a run')
    .argument('[run]', WHICH)
    .action(exits(async (run?: string) => (await load.watch()).watch(run)));

  program
    .command('status')
    .summary('list the runs, or show one in detail')
    .argument('[run]', 'a run, or the name of its experiment; default: all')
    .option('--json', 'print as JSON')
    .action(exits(async (run: string | undefined, options) => (await load.status()).status(run, options)));

  program
    .command('pause')
    .summary('interrupt running points at a checkpoint, and start no more')
    .argument('[run]', WHICH)
    .action(exits(async (run?: string) => (await load.operate()).pause(run)));

  program
    .command('resume')
    .summary('go on after a pause or a stop')
    .argument('[run]', WHICH)
    .action(exits(async (run?: string) => (await load.operate()).resume(run)));

  program
    .command('cancel')
    .summary('stop a run, or one point of it')
    .argument('[run]', WHICH)
    .option('--point <id>', 'only this point')
    .action(exits(async (run: string | undefined, options) => (await load.operate()).cancel(run, options)));

  program
    .command('parallelism')
    .summary('change how many points of a step are in flight at once')
    .argument('<points>', 'how many', positiveInteger)
    .argument('[run]', WHICH)
    .action(
      exits(async (points: number, run?: string) => (await load.operate()).setParallelism(points, run)),
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
    .action(exits(async (run: string | undefined, options) => (await load.rerun()).rerun(run, options)));

  program
    .command('report')
    .summary("write a run's report to a file and say where")
    .argument('[run]', WHICH)
    .option('--open', 'open it in a browser')
    .action(exits(async (run: string | undefined, options) => (await load.report()).report(run, options)));

  program
    .command('compare')
    .summary('show two runs side by side')
    .description(
      'Shows what two runs set and measured otherwise. Each is a run, an experiment file, or FILE@REVISION of git: the run of that plan.',
    )
    .argument('<a>', 'a run, the name of its experiment, an experiment file, or FILE@REVISION')
    .argument('<b>', 'the same; differences are B - A')
    .option('--all', 'list measures that are equal as well')
    .option('--json', 'print as JSON')
    .option('--html <file>', 'write it as a page too, with the figures of both reports overlaid')
    .action(exits(async (a: string, b: string, options) => (await load.compare()).compare(a, b, options)));

  const artifacts = program
    .command('artifacts')
    .summary('list, show, verify and collect what the store holds');

  artifacts
    .command('list')
    .summary('list results and their artifacts')
    .option('--run <run>', 'only what this run uses')
    .option('--json', 'print as JSON')
    .action(exits(async (options) => (await load.artifacts()).listArtifacts(options)));

  artifacts
    .command('show')
    .summary('show a result: parameters, inputs, numbers, lineage')
    .argument('<what>', 'a point, a key or the digest of an artifact, or the beginning of one')
    .action(exits(async (what: string) => (await load.artifacts()).showArtifact(what)));

  artifacts
    .command('verify')
    .summary('read every byte and compare it with its digest')
    .option('--run <run>', 'only what this run uses')
    .action(exits(async (options) => (await load.artifacts()).verifyArtifacts(options)));

  artifacts
    .command('gc')
    .summary('take out of the store what no result, report or run needs')
    .option('--older-than <time>', 'only what is older, in hours or days', '1d')
    .option('--dry-run', 'only say what would be done')
    .option('--json', 'print as JSON')
    .action(exits(async (options) => (await load.artifactsGc()).collect(options)));

  artifacts
    .command('export')
    .summary('write a model, a dictionary or a page for raters to a directory')
    .argument('<what>', 'a step, a point, a key or the digest of an artifact, or the beginning of one')
    .argument('<directory>', 'a new directory')
    .addOption(
      new Option(
        '--to <format>',
        'hf: a Hugging Face directory, which transformers loads; saelens: a dictionary, which SAELens loads; html: a page for raters, without its key',
      )
        .choices(['hf', 'saelens', 'html'])
        .makeOptionMandatory(),
    )
    .option('--run <run>', 'only what this run uses')
    .action(
      exits(async (what: string, directory: string, options) =>
        (await load.artifactsExport()).exportArtifact(what, directory, options),
      ),
    );

  const history = program.command('history').summary('save the history of a run');

  history
    .command('export')
    .summary('write the Temporal history of a run and its parts to files, for replay')
    .argument('[run]', WHICH)
    .option('--output <directory>', 'where to')
    .action(
      exits(async (run: string | undefined, options) => (await load.history()).exportHistory(run, options)),
    );

  program
    .command('up')
    .summary('start the server and worker of this directory, and leave them running')
    .action(exits(async () => (await load.up()).up()));

  program
    .command('down')
    .summary('stop the server and worker of this directory')
    .action(exits(async () => (await load.down()).down()));

  program
    .command('worker')
    .summary('serve the Temporal of TEMPORAL_ADDRESS until a signal')
    .option(
      '--queue <name=slots>',
      'a queue beyond the usual ones; repeatable',
      (text: string, before: string[] = []) => [...before, text],
    )
    .option(
      '--queues <names>',
      'the only queues to serve, of workflow, cpu, gpu, label and your own: gpu,cpu=2; default: all of the usual ones',
    )
    .addOption(
      new Option('--log-format <format>', 'text: into files; json: one object a line, on stdout')
        .choices(['text', 'json'])
        .default('text'),
    )
    .action(exits(async (options) => (await load.worker()).worker(options)));

  program
    .command('codec-server')
    .summary('decrypt payloads for the Temporal web UI')
    .description(
      'Serves the keys of PLUMBLINE_PAYLOAD_KEYS to web UIs that send the token of PLUMBLINE_CODEC_TOKEN, until a signal.',
    )
    .option('--host <address>', 'where to listen', '127.0.0.1')
    .option('--port <number>', 'where to listen', positiveInteger, 8888)
    .option(
      '--origin <address>',
      'a web UI whose pages may ask, as in http://localhost:8233; repeatable',
      (text: string, before: string[] = []) => [...before, text],
    )
    .action(exits(async (options) => (await load.codecServer()).codecServer(options)));

  program
    .command('doctor')
    .summary('say what this machine offers')
    .description('Says what was found on this machine, and what to do about each problem.')
    .option('--json', 'print the findings as JSON')
    .option('--store <directory>', 'where artifacts go')
    .action(exits(async (options) => (await load.doctor()).doctor(options)));

  return program;
}
