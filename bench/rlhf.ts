import { join } from 'node:path';
import { build } from 'esbuild';
import { computeEnvironment } from '../compute/environment.ts';
import { gptNeoXConfig } from '../ml/models/gpt-neox-config.ts';
import { createModel } from '../ml/models/initialise.ts';
import { saveModel } from '../ml/models/save.ts';
import { stream } from '../ml/random/stream.ts';
import { type Answer, Side } from './lib/conversation.ts';
import { GEMM, gemmRate } from './lib/gemm.ts';
import { profileLine } from './lib/op-profile.ts';
import { median } from './lib/processes.ts';
import { furtherPython, peerPython } from './lib/python.ts';
import { DPO, PPO, ppoOperations } from './rlhf/data.ts';
import type { Benchmark, BenchmarkContext, Figure } from './types.ts';

/**
 * PPO and DPO at Pythia-70m's shape, float32, random weights, 2 threads, beside TRL and beside the same maths in plain PyTorch.
 * First the losses of the same updates from the same weights must agree; only then is time compared. All sides live at once
 * and work in turn, so that a busy machine slows all of them.
 */
export const benchmark: Benchmark = {
  summary: 'PPO and DPO at the Pythia-70m shape, beside TRL and plain PyTorch',
  async run(context) {
    const only = process.env.PLUMBLINE_BENCH_ALGORITHMS?.split(',');
    const wanted = (name: string) => only?.includes(name) ?? true;
    const directory = join(context.directory, '70m');
    makeCheckpoint(directory);
    return [
      ...(wanted('ppo') ? await ppo(directory, context) : []),
      ...(wanted('dpo') ? await dpo(directory, context, 'stored') : []),
      ...(wanted('dpo') ? await dpo(directory, context, 'with') : []),
    ];
  },
};

const TRL_PPO = ['trl==0.11.4', 'transformers==4.45.2', 'datasets==2.21.0', 'accelerate==0.34.2', 'rich'];
const TRL_DPO = ['trl==1.13.0', 'transformers==5.17.0'];
const GATE_UPDATES = 20;
const ROUNDS = 5;

async function ppo(directory: string, context: BenchmarkContext): Promise<Figure[]> {
  const torch = peerPython(context.cache, context.say);
  const trl = furtherPython(context.cache, 'trl-ppo', TRL_PPO, context.say);
  const starts = [
    await ours('ppo-side', [directory], context),
    () => python('TRL', trl, 'ppo_trl.py', [directory], context),
    () => python('plain torch', torch, 'ppo_torch.py', [directory], context),
  ];
  const cold = await firstSteps(starts.slice(0, 2), (side) => side.ask('step', 0), context);
  const sides = await startAll(starts);
  try {
    const perStep = (PPO.batch / PPO.miniBatch) * PPO.epochs;
    const losses = await Promise.all(sides.map(() => [] as number[]));
    for (let i = 0; i * perStep < GATE_UPDATES; i++)
      for (const [k, side] of sides.entries()) losses[k]?.push(...(await side.ask('gate', i)).check);
    agree('PPO', sides, losses, context);
    const runs = await inTurn(sides, (side, i) => side.ask('step', 100 + i), ROUNDS, context);
    const products: number[] = [];
    for (const side of sides) products.push((await side.ask('gemm')).seconds);
    showSplit(sides, runs, products, context);
    const { parts = {} } = await (sides[0] as Side).ask('profile', 200);
    context.say(`  the ops of a step of ours: ${profileLine(parts, 14)}`);
    return [
      ...figures('PPO', 'samples/s', PPO.batch, sides, runs, [2, 2]),
      ...coldFigure('PPO', cold, sides[1] as Side),
    ];
  } finally {
    await Promise.all(sides.map((side) => side.end()));
  }
}

/**
 * The parts of a step, best of all rounds, with the share of the machine's rate that the products in them reach. The rate is
 * the best of all sides: what this machine can do, whoever asks.
 */
function showSplit(
  sides: readonly Side[],
  runs: readonly Answer[][],
  products: readonly number[],
  { say }: BenchmarkContext,
): void {
  const { rows, inner, columns } = GEMM;
  const rate = gemmRate(Math.min(...products));
  const operations = ppoOperations();
  say(`  ${rows} × ${inner} × ${columns}: ${(rate / 1e9).toFixed(0)} GFLOP/s, the best of all sides`);
  say(`  seconds of a step (share of that rate): ${sides.map(({ name }) => name).join(' / ')}`);
  for (const part of ['generate', 'score', 'log-probabilities', 'update']) {
    const cells = runs.map((side) => {
      const seconds = Math.min(...side.map(({ parts }) => parts?.[part] ?? Number.NaN));
      const share = operations[part] && operations[part] / rate / seconds;
      return `${seconds.toFixed(2)}${share ? ` (${(100 * share).toFixed(0)} %)` : ''}`;
    });
    say(`    ${part}: ${cells.join(' / ')}`);
  }
}

async function dpo(
  directory: string,
  context: BenchmarkContext,
  which: 'stored' | 'with',
): Promise<Figure[]> {
  const torch = peerPython(context.cache, context.say);
  const trl = furtherPython(context.cache, 'trl-dpo', TRL_DPO, context.say);
  const sides = await startAll([
    await ours('dpo-side', [directory, which], context),
    () => python('plain torch', torch, 'dpo_torch.py', [directory, which], context),
    () => python('TRL', trl, 'dpo_trl.py', [directory, which], context),
  ]);
  const [mine, plain, trainer] = sides as [Side, Side, Side];
  const name = which === 'stored' ? 'DPO, stored reference' : 'DPO with reference';
  try {
    // The maths is the same with and without a stored reference: it is judged once.
    if (which === 'stored') {
      const losses: number[][] = [[], []];
      for (let i = 0; i < GATE_UPDATES; i++)
        for (const [k, side] of [mine, plain].entries())
          losses[k]?.push(...(await side.ask('step', i)).check);
      const { check } = await trainer.ask('run', GATE_UPDATES);
      agree(name, [mine, plain, trainer], [...losses, check], context);
    }
    // TRL's trainer has no single step: its own are timed within a run, first ones left out.
    const runs = await inTurn(
      [mine, plain],
      (side, i) => side.ask('step', GATE_UPDATES + i),
      ROUNDS,
      context,
    );
    const run = await trainer.ask('run', ROUNDS + 1);
    const steps = Object.values(run.parts ?? {}).slice(1);
    const theirs = steps.map((seconds) => ({ ...run, seconds }));
    const bar = which === 'stored' ? 1.3 : 1.5;
    return figures(
      name,
      'pairs/s',
      DPO.pairs,
      [mine, trainer, plain],
      [runs[0] as Answer[], theirs, runs[1] as Answer[]],
      [bar, null],
    );
  } finally {
    await Promise.all(sides.map((side) => side.end()));
  }
}

/** Losses of the same updates, within 1e-4 of each other. */
function agree(
  what: string,
  sides: readonly Side[],
  losses: readonly number[][],
  context: BenchmarkContext,
): void {
  const [mine, ...others] = losses as [number[], ...number[][]];
  for (const [k, theirs] of others.entries()) {
    const peer = (sides[k + 1] as Side).name;
    let largest = 0;
    for (let i = 0; i < GATE_UPDATES; i++) {
      const [x, y] = [mine[i] as number, theirs[i] as number];
      // A PPO loss passes through zero: relative to the losses' size, not to each.
      const size = Math.max(Math.abs(y), 0.1);
      largest = Math.max(largest, Math.abs(x - y) / size);
      if (!(Math.abs(x - y) <= 1e-4 * size))
        throw new Error(`${what}: the loss of update ${i} is ${x} by ours, ${y} by ${peer}`);
    }
    context.say(
      `${what}: the losses of ${GATE_UPDATES} updates agree with ${peer} within ${largest.toExponential(1)}`,
    );
  }
}

async function inTurn(
  sides: readonly Side[],
  ask: (side: Side, i: number) => Promise<Answer>,
  rounds: number,
  context: BenchmarkContext,
): Promise<Answer[][]> {
  const runs: Answer[][] = sides.map(() => []);
  for (let i = 0; i < rounds; i++) for (const [k, side] of sides.entries()) runs[k]?.push(await ask(side, i));
  const foreign = runs.flat().map(({ foreignCores }) => foreignCores);
  context.say(
    `  other processes took ${(foreign.reduce((a, b) => a + b, 0) / foreign.length).toFixed(2)} cores`,
  );
  return runs;
}

const scaled = (bar: number | null, rate: number) => (bar === null ? null : bar * rate);

/** Rates and peak memory of ours beside each peer. */
function figures(
  name: string,
  unit: string,
  items: number,
  sides: readonly Side[],
  runs: readonly Answer[][],
  /** How many times as fast as each peer ours must be; null: nothing was set. */
  bars: readonly (number | null)[],
): Figure[] {
  const rate = (side: Answer[]) => items / Math.min(...side.map(({ seconds }) => seconds));
  const middle = (side: Answer[]) => items / median(side.map(({ seconds }) => seconds));
  const memory = (side: Answer[]) => Math.max(...side.map(({ peakMegabytes }) => peakMegabytes));
  const [mine, ...others] = runs as [Answer[], ...Answer[][]];
  return others.flatMap((theirs, k): Figure[] => {
    const peer = sides[k + 1] as Side;
    const beside = `${name}, beside ${peer.name}`;
    const peerVersion = peer.version;
    return [
      {
        name: beside,
        ours: rate(mine),
        peer: rate(theirs),
        bar: scaled(bars[k] ?? null, rate(theirs)),
        unit,
        better: 'higher',
        peerVersion,
      },
      {
        name: `${beside}, median`,
        ours: middle(mine),
        peer: middle(theirs),
        bar: null,
        unit,
        better: 'higher',
        peerVersion,
      },
      {
        name: `${beside}, peak memory`,
        ours: memory(mine),
        peer: memory(theirs),
        bar: 1.2 * memory(theirs),
        unit: 'MB',
        better: 'lower',
        peerVersion,
      },
    ];
  });
}

/** Milliseconds from the start of a process to the end of its first step. */
async function firstSteps(
  starts: readonly (() => Promise<Side>)[],
  step: (side: Side) => Promise<Answer>,
  context: BenchmarkContext,
): Promise<number[]> {
  context.say('first step after a cold start');
  const times: number[] = [];
  for (const start of starts) {
    const began = performance.now();
    const side = await start();
    await step(side);
    times.push(performance.now() - began);
    await side.end();
  }
  return times;
}

const coldFigure = (name: string, [mine, theirs]: readonly number[], peer: Side): Figure[] => [
  {
    name: `${name}, cold process to the end of a step`,
    ours: mine as number,
    peer: theirs as number,
    bar: (theirs as number) / 2,
    unit: 'ms',
    better: 'lower',
    peerVersion: peer.version,
  },
];

const THREADS = 2;

async function ours(
  file: string,
  args: readonly string[],
  context: BenchmarkContext,
): Promise<() => Promise<Side>> {
  // Where packages are found, and where no other build cleans up in the meantime.
  const outfile = join(context.root, `node_modules/.plumbline/bench/${file}.js`);
  await build({
    entryPoints: [join(context.root, `bench/rlhf/${file}.ts`)],
    outfile,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
  });
  const env = computeEnvironment({ threads: THREADS, temporaryDirectory: context.directory, secrets: {} });
  return () => Side.start('ours', [process.execPath, outfile, ...args], env);
}

const python = (
  name: string,
  program: string,
  file: string,
  args: readonly string[],
  context: BenchmarkContext,
) =>
  Side.start(name, [program, join(context.root, 'bench/rlhf', file), ...args], {
    OMP_NUM_THREADS: String(THREADS),
    PYTHONPATH: join(context.root, 'bench/lib'),
  });

async function startAll(starts: readonly (() => Promise<Side>)[]): Promise<Side[]> {
  const sides: Side[] = [];
  for (const start of starts) sides.push(await start());
  return sides;
}

function makeCheckpoint(directory: string): void {
  const config = gptNeoXConfig({
    ...{ layers: 6, width: 512, heads: 8, mlpWidth: 2048, vocabulary: 50304, maxPositions: 2048 },
    ...{ rotaryFraction: 0.25, parallelResidual: true, tied: false, bosId: 0, eosId: 0 },
  });
  const model = createModel(config, (name) => stream(0, name));
  saveModel(model, [], directory);
  model.dispose();
}
