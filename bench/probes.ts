import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Matrix, times, transposeTimes } from '../ml/probes/algebra/matrix.ts';
import type { LinearProbe } from '../ml/probes/linear-probe.ts';
import { fitLogistic } from '../ml/probes/logistic.ts';
import { fitLogisticBatch } from '../ml/probes/logistic-batch.ts';
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
      const tolerance = peer.gradient / firstGradient(X, labels);
      let best = Number.POSITIVE_INFINITY;
      let fits: LinearProbe[] = [];
      for (let repeat = 0; repeat < 3; repeat++) {
        const start = performance.now();
        fits =
          refits > 0
            ? fitLogisticBatch(
                X,
                drawn.map((own) => ({ labels, counts: countsOf(own, rows) })),
                { tolerance },
              )
            : [fitLogistic(X, labels, { tolerance })];
        best = Math.min(best, performance.now() - start);
      }
      const name = `${refits > 0 ? `${refits} refits of ` : ''}${rows} x ${columns}`;
      const exact = fitLogistic(X, labels);
      const far = (coefficients: ArrayLike<number>) =>
        exact.coefficients.reduce(
          (most, w, j) => Math.max(most, Math.abs(w - (coefficients[j] as number))),
          0,
        );
      say(
        `${name}: ${best.toFixed(0)} ms beside ${peer.ms.toFixed(0)}, gradient ${peer.gradient.toExponential(1)}, ` +
          (refits > 0
            ? `coefficients of the first refits differ by ${differenceFrom(peer.coefficients, fits).toExponential(1)} at most`
            : `coefficients from those of the exact optimum: ${far((fits[0] as LinearProbe).coefficients).toExponential(1)}, ` +
              `the peer's ${far(peer.coefficients[0] as number[]).toExponential(1)}`),
      );
      const figure: Figure = {
        ...{ name: `logistic, ${name}`, ours: best, peer: peer.ms, unit: 'ms', better: 'lower' },
        ...{ bar: share * peer.ms, peerVersion: peer.version },
      };
      return figure;
    });
  },
};

/** How often each row was drawn. */
function countsOf(drawn: Int32Array, rows: number): Int32Array {
  const counts = new Int32Array(rows);
  for (const row of drawn) counts[row] = (counts[row] as number) + 1;
  return counts;
}

/** The largest difference of a coefficient, of the first fits, which the peer prints. */
function differenceFrom(coefficients: readonly number[][], fits: readonly LinearProbe[]): number {
  let most = 0;
  coefficients.forEach((own, f) => {
    own.forEach((w, j) => {
      most = Math.max(most, Math.abs(w - ((fits[f] as LinearProbe).coefficients[j] as number)));
    });
  });
  return most;
}

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

interface Peer {
  version: string;
  ms: number;
  /** Its largest entry at the end of the fit; of refits the median. */
  gradient: number;
  /** Of the first fits. */
  coefficients: number[][];
}

function runPeer(python: string, args: string[]): Peer {
  const { stdout, stderr, status } = spawnSync(python, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`peer.py failed: ${stderr.slice(-2000)}`);
  return JSON.parse(stdout) as Peer;
}
