import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { furtherPython } from './lib/python.ts';
import { compareRegrets } from './search/compare.ts';
import { FUNCTIONS } from './search/functions.ts';
import { type Comparison, regretsOf } from './search/side.ts';
import type { Benchmark, Figure } from './types.ts';

const PACKAGES = ['optuna==5.0.0', 'cmaes==0.13.1', 'scipy==1.17.1'];
const SEEDS = 30;
const TRIALS = { random: 100, tpe: 100, 'cma-es': 200, gp: 40 } as const;

const COMPARISONS: Comparison[] = Object.entries(TRIALS).flatMap(([sampler, trials]) =>
  Object.keys(FUNCTIONS).map((name) => ({
    function: name,
    sampler: sampler as keyof typeof TRIALS,
    trials,
    seeds: SEEDS,
  })),
);

/** Samplers with their defaults on functions whose minimum is known, over 30 seeds: what is left after all trials. */
export const benchmark: Benchmark = {
  summary: 'regret of the samplers after equal numbers of trials, median of 30 seeds, beside Optuna',
  async run({ root, cache, say }) {
    const python = furtherPython(cache, 'optuna', PACKAGES, say);
    const figures: Figure[] = [];
    for (const comparison of COMPARISONS) {
      const { function: name, sampler, trials } = comparison;
      say(`${sampler} on ${name}, ${trials} trials`);
      const peer = runPeer(python, join(root, 'bench/search/peer.py'), comparison);
      const ours = Array.from({ length: SEEDS }, (_, seed) => regretsOf(comparison, seed)[1]);
      const compared = compareRegrets(ours, peer.regrets);
      const [low, high] = compared.interval.map((power) => power.toFixed(2));
      say(`log10 of ours over the peer's: ${compared.difference.toFixed(2)} [${low}, ${high}]`);
      figures.push({
        name: `${sampler}, ${name}`,
        ours: compared.ours,
        peer: compared.peer,
        unit: 'regret',
        better: 'lower',
        // Not worse: as high as the interval of the difference lets the peer's be.
        bar: compared.peer * 10 ** (compared.difference - compared.interval[0]),
        peerVersion: peer.version,
      });
    }
    return figures;
  },
};

function runPeer(
  python: string,
  script: string,
  comparison: Comparison,
): { version: string; regrets: number[] } {
  const { stdout, stderr, status } = spawnSync(python, [script, JSON.stringify([comparison])], {
    encoding: 'utf8',
    env: { ...process.env, OMP_NUM_THREADS: '1' },
  });
  if (status !== 0) throw new Error(`peer.py failed: ${stderr.slice(-2000)}`);
  const { version, runs } = JSON.parse(stdout) as {
    version: string;
    runs: { regrets: [number, number][] }[];
  };
  return { version, regrets: (runs[0] as (typeof runs)[number]).regrets.map(([, all]) => all) };
}
