import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { computeEnvironment } from '../compute/environment.ts';
import type { LocalArtifact } from '../compute/types.ts';
import { Side } from './lib/conversation.ts';
import { furtherPython } from './lib/python.ts';
import { makePythia, makeTexts } from './lib/random-texts.ts';
import { artifact, type Computed, compute, member, THREADS } from './lib/steps.ts';
import type { Benchmark, BenchmarkContext } from './types.ts';

/**
 * From texts to a stored dictionary (top-k, 4096 features, k 32, of the MLP outputs of layer 2 of Pythia-70m's shape, 262,144
 * tokens in sequences of 128, float32, 2 threads). Ours are the two real steps, each in its compute process from its start on:
 * activations to disk, then the dictionary from there, measured on activations that it did not train on. Beside
 * dictionary_learning's ActivationBuffer and trainSAE in one process, from its start on, which measures nothing.
 */
export const benchmark: Benchmark = {
  summary: 'from texts to a dictionary, beside the buffer and the trainer of dictionary_learning',
  async run(context) {
    const texts = join(context.directory, 'texts');
    makeTexts(texts, Math.ceil((TOKENS * (1 + HELD_OUT) + 2 * BUFFERED) / (LENGTH - 1)), LENGTH);
    const model = makePythia(context.directory, LENGTH);
    const python = furtherPython(context.cache, 'dictionary-learning', PACKAGES, context.say);
    const plain = {
      ...{ OMP_NUM_THREADS: String(THREADS), HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false' },
      PYTHONPATH: join(context.root, 'bench/lib'),
    };
    const { GLIBC_TUNABLES = '' } = computeEnvironment({
      ...{ threads: THREADS, temporaryDirectory: context.directory, secrets: {} },
    });
    const settings = { length: LENGTH, layer: LAYER, batch: BATCH, features: FEATURES, k: K, tokens: TOKENS };
    const request = JSON.stringify({ ...settings, buffered: BUFFERED / LENGTH });
    const script = join(context.root, 'bench/sae-from-text/peer.py');
    const peer = (name: string, env: Record<string, string>) => async (): Promise<Run> => {
      const saved = mkdtempSync(join(context.directory, 'saved-'));
      const startedAt = performance.now();
      const side = await Side.start(name, [python, script, model, texts, request], { ...plain, ...env });
      const { check, peakMegabytes } = await side.ask('run', saved);
      const seconds = (performance.now() - startedAt) / 1000;
      await side.end();
      version = side.version;
      return { seconds, megabytes: peakMegabytes, check };
    };
    let version = '';
    const sides = [
      () => ours(context, texts, model),
      peer('dictionary_learning', {}),
      peer('dictionary_learning, our allocator setting', { GLIBC_TUNABLES }),
    ];
    const runs: Run[][] = sides.map(() => []);
    for (let round = 1; round <= ROUNDS; round++) {
      context.say(`round ${round} of ${ROUNDS}`);
      for (const [i, side] of sides.entries()) runs[i]?.push(await side());
      if (round === 1) agree(runs[0]?.[0], runs[1]?.[0], context);
    }
    const best = (what: 'seconds' | 'megabytes') =>
      runs.map((of) => Math.min(...of.map((run) => run[what]))) as [number, number, number];
    const [mine, theirs, tuned] = best('seconds').map((seconds) => TOKENS / seconds) as Three;
    const [memory, theirMemory] = best('megabytes');
    const rate = { unit: 'tok/s', better: 'higher' } as const;
    return [
      { name: 'from text', ours: mine, peer: theirs, bar: 1.5 * theirs, peerVersion: version, ...rate },
      {
        ...{ name: 'from text, same allocator', ours: mine, peer: tuned, bar: null, ...rate },
        peerVersion: `${version}, our allocator setting`,
      },
      {
        ...{ name: 'from text, peak memory', ours: memory, peer: theirMemory, bar: 1.2 * theirMemory },
        ...{ unit: 'MB', better: 'lower', peerVersion: version },
      },
    ];
  },
};

const PACKAGES = ['--no-deps', 'dictionary-learning==0.1.0', 'einops==0.8.2'];
const ROUNDS = Number(process.env.PLUMBLINE_BENCH_ROUNDS ?? 2);
const TOKENS = Number(process.env.PLUMBLINE_BENCH_TOKENS ?? 262_144);
const LENGTH = 128;
const LAYER = 2;
const BATCH = 2048;
const FEATURES = 4096;
const K = 32;
const HELD_OUT = 0.02;
/** Tokens in the peer's buffer, which it fills again when half of them are read: some are never trained on. */
const BUFFERED = 512 * LENGTH;

type Three = [number, number, number];

interface Run {
  seconds: number;
  megabytes: number;
  /** The share of variance that the dictionary leaves unexplained. */
  check: number[];
}

async function ours(context: BenchmarkContext, texts: string, model: string): Promise<Run> {
  const startedAt = performance.now();
  const captured = member(context, 'activations.capture', 0, {
    ...{ model: artifact('model', model), data: artifact('texts', texts), layers: [LAYER] },
    ...{ tokens: Math.ceil(TOKENS * (1 + HELD_OUT)), 'max-length': LENGTH },
  });
  const [capture] = (await compute(context, [captured])) as [Computed];
  const { directory } = capture.result.outputs.activations as LocalArtifact;
  const capturedAt = performance.now();
  const trained = member(context, 'sae.train', 1, {
    ...{ activations: artifact('activations', directory), layer: LAYER, variant: 'topk', k: K },
    ...{ features: FEATURES, batch: BATCH, tokens: TOKENS, 'held-out': HELD_OUT },
  });
  const [dictionary] = (await compute(context, [trained])) as [Computed];
  const seconds = (performance.now() - startedAt) / 1000;
  const forActivations = (capturedAt - startedAt) / 1000;
  context.say(
    `  ours: ${forActivations.toFixed(1)} s to activations, ${(seconds - forActivations).toFixed(1)} s to the dictionary`,
  );
  const peaks = [capture, dictionary].map(({ usage }) => usage.peakMemoryBytes / 2 ** 20);
  context.say(`  peak memory: ${peaks.map((peak) => peak.toFixed(0)).join(' and ')} MB`);
  const fvu = dictionary.result.metrics['fvu']?.value as number;
  return { seconds, megabytes: Math.max(...peaks), check: [fvu] };
}

/** Fast and wrong does not count: the same work must leave about as much unexplained. */
function agree(mine: Run | undefined, theirs: Run | undefined, { say }: BenchmarkContext): void {
  const [fvu, other] = [mine?.check[0] as number, theirs?.check[0] as number];
  say(`  variance unexplained: ${fvu.toFixed(4)} by ours, ${other.toFixed(4)} by the peer's`);
  if (!(Math.abs(fvu - other) <= 0.1 * other)) throw new Error('the dictionaries differ too much');
}
