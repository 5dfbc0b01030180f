import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { computeEnvironment } from '../compute/environment.ts';
import { gptNeoXConfig } from '../ml/models/gpt-neox-config.ts';
import { createModel } from '../ml/models/initialise.ts';
import { saveModel } from '../ml/models/save.ts';
import { stream } from '../ml/random/stream.ts';
import { wordLevelTokenizer, writeTokenizer } from '../ml/tokenizers/word-level.ts';
import { type Answer, Side } from './lib/conversation.ts';
import { profileLine } from './lib/op-profile.ts';
import { median } from './lib/processes.ts';
import { furtherPython } from './lib/python.ts';
import type { Benchmark, BenchmarkContext, Figure } from './types.ts';

/**
 * Activations of Pythia-70m's shape (random weights, float32, 2 threads) from token ids to files on disk, in sequences of 128:
 * the MLP outputs of layers 1, 3 and 5 beside PyTorch's hooks with safetensors, those of layer 3 alone beside SAELens' cache
 * runner. Ours writes digests, statistics and where each row came from besides. Peers as a user installs them, and the hooks
 * with our allocator setting too.
 */
export const benchmark: Benchmark = {
  summary: 'captured activations to disk, beside hooks in PyTorch and the cache runner of SAELens',
  async run(context) {
    const python = furtherPython(context.cache, 'saelens', PACKAGES, context.say);
    const side = join(context.root, 'node_modules/.plumbline/bench/activations-side.js');
    await build({
      entryPoints: [join(context.root, 'bench/activations/side.ts')],
      outfile: side,
      bundle: true,
      packages: 'external',
      platform: 'node',
      format: 'esm',
      target: 'node20',
      logLevel: 'error',
    });
    const directory = join(context.directory, 'model');
    makeModel(directory);
    const peer = (kind: string) => [
      python,
      join(context.root, 'bench/activations/peer.py'),
      kind,
      directory,
      context.directory,
    ];
    const ours = [process.execPath, side, directory, context.directory];
    const only = process.env.PLUMBLINE_BENCH_PARTS?.split(',');
    const works = [
      { part: 'hooks', name: 'MLP outputs of layers 1, 3, 5', layers: [1, 3, 5], bar: 1 },
      { part: 'saelens', name: 'MLP outputs of layer 3', layers: [3], bar: 1.5 },
    ];
    const figures: Figure[] = [];
    for (const { part, name, layers, bar } of works) {
      if (only && !only.includes(part)) continue;
      figures.push(...(await beside(context, name, ours, peer(part), layers, bar)));
    }
    return figures;
  },
};

const PACKAGES = ['sae-lens==6.54.12'];
const LENGTH = 128;
/** 131,072 tokens; fewer only to try it out. */
const SEQUENCES = Number(process.env.PLUMBLINE_BENCH_SEQUENCES ?? 1024);
/** Sequences of the profile: one write of ours. */
const PROFILED = 256;
const ROUNDS = Number(process.env.PLUMBLINE_BENCH_ROUNDS ?? 3);
const THREADS = 2;

async function beside(
  context: BenchmarkContext,
  name: string,
  ours: string[],
  peer: string[],
  layers: number[],
  bar: number,
): Promise<Figure[]> {
  const own = computeEnvironment({ threads: THREADS, temporaryDirectory: context.directory, secrets: {} });
  const plain = { OMP_NUM_THREADS: String(THREADS), HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false' };
  const sides = [
    await Side.start('ours', ours, own),
    await Side.start('peer', peer, plain),
    await Side.start('peer with our allocator setting', peer, {
      ...plain,
      GLIBC_TUNABLES: own.GLIBC_TUNABLES ?? '',
    }),
  ] as const;
  const runs: Answer[][] = sides.map(() => []);
  let profile: Record<string, number> = {};
  try {
    for (const side of sides) await side.ask('capture', layers, 64);
    for (let round = 1; round <= ROUNDS; round++) {
      context.say(`${name}: round ${round} of ${ROUNDS}`);
      for (const [i, side] of sides.entries()) runs[i]?.push(await side.ask('capture', layers, SEQUENCES));
    }
    profile = (await sides[0].ask('profile', layers, PROFILED)).parts ?? {};
  } finally {
    await Promise.all(sides.map((side) => side.end()));
  }
  for (const [i, theirs] of runs.entries()) agree(sides[i]?.name ?? '', runs[0]?.[0], theirs[0]);
  const tokens = SEQUENCES * LENGTH;
  const of = (how: (seconds: number[]) => number) =>
    runs.map((answers) => tokens / how(answers.map(({ seconds }) => seconds))) as [number, number, number];
  const best = of((seconds) => Math.min(...seconds));
  const middle = of(median);
  const peaks = runs.map((answers) => Math.max(...answers.map(({ peakMegabytes }) => peakMegabytes)));
  const { version } = sides[1];
  const foreign = runs.flat().reduce((sum, run) => sum + run.foreignCores, 0) / runs.flat().length;
  context.say(
    `  best ${best.map((x) => x.toFixed(0)).join(' / ')} tok/s, medians ${middle.map((x) => x.toFixed(0)).join(' / ')}, peaks ${peaks.map((x) => x.toFixed(0)).join(' / ')} MB (ours / peer / peer with our allocator setting); other processes took ${foreign.toFixed(2)} cores`,
  );
  if (best[0] < bar * best[1]) {
    context.say(
      `  below the bar; where ours spends its time, ${PROFILED} sequences: ${profileLine(profile, 12)}`,
    );
  }
  const rate = { unit: 'tok/s', better: 'higher' } as const;
  return [
    { name, ours: best[0], peer: best[1], bar: bar * best[1], peerVersion: version, ...rate },
    { name: `${name}, median`, ours: middle[0], peer: middle[1], bar: null, peerVersion: version, ...rate },
    {
      ...{ name: `${name}, same allocator`, ours: best[0], peer: best[2], bar: null, ...rate },
      peerVersion: `${version}, our allocator setting`,
    },
    {
      ...{ name: `${name}, peak memory`, ours: peaks[0] as number, peer: peaks[1] as number },
      ...{ bar: 1.2 * (peaks[1] as number), unit: 'MB', better: 'lower', peerVersion: version },
    },
  ];
}

/** Fast and wrong does not count: the last row of each layer must be the same. */
function agree(name: string, ours: Answer | undefined, theirs: Answer | undefined): void {
  ours?.check.forEach((value, i) => {
    const other = theirs?.check[i] as number;
    if (Math.abs(value - other) <= 1e-4 * Math.max(1, Math.abs(other))) return;
    throw new Error(`ours has ${value}, ${name} ${other}`);
  });
}

function makeModel(directory: string): void {
  const config = gptNeoXConfig({
    ...{ layers: 6, width: 512, heads: 8, mlpWidth: 2048, vocabulary: 50304, maxPositions: 2048 },
    ...{ rotaryFraction: 0.25, parallelResidual: true, tied: false, bosId: 0, eosId: 0 },
  });
  const model = createModel(config, (name) => stream(0, name));
  // SAELens opens a tokenizer, whatever it is given.
  saveModel(model, writeTokenizer(`${directory}-tokenizer`, wordLevelTokenizer(['a b'], 64, 32)), directory);
  model.dispose();
  const tokenizer = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: '<|endoftext|>',
    eos_token: '<|endoftext|>',
  };
  writeFileSync(join(directory, 'tokenizer_config.json'), `${JSON.stringify(tokenizer)}\n`);
}
