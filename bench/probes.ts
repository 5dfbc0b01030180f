import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Matrix, takeRows, times, transposeTimes } from '../ml/probes/algebra/matrix.ts';
import { fitLogistic } from '../ml/probes/logistic.ts';
import { stream } from '../ml/random/stream.ts';
import { furtherPython } from './lib/python.ts';
import type { Benchmark, Figure } from './types.ts';

const PACKAGES = ['scikit-learn==1.9.1', 'numpy==2.4.6'];

interface Case {
  rows: number;
  columns: number;
  /** Fits to rows drawn with replacement; 0: one fit to all. */
  refits: number;
  /** Ours may take so many times the peer's time. */
  share: number;
}

const CASES: Case[] = [
  { rows: 4000, columns: 512, refits: 0, share: 1 },
  { rows: 4000, columns: 2048, refits: 0, share: 1 },
  { rows: 500, columns: 64, refits: 1000, share: 0.2 },
];

/** Logistic regression with C 1, ours to the same size of the gradient as scikit-learn's lbfgs leaves at its defaults. */
export const benchmark: Benchmark = {
  summary: 'logistic probes and bootstrap refits, beside scikit-learn',
  async run({ root, cache, directory, say }) {
    const python = furtherPython(cache, 'sklearn', PACKAGES, say);
    return CASES.map((one) => {
      const { rows, columns, refits, share } = one;
      const { X, labels, drawn } = write(one, directory);
      const peer = runPeer(python, [
        join(root, 'bench/probes/peer.py'),
        directory,
        `${rows}`,
        `${columns}`,
        `${refits}`,
      ]);
      const samples = refits > 0 ? drawn : [null];
      const repeats = refits > 0 ? 1 : 3;
      let best = Number.POSITIVE_INFINITY;
      for (let repeat = 0; repeat < repeats; repeat++) {
        const start = performance.now();
        for (const own of samples) {
          const inputs = own ? takeRows(X, own) : X;
          const given = own ? Float64Array.from(own, (row) => labels[row] as number) : labels;
          fitLogistic(inputs, given, { tolerance: peer.gradient / firstGradient(inputs, given) });
        }
        best = Math.min(best, performance.now() - start);
      }
      const name = `${refits > 0 ? `${refits} refits of ` : ''}${rows} x ${columns}`;
      say(
        `${name}: ${best.toFixed(0)} ms beside ${peer.ms.toFixed(0)}, gradient ${peer.gradient.toExponential(1)}`,
      );
      const figure: Figure = {
        ...{ name: `logistic, ${name}`, ours: best, peer: peer.ms, unit: 'ms', better: 'lower' },
        ...{ bar: share * peer.ms, peerVersion: peer.version },
      };
      return figure;
    });
  },
};

/** The largest entry of the gradient where all coefficients are 0, which the tolerance is a share of. */
function firstGradient(X: Matrix, labels: Float64Array): number {
  const pull = labels.map((label) => 0.5 - label);
  const slopes = transposeTimes(X, pull).map(Math.abs);
  return slopes.reduce((most, slope) => Math.max(most, slope), Math.abs(pull.reduce((sum, p) => sum + p, 0)));
}

function write({ rows, columns, refits }: Case, directory: string) {
  const draws = stream(0, `bench/probes/${rows}x${columns}`);
  const X = { rows, columns, data: Float64Array.from({ length: rows * columns }, () => draws.normal()) };
  const direction = Float64Array.from({ length: columns }, () => draws.normal() / Math.sqrt(columns));
  const labels = times(X, direction).map((v) => Number(v + draws.normal() > 0));
  const drawn = Array.from({ length: refits }, () =>
    Int32Array.from({ length: rows }, () => draws.integer(rows)),
  );
  const put = (name: string, data: Float64Array | Int32Array) =>
    writeFileSync(join(directory, name), new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  put('x.f64', X.data);
  put('y.f64', labels);
  put('rows.i32', Int32Array.from(drawn.flatMap((own) => [...own])));
  return { X, labels, drawn };
}

function runPeer(python: string, args: string[]): { version: string; ms: number; gradient: number } {
  const { stdout, stderr, status } = spawnSync(python, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`peer.py failed: ${stderr.slice(-2000)}`);
  return JSON.parse(stdout) as { version: string; ms: number; gradient: number };
}
