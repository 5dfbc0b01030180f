import { join } from 'node:path';
import { build } from 'esbuild';
import { computeEnvironment } from '../compute/environment.ts';
import { gptNeoXConfig } from '../ml/models/gpt-neox-config.ts';
import { createModel } from '../ml/models/initialise.ts';
import { saveModel } from '../ml/models/save.ts';
import { stream } from '../ml/random/stream.ts';
import { type Answer, Side } from './lib/conversation.ts';
import { profileLine } from './lib/op-profile.ts';
import { median } from './lib/processes.ts';
import { peerPython } from './lib/python.ts';
import type { Benchmark, BenchmarkContext, Figure } from './types.ts';

/**
 * Models at Pythia's shapes, float32, random weights, 2 threads, beside PyTorch as a user installs it, and beside PyTorch
 * with our allocator setting. All sides live at once and work in turn, so that a busy machine slows all of them.
 */
export const benchmark: Benchmark = {
  summary: 'forward, generation, training and loading at Pythia-70m and -160m shapes, beside PyTorch',
  async run(context) {
    const python = peerPython(context.cache, context.say);
    // Where packages are found, and where no other build cleans up in the meantime.
    const side = join(context.root, 'node_modules/.plumbline/bench/models-side.js');
    await build({
      entryPoints: [join(context.root, 'bench/models/side.ts')],
      outfile: side,
      bundle: true,
      packages: 'external',
      platform: 'node',
      format: 'esm',
      target: 'node20',
      logLevel: 'error',
    });
    const chosen = process.env.PLUMBLINE_BENCH_SHAPES?.split(',');
    const figures: Figure[] = [];
    for (const shape of SHAPES.filter(({ name }) => chosen?.includes(name) ?? true)) {
      context.say(`${shape.name}: random weights`);
      const directory = join(context.directory, shape.name);
      makeCheckpoint(shape, directory);
      const programs = {
        ours: [process.execPath, side, directory],
        peer: peerCommand(context, python, directory),
      };
      figures.push(...(await measure(shape, programs, context)));
    }
    return figures;
  },
};

interface Shape {
  name: string;
  layers: number;
  width: number;
  heads: number;
}

const VOCABULARY = 50304;
const SHAPES: Shape[] = [
  { name: '70m', layers: 6, width: 512, heads: 8 },
  { name: '160m', layers: 12, width: 768, heads: 12 },
];

interface Programs {
  ours: string[];
  peer: string[];
}

/** What is measured, what ours must reach as a multiple of the peer's, and how many floating-point operations it takes. */
interface Work {
  name: string;
  task: string;
  arguments: unknown[];
  tokens: number;
  bar: number;
  rounds: number;
  /** Multiplications and additions of one run. null: memory is what limits it. */
  operations: ((shape: Shape) => number) | null;
}

/** Of the blocks' matrices and of attention over 128 positions, half of which causality hides from PyTorch too. */
const blocks = ({ layers, width }: Shape, share: number) =>
  1024 * 2 * layers * share * (12 * width * width + 2 * 128 * width);
const unembedding = ({ width }: Shape) => 1024 * 2 * VOCABULARY * width;

const forward = (until: string, bar: number, operations: (shape: Shape) => number): Work => ({
  name: { logits: 'forward with logits', hidden: 'forward without logits', middle: 'forward to the middle' }[
    until
  ] as string,
  task: 'forward',
  arguments: [until],
  tokens: 1024,
  bar,
  rounds: 5,
  operations,
});

const generate = (batch: number): Work => ({
  name: `generate ${batch}x(16+32)`,
  task: 'generate',
  arguments: [batch],
  tokens: 32 * batch,
  bar: 3,
  rounds: 4,
  operations: null,
});

const WORKS: Work[] = [
  forward('logits', 1.1, (shape) => blocks(shape, 1) + unembedding(shape)),
  forward('hidden', 0.9, (shape) => blocks(shape, 1)),
  forward('middle', 0.9, (shape) => blocks(shape, 0.5)),
  generate(8),
  generate(1),
  {
    name: 'training step',
    task: 'train',
    arguments: [],
    tokens: 1024,
    bar: 1.2,
    rounds: 4,
    operations: (shape) => 3 * (blocks(shape, 1) + unembedding(shape)),
  },
];

const GEMM_OPERATIONS = 10 * 2 * 2048 * 2048 * 1024;

async function measure(shape: Shape, programs: Programs, context: BenchmarkContext): Promise<Figure[]> {
  const sides = await startSides(programs, context);
  const figures: Figure[] = [];
  const add = (figure: Omit<Figure, 'name' | 'peerVersion'>, name: string, peer: Side, note = '') =>
    figures.push({
      ...figure,
      name: `${shape.name} ${name}`,
      peerVersion: `${peer.version}${note}`,
    });
  try {
    const [ours, peer, tuned] = sides;
    const gemm = await inTurn(sides, 'gemm', [], 5);
    const gemmRates = gemm.map((runs) => GEMM_OPERATIONS / best(runs) / 1e9) as [number, number, number];
    const rate = { unit: 'GFLOP/s', better: 'higher' } as const;
    add({ ours: gemmRates[0], peer: gemmRates[1], bar: null, ...rate }, 'GEMM 2048x1024x2048', peer);
    for (const work of WORKS) {
      context.say(`${shape.name}: ${work.name}`);
      const runs = await inTurn(sides, work.task, work.arguments, work.rounds);
      agree(`${shape.name} ${work.name}`, ours, runs[0], [peer, tuned], [runs[1], runs[2]]);
      const rates = runs.map((side) => work.tokens / best(side));
      const medians = runs.map((side) => work.tokens / median(side.map(({ seconds }) => seconds)));
      const shares = rates.map((perSecond, i) =>
        work.operations
          ? `${((100 * work.operations(shape) * perSecond) / work.tokens / 1e9 / (gemmRates[i] as number)).toFixed(0)} %`
          : '-',
      );
      const [a, b, c] = rates as [number, number, number];
      const [ma, mb] = medians as [number, number, number];
      const foreign = runs.flat().reduce((sum, run) => sum + run.foreignCores, 0) / runs.flat().length;
      const unit = { unit: 'tok/s', better: 'higher' } as const;
      add({ ours: a, peer: b, bar: work.bar * b, ...unit }, work.name, peer);
      add({ ours: ma, peer: mb, bar: null, ...unit }, `${work.name}, median`, peer);
      add(
        { ours: a, peer: c, bar: null, ...unit },
        `${work.name}, same allocator`,
        tuned,
        ', our allocator setting',
      );
      context.say(
        `  best ${rates.map((x) => x.toFixed(0)).join(' / ')} tok/s, medians ${medians.map((x) => x.toFixed(0)).join(' / ')}, shares of the GEMM rate ${shares.join(' / ')} (ours / torch / torch with our allocator setting); other processes took ${foreign.toFixed(2)} cores`,
      );
      if (a < work.bar * b) {
        const { parts = {} } = await ours.ask('profile', work.task, work.arguments);
        context.say(`  below the bar; where ours spends its time: ${profileLine(parts)}`);
      }
    }
    context.say(`${shape.name}: load and touch every weight`);
    const loads = await inTurn(sides, 'load', [], 4);
    agree(`${shape.name} load`, ours, loads[0], [peer], [loads[1]]);
    const [ourLoad, peerLoad] = loads.map((runs) => 1000 * best(runs)) as [number, number];
    add(
      { ours: ourLoad, peer: peerLoad, bar: peerLoad, unit: 'ms', better: 'lower' },
      'load and touch',
      peer,
    );
  } finally {
    await Promise.all(sides.map((side) => side.end()));
  }
  figures.push(...(await memoryOfTraining(shape, programs, context)));
  figures.push(await coldStart(shape, programs, context));
  return figures;
}

type Runs = Answer[];

/** Every side in turn, a warm-up and `rounds` measured runs each. */
async function inTurn(
  sides: Side[],
  task: string,
  args: unknown[],
  rounds: number,
): Promise<[Runs, Runs, Runs]> {
  const runs: Runs[] = sides.map(() => []);
  for (let round = -1; round < rounds; round++) {
    for (const [i, side] of sides.entries()) {
      const answer = await side.ask(task, ...args);
      if (round >= 0) runs[i]?.push(answer);
    }
  }
  return runs as [Runs, Runs, Runs];
}

/** Fast and wrong does not count: what both sides computed must be the same. */
function agree(what: string, ours: Side, mine: Runs, peers: Side[], theirs: Runs[]): void {
  for (const [i, peer] of peers.entries()) {
    for (const [round, { check }] of mine.entries()) {
      for (const [j, x] of check.entries()) {
        const y = theirs[i]?.[round]?.check[j] as number;
        if (Math.abs(x - y) <= 1e-4 * Math.max(1, Math.abs(y))) continue;
        throw new Error(`${what}: ${ours.name} computes ${x}, ${peer.name} ${y}`);
      }
    }
  }
}

async function memoryOfTraining(
  shape: Shape,
  programs: Programs,
  context: BenchmarkContext,
): Promise<Figure[]> {
  context.say(`${shape.name}: peak memory of 3 training steps`);
  const peaks: number[] = [];
  let version = '';
  for (const start of [startOurs, startPeer, startTuned]) {
    const side = await start(programs, context);
    let peak = 0;
    for (let i = 0; i < 3; i++) peak = (await side.ask('train')).peakMegabytes;
    peaks.push(peak);
    if (start === startPeer) version = side.version;
    await side.end();
  }
  const [ours, peer, tuned] = peaks as [number, number, number];
  const unit = { unit: 'MB', better: 'lower' } as const;
  const name = `${shape.name} training, peak memory`;
  return [
    { name, ours, peer, bar: 1.2 * peer, peerVersion: version, ...unit },
    {
      name: `${name}, same allocator`,
      ours,
      peer: tuned,
      bar: null,
      peerVersion: `${version}, our allocator setting`,
      ...unit,
    },
  ];
}

/** From the start of the process to the first token after 16, the best of 2. */
async function coldStart(shape: Shape, programs: Programs, context: BenchmarkContext): Promise<Figure> {
  context.say(`${shape.name}: cold process to first token`);
  const times: [number[], number[]] = [[], []];
  let version = '';
  for (let round = 0; round < 2; round++) {
    for (const [i, startSide] of [startOurs, startPeer].entries()) {
      const start = performance.now();
      const side = await startSide(programs, context);
      await side.ask('first_token');
      times[i]?.push(performance.now() - start);
      if (i === 1) version = side.version;
      await side.end();
    }
  }
  const [ours, peer] = [Math.min(...times[0]), Math.min(...times[1])];
  const name = `${shape.name} cold process to first token`;
  return { name, ours, peer, bar: peer, unit: 'ms', better: 'lower', peerVersion: version };
}

const best = (runs: Runs) => Math.min(...runs.map(({ seconds }) => seconds));

const THREADS = 2;
const PEER_ENVIRONMENT = { OMP_NUM_THREADS: String(THREADS) };
const ourEnvironment = (context: BenchmarkContext) =>
  computeEnvironment({ threads: THREADS, temporaryDirectory: context.directory, secrets: {} });

const startOurs = (programs: Programs, context: BenchmarkContext) =>
  Side.start('ours', programs.ours, ourEnvironment(context));
const startPeer = (programs: Programs, _context: BenchmarkContext) =>
  Side.start('torch', programs.peer, PEER_ENVIRONMENT);
const startTuned = (programs: Programs, context: BenchmarkContext) =>
  Side.start('torch with our allocator setting', programs.peer, {
    ...PEER_ENVIRONMENT,
    GLIBC_TUNABLES: ourEnvironment(context).GLIBC_TUNABLES ?? '',
  });

async function startSides(programs: Programs, context: BenchmarkContext): Promise<[Side, Side, Side]> {
  return [
    await startOurs(programs, context),
    await startPeer(programs, context),
    await startTuned(programs, context),
  ];
}

const peerCommand = (context: BenchmarkContext, python: string, directory: string): string[] => [
  python,
  join(context.root, 'bench/models/peer.py'),
  directory,
];

function makeCheckpoint({ layers, width, heads }: Shape, directory: string): void {
  const config = gptNeoXConfig({
    layers,
    width,
    heads,
    mlpWidth: 4 * width,
    vocabulary: VOCABULARY,
    maxPositions: 2048,
    rotaryFraction: 0.25,
    parallelResidual: true,
    tied: false,
    bosId: 0,
    eosId: 0,
  });
  const model = createModel(config, (name) => stream(0, name));
  saveModel(model, [], directory);
  model.dispose();
}
