/**
 * A benchmark: `bench/<name>.ts` exports `benchmark`. It measures ours and the peer in the same run, in turn, so that a busy
 * machine slows both.
 */
export interface Benchmark {
  /** One line for the list of benchmarks. */
  summary: string;
  run(context: BenchmarkContext): Promise<Figure[]>;
}

export interface BenchmarkContext {
  /** The repository. */
  root: string;
  /** Where what takes long to make is kept between runs: the peers' packages. */
  cache: string;
  /** Scratch space, removed afterwards. */
  directory: string;
  /** Says what is going on, on standard error. */
  say(line: string): void;
}

/** One measured number beside the peer's. */
export interface Figure {
  name: string;
  ours: number;
  peer: number;
  unit: string;
  better: 'higher' | 'lower';
  /** What ours must reach, in the same unit. null: none was set. */
  bar: number | null;
  /** What the peer is, with its version. */
  peerVersion: string;
}
