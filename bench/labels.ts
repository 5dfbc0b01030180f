import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { type RandomStream, stream } from '../ml/random/stream.ts';
import { markerOf, Service, type Tally } from './labels/service.ts';
import type { BenchFeature, BenchLabel, BenchWindow } from './labels/types.ts';
import { furtherPython } from './lib/python.ts';
import type { Benchmark, Figure } from './types.ts';

const FEATURES = 200;
/** Two questions a feature: what it responds to, and in which windows it is active. */
const QUESTIONS = 2 * FEATURES;
/** What SAEBench shows: 15 windows of 21 tokens to explain; 4 active and 10 random ones to try it. */
const WINDOW = 21;
const EXPLAINING = 15;
const ACTIVE = 4;
const SILENT = 10;
const WINDOWS = ACTIVE + SILENT;
const IN_FLIGHT = 10;
const PACKAGES = [
  ...['--no-deps', 'sae-bench==0.6.0', 'openai==3.51.0', 'tabulate==0.9.0', 'einops', 'jaxtyping'],
  ...['httpx2==2.16.2', 'httpcore2==2.16.2', 'truststore', 'jiter', 'sniffio', 'wadler-lindig'],
];
const PEER = 'SAEBench 0.6.0, openai 3.51.0';

interface Side {
  command: string;
  args(input: string, output: string): string[];
  environment: Record<string, string>;
}

/**
 * B-LABEL: 200 features are described and tried by a language model on this machine that refuses 1 % of the calls (429) and
 * answers 1 % by garbage. Every right answer is known. What counts is how many calls and tokens it takes, how many labels are
 * right, and what it costs when the process is killed half-way and started again.
 */
export const benchmark: Benchmark = {
  summary: 'labelling 200 features by a language model that fails at times, beside SAEBench',
  async run({ root, cache, directory, say }) {
    const python = furtherPython(cache, 'saebench', PACKAGES, say);
    const input = join(directory, 'features.json');
    writeFileSync(input, JSON.stringify(features()));
    const program = join(root, 'dist', 'bench', 'labels-ours.js');
    await build({
      ...{ entryPoints: [join(root, 'bench/labels/ours.ts')], outfile: program, bundle: true },
      ...{ packages: 'external', platform: 'node', format: 'esm', target: 'node20', logLevel: 'error' },
    });
    const service = await Service.start();
    const kept = join(directory, 'kept');
    const ours: Side = {
      command: process.execPath,
      args: (from, to) => [program, service.url, kept, from, to],
      environment: {},
    };
    const peer: Side = {
      command: python,
      args: (from, to) => [join(root, 'bench/labels/peer.py'), from, to],
      environment: { OPENAI_BASE_URL: service.url, OPENAI_API_KEY: 'none' },
    };
    const run = async (side: Side, killed: boolean) => {
      rmSync(kept, { recursive: true, force: true });
      mkdirSync(kept);
      const output = join(directory, 'labels.json');
      const tally = await labelled(side, service, input, output, killed);
      return { tally, right: right(JSON.parse(readFileSync(output, 'utf8')) as BenchLabel[]) };
    };
    try {
      const results = {
        ours: [await run(ours, false), await run(ours, true)] as const,
        peer: [await run(peer, false), await run(peer, true)] as const,
      };
      for (const [side, [whole, killed]] of Object.entries(results)) {
        say(
          `${side}: ${whole.tally.calls} calls, ${whole.tally.faults} of them failed, ${whole.tally.completionTokens} completion tokens; killed: ${killed.tally.calls} calls`,
        );
      }
      return figures(results.ours, results.peer);
    } finally {
      service.close();
    }
  },
};

type Outcome = { tally: Tally; right: { labels: number; judgements: number } };

function figures(
  [ours, oursKilled]: readonly [Outcome, Outcome],
  [peer, peerKilled]: readonly [Outcome, Outcome],
): Figure[] {
  const figure = (name: string, unit: string, of: (outcome: Outcome) => number, bar: number | null) => ({
    ...{
      name,
      unit,
      ours: of(ours),
      peer: of(peer),
      better: 'lower' as Figure['better'],
      bar,
      peerVersion: PEER,
    },
  });
  const right: typeof figure = (...of) => ({ ...figure(...of), better: 'higher' });
  return [
    figure('calls', 'calls', ({ tally }) => tally.calls, QUESTIONS + ours.tally.faults),
    figure('prompt tokens', 'tokens', ({ tally }) => tally.promptTokens, null),
    right('labels that are right', 'features', ({ right: { labels } }) => labels, FEATURES),
    right('judgements that are right', 'windows', ({ right }) => right.judgements, FEATURES * WINDOWS),
    {
      ...{ name: 'calls, killed half-way and run again', unit: 'calls', better: 'lower', peerVersion: PEER },
      ...{ ours: oursKilled.tally.calls, peer: peerKilled.tally.calls },
      bar: QUESTIONS + oursKilled.tally.faults + IN_FLIGHT,
    },
  ];
}

/** Runs a side to its end, killed once half-way where asked. @returns what all of it cost */
async function labelled(
  { command, args, environment }: Side,
  service: Service,
  input: string,
  output: string,
  killed: boolean,
): Promise<Tally> {
  rmSync(output, { force: true });
  const start = (onCall: (kill: () => void) => void) =>
    new Promise<{ code: number | null; errors: string }>((resolve, reject) => {
      const child = spawn(command, args(input, output), {
        env: { ...process.env, ...environment },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let errors = '';
      child.stderr.on('data', (chunk: Buffer) => {
        errors = (errors + chunk.toString()).slice(-2000);
      });
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, errors }));
      onCall(() => child.kill('SIGKILL'));
    });
  let kill = () => undefined as unknown;
  service.begin((calls) => {
    if (killed && calls === QUESTIONS / 2) kill();
  });
  const first = await start((by) => {
    kill = by;
  });
  const last = killed ? await start(() => undefined) : first;
  if (last.code !== 0) throw new Error(`${command} ended with ${last.code}: ${last.errors}`);
  return service.counted();
}

/** Against what the features are made of. What is missing is not right. */
function right(labels: readonly BenchLabel[]): Outcome['right'] {
  const sum = { labels: 0, judgements: 0 };
  for (const { feature, label, answers } of labels) {
    if (label !== null && new RegExp(`${markerOf(feature)}(?!\\d)`).test(label)) sum.labels++;
    for (let i = 0; i < WINDOWS; i++) if (answers?.[i] === i < ACTIVE) sum.judgements++;
  }
  return sum;
}

function features(): BenchFeature[] {
  const draws = stream(0, 'bench/labels');
  return Array.from({ length: FEATURES }, (_, feature) => ({
    feature,
    explaining: Array.from({ length: EXPLAINING }, () => window(draws, feature, true)),
    scoring: Array.from({ length: WINDOWS }, (_, i) => window(draws, feature, i < ACTIVE)),
  }));
}

/** Words of which none but the marker is one of a feature; the marker in the middle. */
function window(draws: RandomStream, feature: number, active: boolean): BenchWindow {
  const tokens = Array.from({ length: WINDOW }, () => ` word${draws.integer(5000)}`);
  const activations = Array<number>(WINDOW).fill(0);
  if (active) {
    tokens[(WINDOW - 1) / 2] = ` ${markerOf(feature)}`;
    activations[(WINDOW - 1) / 2] = 5 + 5 * draws.uniform();
  }
  return { tokens, activations };
}
