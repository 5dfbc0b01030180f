import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { logFile } from '../../activities/log.ts';
import { compareResults, compareTraces, type Difference } from './compare.ts';
import { killedAgainAndAgain, order } from './killer.ts';
import { FILES, inWords, killsFor } from './kills.ts';
import { Inputs, TRAININGS, type Training } from './kinds.ts';
import { type Places, World } from './world.ts';

const HELP = `npm run check:resume -- KIND... [--steps N] [--threads 1,2] [--lora with|without|both]

Trains KIND undisturbed and without checkpoints; trains it again while its compute child is killed with SIGKILL after a
step, within a step, while it writes a checkpoint's tensors, while it writes the rest of one, and while one is stored. Compares
every output file, metric and number that a step logged; prints the largest differences. Exits 0 only if all are 0.

  KIND       ${Object.keys(TRAININGS).join(', ')}, or all
  --steps    of each training (default 100); a checkpoint every tenth of them
  --threads  numbers of threads to do it on, one after the other (default 1,2)
  --lora     which of both ways to train (default both, where the kind has both)
`;

interface Variant {
  name: string;
  training: Training;
  threads: number;
  lora: boolean;
  steps: number;
}

/** @returns the exit code */
export async function check(args: readonly string[], places: Places): Promise<number> {
  const variants = variantsOf(args);
  if (typeof variants === 'string') {
    process.stdout.write(variants);
    return variants === HELP && args.includes('--help') ? 0 : 2;
  }
  const world = new World(places);
  order(world, null);
  const inputs = new Inputs(world, places.scratch);
  let differing = 0;
  for (const variant of variants) {
    try {
      if ((await checkOne(variant, world, inputs, places)) !== 0) differing++;
    } catch (error) {
      differing++;
      process.stdout.write(`  ${explained(error)}\n`);
    }
  }
  const count = `${variants.length} ${variants.length === 1 ? 'training' : 'trainings'}`;
  process.stdout.write(
    differing === 0 ? `${count}: all differences are 0\n` : `${count}: ${differing} DIFFER OR FAILED\n`,
  );
  return differing === 0 ? 0 : 1;
}

function variantsOf(args: readonly string[]): Variant[] | string {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      steps: { type: 'string', default: '100' },
      threads: { type: 'string', default: '1,2' },
      lora: { type: 'string', default: 'both' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help || positionals.length === 0) return HELP;
  const names = positionals.includes('all') ? Object.keys(TRAININGS) : positionals;
  const unknown = names.filter((name) => !Object.hasOwn(TRAININGS, name));
  const steps = Number(values.steps);
  const threads = values.threads.split(',').map(Number);
  const ways = { with: [true], without: [false], both: [false, true] }[values.lora];
  if (unknown.length > 0) return `There is no training ${unknown.join(', ')}.\n\n${HELP}`;
  if (!Number.isInteger(steps) || steps < 20) return `--steps takes a whole number, 20 or more.\n\n${HELP}`;
  if (!threads.every((count) => Number.isInteger(count) && count > 0) || !ways)
    return `--threads takes numbers, --lora takes with, without or both.\n\n${HELP}`;
  return names.flatMap((name) => {
    const training = TRAININGS[name] as Training;
    return ways
      .filter((lora) => !lora || training.lora)
      .flatMap((lora) => threads.map((count) => ({ name, training, threads: count, lora, steps })));
  });
}

/** What went wrong, with the last lines of the point's log where it was in a point. */
function explained(error: unknown): string {
  const { message, details } = error as { message: string; details?: [{ lastLines?: string[] }] };
  return ['FAILED: ', message, ...(details?.[0].lastLines ?? []).map((text) => `\n    ${text}`)].join('');
}

async function checkOne(
  { name, training, threads, lora, steps }: Variant,
  world: World,
  inputs: Inputs,
  places: Places,
): Promise<number> {
  const every = Math.floor(steps / 10);
  const params = {
    ...(await training.params(inputs, steps, lora)),
    ...(lora ? { lora: { targets: 'all-linear' } } : {}),
  };
  const way = !training.lora ? '' : lora ? ', low-rank changes' : ', all parameters';
  const title = `${name}${way}, ${threads} ${threads === 1 ? 'thread' : 'threads'}, ${steps} steps`;
  process.stdout.write(`${title}\n`);
  const trace = join(world.control, FILES.trace);
  const traced = (): string => {
    const text = existsSync(trace) ? readFileSync(trace, 'utf8') : '';
    rmSync(trace, { force: true });
    return text;
  };
  traced();
  order(world, null);
  const undisturbed = await world.point(training.kind, params, {
    ...{ threads, label: `${name} undisturbed${way}`, checkpointEvery: null },
  });
  const first = traced();
  const kills = killsFor(steps, every);
  const label = `${name} killed${way}`;
  const killed = await killedAgainAndAgain(
    world,
    training.kind,
    params,
    { threads, label, checkpointEvery: every },
    kills,
  );
  process.stdout.write(`  killed ${kills.map(inWords).join(', ')}\n`);
  const differences = [
    ...(await compareResults(
      world.store,
      mkdtempSync(join(places.scratch, 'compared-')),
      undisturbed,
      killed,
    )),
    ...compareTraces(first, traced()),
  ];
  for (const one of differences) process.stdout.write(`  ${line(one)}\n`);
  const log = readFileSync(
    logFile(join(places.scratch, 'host'), 'resume', `${training.kind}[${label},threads=${threads}]`),
    'utf8',
  );
  process.stdout.write(`  ${costOf(log, undisturbed.seconds, every)}\n`);
  return Math.max(...differences.map(({ largest }) => largest));
}

const line = ({ what, size, largest }: Difference): string =>
  `${what.padEnd(44)} ${size.padEnd(32)} largest difference ${Number.isFinite(largest) ? largest : 'not comparable'}`;

/** What checkpoints cost, from the log of the attempts. */
function costOf(log: string, seconds: number, every: number): string {
  const found = [...log.matchAll(/Checkpoint at step \d+: ([\d.]+) MiB in ([\d.]+) s/g)];
  const mean = (group: 1 | 2) => found.reduce((sum, match) => sum + Number(match[group]), 0) / found.length;
  return `${found.length} checkpoints of ${mean(1).toFixed(1)} MiB, one in ${mean(2).toFixed(3)} s, one every ${every} steps; undisturbed it took ${seconds.toFixed(1)} s`;
}
