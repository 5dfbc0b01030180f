import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { computeEnvironment } from '../compute/environment.ts';
import type { LocalArtifact } from '../compute/types.ts';
import { Side } from './lib/conversation.ts';
import { furtherPython } from './lib/python.ts';
import { makePythia, makeTexts } from './lib/random-texts.ts';
import { artifact, type Computed, compute, member, THREADS } from './lib/steps.ts';
import {
  BATCH,
  CONFIGURATIONS,
  FEATURES,
  GATE_STEPS,
  GATE_WARM_UP,
  LAYER,
  STEPS,
  WIDTH,
} from './sweep/configurations.ts';
import type { Benchmark, BenchmarkContext, Figure } from './types.ts';

/**
 * A sweep of six dictionaries (512 wide, 1024 features, 200 k activations of Pythia-70m's shape, float32, 2 threads) on one
 * stream. Ours are the real steps in one compute process, from its start to stored and measured dictionaries; beside
 * dictionary_learning's `trainSAE` with six configurations on the same batches: the training alone, and from the start of the
 * process to saved dictionaries, where ours also measures each on held-out activations and counts its dead features. Before that the losses of the same updates from the same weights must agree.
 *
 * And from text: one capture and the sweep, beside six runs that each capture and train one (the captures are one and the same
 * work, measured once).
 */
export const benchmark: Benchmark = {
  summary: 'six dictionaries on one stream of activations, beside dictionary_learning and beside six runs',
  async run(context) {
    const only = process.env.PLUMBLINE_BENCH_PARTS?.split(',');
    const wanted = (part: string) => only?.includes(part) ?? true;
    const capture = await captured(context);
    context.say(`captured in ${capture.seconds.toFixed(1)} s`);
    return [
      ...(wanted('stream') ? await beside(context, capture) : []),
      ...(wanted('text') ? await fromText(context, capture) : []),
    ];
  },
};

const PACKAGES = ['--no-deps', 'dictionary-learning==0.1.0', 'einops==0.8.2'];
const ROUNDS = Number(process.env.PLUMBLINE_BENCH_ROUNDS ?? 2);
const HELD_OUT = 0.05;
const TEXT_TOKENS = 128;

/** Of the process of one sweep. */
interface Run {
  /** From its start to stored dictionaries. */
  seconds: number;
  /** From the first step to the last. */
  training: number;
  /** Seconds of all its threads: what a busy machine changes least. */
  cpu: number;
  megabytes: number;
}

interface Capture {
  directory: string;
  seconds: number;
}

async function beside(context: BenchmarkContext, capture: Capture): Promise<Figure[]> {
  const python = furtherPython(context.cache, 'dictionary-learning', PACKAGES, context.say);
  const out = join(context.directory, 'stream');
  mkdirSync(out);
  const settings = {
    ...{ steps: STEPS, batch: BATCH, width: WIDTH, features: FEATURES, configurations: CONFIGURATIONS },
    ...{ gateSteps: GATE_STEPS, gateWarmUp: GATE_WARM_UP },
  };
  const own = computeEnvironment({ threads: THREADS, temporaryDirectory: context.directory, secrets: {} });
  const plain = { OMP_NUM_THREADS: String(THREADS) };
  const peer = (name: string, env: Record<string, string>) =>
    Side.start(name, [python, join(context.root, 'bench/sweep/peer.py'), out, JSON.stringify(settings)], env);
  await gate(context, capture, out, () => peer('peer', plain));
  const ours: Run[] = [];
  const theirs: Run[] = [];
  const tuned: Run[] = [];
  let version = '';
  const other = async (runs: Run[], env: Record<string, string>) => {
    const startedAt = performance.now();
    const side = await peer('dictionary_learning', env);
    const { seconds, parts, peakMegabytes } = await side.ask('train', mkdtempSync(join(out, 'saved-')));
    runs.push({
      seconds: secondsSince(startedAt),
      training: seconds,
      cpu: parts?.cpu ?? Number.NaN,
      megabytes: peakMegabytes,
    });
    version = side.version;
    await side.end();
  };
  for (let round = 1; round <= ROUNDS; round++) {
    context.say(`round ${round} of ${ROUNDS}`);
    ours.push(await together(context, capture, CONFIGURATIONS));
    await other(theirs, plain);
    await other(tuned, { ...plain, GLIBC_TUNABLES: own.GLIBC_TUNABLES ?? '' });
  }
  const best = (runs: Run[], what: keyof Run) => Math.min(...runs.map((run) => run[what]));
  const figure = (
    name: string,
    what: keyof Run,
    runs: Run[],
    bar: number | null,
    more: Partial<Figure> = {},
  ): Figure => ({
    name,
    ours: best(ours, what),
    peer: best(runs, what),
    unit: what === 'megabytes' ? 'MB' : 's',
    better: 'lower',
    bar: bar === null ? null : bar * best(runs, what),
    peerVersion: version,
    ...more,
  });
  const same = { peerVersion: `${version}, our allocator setting` };
  return [
    figure('six dictionaries, training alone', 'training', theirs, 1 / 1.1),
    figure('six dictionaries, whole process', 'seconds', theirs, null),
    figure('six dictionaries, CPU time', 'cpu', theirs, null),
    figure('six, whole process, same allocator', 'seconds', tuned, null, same),
    figure('six, training alone, same allocator', 'training', tuned, null, same),
    figure('six dictionaries, peak memory', 'megabytes', theirs, 1.2),
  ];
}

async function fromText(context: BenchmarkContext, capture: Capture): Promise<Figure[]> {
  const side = await together(context, capture, CONFIGURATIONS);
  let alone = 0;
  for (const configuration of CONFIGURATIONS)
    alone += (await together(context, capture, [configuration])).seconds;
  context.say(`together ${side.seconds.toFixed(1)} s, one by one ${alone.toFixed(1)} s`);
  const six = CONFIGURATIONS.length * capture.seconds + alone;
  return [
    {
      ...{ name: 'six dictionaries from text', ours: capture.seconds + side.seconds, peer: six },
      ...{ unit: 's', better: 'lower', bar: six / 2, peerVersion: 'six runs of ours' },
    },
    {
      ...{ name: 'six, from activations', ours: side.seconds, peer: alone, unit: 's', better: 'lower' },
      ...{ bar: null, peerVersion: 'six runs of ours' },
    },
  ];
}

/** Fast and wrong does not count. */
async function gate(
  context: BenchmarkContext,
  capture: Capture,
  out: string,
  startPeer: () => Promise<Side>,
): Promise<void> {
  const side = join(context.root, 'node_modules/.plumbline/bench/sweep-side.js');
  await build({
    entryPoints: [join(context.root, 'bench/sweep/side.ts')],
    outfile: side,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
  });
  const own = computeEnvironment({ threads: THREADS, temporaryDirectory: context.directory, secrets: {} });
  const mine = await Side.start('ours', [process.execPath, side], own);
  const ours = (await mine.ask('gate', capture.directory, out)).check;
  await mine.end();
  const peer = await startPeer();
  const theirs = (await peer.ask('gate')).check;
  await peer.end();
  if (ours.length !== theirs.length) throw new Error(`${ours.length} losses beside ${theirs.length}`);
  let largest = 0;
  for (const [i, loss] of ours.entries()) {
    const other = theirs[i] as number;
    const difference = Math.abs(loss - other) / Math.abs(other);
    largest = Math.max(largest, difference);
    const { variant } = CONFIGURATIONS[Math.floor(i / GATE_STEPS)] as (typeof CONFIGURATIONS)[number];
    if (!(difference <= 1e-4))
      throw new Error(
        `${variant}: the loss of update ${i % GATE_STEPS} is ${loss} by ours, ${other} by ${peer.name}`,
      );
  }
  context.say(`the losses of ${GATE_STEPS} updates of each agree within ${largest.toExponential(1)}`);
}

/** The real step for each configuration, all in one process. */
async function together(
  context: BenchmarkContext,
  capture: Capture,
  configurations: readonly (typeof CONFIGURATIONS)[number][],
): Promise<Run> {
  const activations = artifact('activations', capture.directory);
  const begun: number[] = [];
  const ended: number[] = [];
  const members = configurations.map((configuration, i) =>
    member(context, 'sae.train', i, {
      ...{ activations, layer: LAYER, features: FEATURES, batch: BATCH, tokens: STEPS * BATCH },
      ...{ 'held-out': HELD_OUT, ...configuration },
    }),
  );
  for (const [i, options] of members.entries()) {
    options.onProgress = (done, total) => {
      begun[i] ??= performance.now();
      if (done === total) ended[i] ??= performance.now();
    };
  }
  const startedAt = performance.now();
  const [first] = (await compute(context, members)) as [Computed];
  const seconds = secondsSince(startedAt);
  const training = (Math.max(...ended) - Math.max(...begun)) / 1000;
  const { peakMemoryBytes, cpuSeconds } = first.usage;
  return { seconds, training, cpu: cpuSeconds, megabytes: peakMemoryBytes / 2 ** 20 };
}

/** Activations as the real step captures them, from texts; and how long that takes. */
async function captured(context: BenchmarkContext): Promise<Capture> {
  const count = Math.ceil((STEPS * BATCH * (1 + 2 * HELD_OUT)) / (TEXT_TOKENS - 1));
  const data = join(context.directory, 'texts');
  makeTexts(data, count, TEXT_TOKENS);
  const model = makePythia(context.directory, TEXT_TOKENS);
  const options = member(context, 'activations.capture', 0, {
    ...{ model: artifact('model', model), data: artifact('texts', data), layers: [LAYER] },
    ...{ tokens: Math.ceil(STEPS * BATCH * (1 + 2 * HELD_OUT)), 'max-length': TEXT_TOKENS },
  });
  const startedAt = performance.now();
  const [{ result }] = (await compute(context, [options])) as [Computed];
  const { directory } = result.outputs.activations as LocalArtifact;
  return { directory, seconds: secondsSince(startedAt) };
}

const secondsSince = (at: number) => (performance.now() - at) / 1000;
