import { stream } from '../../ml/random/stream.ts';
import { percentileInterval } from '../../ml/stats/bootstrap.ts';
import { median } from '../../ml/stats/quantile.ts';

/** Ours and the peer's median regrets, and how many powers of ten ours is above: with a bootstrap interval over seeds. */
export interface Compared {
  ours: number;
  peer: number;
  difference: number;
  interval: [low: number, high: number];
}

const REPLICATES = 2000;
/** Beyond so small a regret nothing is compared. */
const LEAST = 1e-10;

export function compareRegrets(ours: readonly number[], peer: readonly number[]): Compared {
  const logs = (regrets: readonly number[]) => regrets.map((regret) => Math.log10(Math.max(regret, LEAST)));
  const [a, b] = [logs(ours), logs(peer)];
  const draws = stream(0, 'search regrets');
  const again = (values: readonly number[]) => median(values.map(() => draws.choice(values)));
  const replicates = Array.from({ length: REPLICATES }, () => again(a) - again(b));
  return {
    ours: median(ours),
    peer: median(peer),
    difference: median(a) - median(b),
    interval: percentileInterval(replicates, 0.95),
  };
}
