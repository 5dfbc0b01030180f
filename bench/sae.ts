import { join } from 'node:path';
import { build } from 'esbuild';
import { computeEnvironment } from '../compute/environment.ts';
import { type Answer, Side } from './lib/conversation.ts';
import { gemmRate } from './lib/gemm.ts';
import { profileLine } from './lib/op-profile.ts';
import { median } from './lib/processes.ts';
import { furtherPython } from './lib/python.ts';
import { CONFIGURATIONS, type Configuration } from './sae/configurations.ts';
import { makeData } from './sae/data.ts';
import type { Benchmark, BenchmarkContext, Figure } from './types.ts';

/**
 * Training steps of the dictionaries, float32, 2 threads, from the same weights on the same batches, beside dictionary_learning
 * and, for top-k, sparsify. First the losses of the same updates must agree; only then is time compared. All sides live at once
 * and work in turn, so that a busy machine slows all of them.
 */
export const benchmark: Benchmark = {
  summary: 'steps of sparse autoencoders, beside dictionary_learning and sparsify',
  async run(context) {
    const only = process.env.PLUMBLINE_BENCH_VARIANTS?.split(',');
    const figures: Figure[] = [];
    for (const configuration of CONFIGURATIONS) {
      if (only && !only.includes(configuration.name)) continue;
      figures.push(...(await measure(configuration, context)));
    }
    return figures;
  },
};

/** dictionary_learning imports more than its trainers use, and the side that runs it stands in for that. */
const PACKAGES = {
  dictionary_learning: ['--no-deps', 'dictionary-learning==0.1.0', 'einops==0.8.2'],
  sparsify: ['eai-sparsify==1.3.3'],
} as const;
const THREADS = 2;
const ROUNDS = 5;
/** Updates timed together. */
const UPDATES = 4;

async function measure(configuration: Configuration, context: BenchmarkContext): Promise<Figure[]> {
  const { name, peers } = configuration;
  const directory = join(context.directory, name.replaceAll(' ', '-'));
  makeData(directory, configuration);
  const python = (library: keyof typeof PACKAGES) =>
    furtherPython(context.cache, library.replace('_', '-'), PACKAGES[library], context.say);
  const request = JSON.stringify(configuration);
  const env = computeEnvironment({ threads: THREADS, temporaryDirectory: context.directory, secrets: {} });
  const theirs = { OMP_NUM_THREADS: String(THREADS), PYTHONPATH: join(context.root, 'bench/lib') };
  const allocator = env['GLIBC_TUNABLES'];
  const peer = (library: keyof typeof PACKAGES, title: string, more: Record<string, string> = {}) =>
    Side.start(
      title,
      [python(library), join(context.root, `bench/sae/${library}_side.py`), directory, request],
      {
        ...theirs,
        ...more,
      },
    );
  context.say(name);
  const sides = [
    await Side.start('ours', [process.execPath, await ourSide(context), directory, request], env),
  ];
  for (const { library } of peers) sides.push(await peer(library, library));
  if (allocator) {
    const { library } = peers[0] as (typeof peers)[number];
    sides.push(await peer(library, `${library}, our allocator setting`, { GLIBC_TUNABLES: allocator }));
  }
  try {
    await agree(configuration, sides.slice(0, 1 + peers.length), context);
    const products: number[] = [];
    for (const side of sides) products.push((await side.ask('gemm')).seconds);
    const rate = gemmRate(Math.min(...products));
    const runs: Answer[][] = sides.map(() => []);
    for (let round = -1; round < ROUNDS; round++) {
      for (const [k, side] of sides.entries()) {
        const run = await side.ask('steps', UPDATES);
        if (round >= 0) runs[k]?.push(run);
      }
    }
    report(configuration, sides, runs, rate, context);
    const figures = figuresOf(configuration, sides, runs);
    if (figures.some(({ ours, bar, better }) => bar !== null && better === 'higher' && ours < bar)) {
      const { parts = {} } = await (sides[0] as Side).ask('profile');
      context.say(`  below the bar; where a step of ours spends its time: ${profileLine(parts, 12)}`);
    }
    return figures;
  } finally {
    await Promise.all(sides.map((side) => side.end()));
  }
}

/** Losses of the same updates, within 1e-4 of each other. */
async function agree(
  { name, peers, gateUpdates = 8 }: Configuration,
  [mine, ...others]: readonly Side[],
  { say }: BenchmarkContext,
): Promise<void> {
  for (const [k, other] of others.entries()) {
    const how = peers[k]?.compare ?? 'loss';
    const ours = (await (mine as Side).ask('gate', gateUpdates, how)).check;
    const theirs = (await other.ask('gate', gateUpdates, how)).check;
    let largest = 0;
    for (const [i, y] of theirs.entries()) {
      const x = ours[i] as number;
      const off = Math.abs(x - y) / Math.abs(y);
      if (!(off <= 1e-4))
        throw new Error(`${name}: the loss of update ${i} is ${x} by ours, ${y} by ${other.name}`);
      largest = Math.max(largest, off);
    }
    say(
      `  the losses of ${theirs.length} updates agree with ${other.name} within ${largest.toExponential(1)}`,
    );
  }
}

const best = (runs: readonly Answer[]) => Math.min(...runs.map(({ seconds }) => seconds));

function report(
  { batch, width, features, products }: Configuration,
  sides: readonly Side[],
  runs: readonly Answer[][],
  rate: number,
  { say }: BenchmarkContext,
): void {
  const operations = products * 2 * batch * width * features;
  const shares = runs.map((side) => `${((100 * operations * UPDATES) / best(side) / rate).toFixed(0)} %`);
  const foreign = runs.flat().reduce((sum, run) => sum + run.foreignCores, 0) / runs.flat().length;
  say(
    `  the ${products} dense products that a step needs, as a share of the machine's ${(rate / 1e9).toFixed(0)} GFLOP/s: ${shares.join(' / ')} (${sides.map(({ name }) => name).join(' / ')}); other processes took ${foreign.toFixed(2)} cores`,
  );
}

function figuresOf(
  { name, batch, peers }: Configuration,
  sides: readonly Side[],
  runs: readonly Answer[][],
): Figure[] {
  const tokens = batch * UPDATES;
  const middle = (side: readonly Answer[]) => median(side.map(({ seconds }) => seconds));
  const memory = (side: readonly Answer[]) => Math.max(...side.map(({ peakMegabytes }) => peakMegabytes));
  const [mine, ...others] = runs as [Answer[], ...Answer[][]];
  return others.flatMap((theirs, k): Figure[] => {
    const side = sides[k + 1] as Side;
    const bar = peers[k]?.bar ?? null;
    const beside = { peerVersion: side.version };
    const speed = { ...beside, unit: 'tok/s', better: 'higher' } as const;
    const rate = tokens / best(theirs);
    return [
      {
        ...speed,
        name: `${name}, beside ${side.name}`,
        ours: tokens / best(mine),
        peer: rate,
        bar: bar === null ? null : bar * rate,
      },
      {
        ...speed,
        name: `${name}, beside ${side.name}, median`,
        ours: tokens / middle(mine),
        peer: tokens / middle(theirs),
        bar: null,
      },
      {
        ...beside,
        name: `${name}, beside ${side.name}, peak memory`,
        ours: memory(mine),
        peer: memory(theirs),
        bar: k < peers.length ? 1.2 * memory(theirs) : null,
        unit: 'MB',
        better: 'lower',
      },
    ];
  });
}

async function ourSide(context: BenchmarkContext): Promise<string> {
  // Where packages are found, and where no other build cleans up in the meantime.
  const outfile = join(context.root, 'node_modules/.plumbline/bench/sae-side.js');
  await build({
    entryPoints: [join(context.root, 'bench/sae/side.ts')],
    outfile,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
  });
  return outfile;
}
