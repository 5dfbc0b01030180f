import type { RandomStream } from '../../random/stream.ts';
import { bootstrapMany } from '../../stats/bootstrap.ts';
import { quantile } from '../../stats/quantile.ts';
import type { Estimate } from '../../stats/types.ts';
import { familyOf } from '../../triples/families.ts';
import { balancedAccuracy, type ConceptResult } from './probe-concept.ts';

/**
 * Balanced accuracies and shares of absorbed tokens with bootstrap intervals over word families, all drawn together; chance
 * levels with the central 95 % of the deals.
 */
export function estimateConcept(
  words: readonly string[],
  values: readonly number[],
  { right, shuffled, absorption }: ConceptResult,
  stream: RandomStream,
): Record<string, Estimate> {
  const labels = Uint8Array.from(values, (value) => Number(value > 0));
  const clusters = words.map(familyOf);
  const share = (of: (row: number) => number) => (rows: Int32Array) => {
    let sum = 0;
    let count = 0;
    for (const row of rows) {
      if (!absorption[row]) continue;
      sum += of(row);
      count++;
    }
    return sum / count;
  };
  const measures: Record<string, (rows: Int32Array) => number> = {
    ...Object.fromEntries(
      Object.entries(right).map(([name, of]) => [
        `probing_${name}`,
        (rows: Int32Array) => balancedAccuracy(of, labels, rows),
      ]),
    ),
    probing_gap_k1: (rows) =>
      balancedAccuracy(right.k1!, labels, rows) - balancedAccuracy(right.raw_k1!, labels, rows),
    absorption_silent: share((row) => Number(absorption[row]!.silent)),
    absorption_full: share((row) => Number(absorption[row]!.full)),
    absorption_fraction: share((row) => absorption[row]!.fraction),
  };
  const names = Object.keys(measures);
  const estimates = bootstrapMany(
    words.length,
    names.length,
    (rows, out) => {
      names.forEach((name, i) => {
        out[i] = measures[name]!(rows);
      });
    },
    { stream, unit: 'word family', clusters, replicates: 1000 },
  );
  return {
    ...Object.fromEntries(names.map((name, i) => [name, estimates[i]!])),
    probing_shuffled_k1: chance(shuffled.k1),
    probing_shuffled_k5: chance(shuffled.k5),
    probing_words: { value: new Set(words).size, n: words.length, n_unit: 'token' },
  };
}

function chance(deals: readonly number[]): Estimate {
  const value = deals.reduce((sum, deal) => sum + deal / deals.length, 0);
  return {
    value,
    ci_low: quantile(deals, 0.025),
    ci_high: quantile(deals, 0.975),
    level: 0.95,
    n: deals.length,
    n_unit: 'deal',
  };
}
