import type { Estimate } from '../../stats/types.ts';
import type { Representation, Role } from '../types.ts';
import type { EvaluatedCell, Evaluation, Gap, GapName } from './evaluate.ts';
import type { Measure } from './measures.ts';
import { publishedRows, SWITCHES } from './published.ts';

/** Number with its unit of n, as the store's `Metric`. */
type ProbeMetric = Omit<Estimate, 'n' | 'n_unit'> & Partial<Pick<Estimate, 'n' | 'n_unit'>>;

/**
 * The headline numbers, by the names that the kind `probe.evaluate` declares: of the corrected ridge probe, on dictionary
 * features if there are any (`main`), else on the activations. Absent: what was not fitted, or is undefined.
 */
export function probeMetrics(evaluation: Evaluation): Record<string, ProbeMetric> {
  const { cells, gaps, words, families } = evaluation;
  const metrics: Record<string, ProbeMetric> = {};
  const put = (name: string, metric: ProbeMetric | undefined): void => {
    if (metric && Number.isFinite(metric.value)) metrics[name] = metric;
  };
  const main: Representation = cells.some(({ cell }) => cell.representation === 'sae') ? 'sae' : 'raw';
  const cellAt = (
    role: Role,
    representation: Representation,
    protocol: 'corrected' | 'faithful' = 'corrected',
  ) =>
    cells.find(
      ({ cell }) =>
        cell.role === role &&
        cell.representation === representation &&
        cell.protocol === protocol &&
        cell.method === 'ridge' &&
        cell.control === 'none',
    );
  const gapAt = (name: GapName, representation: Representation) =>
    gaps.find(
      ({ name: own, of }) =>
        own === name &&
        of.representation === representation &&
        of.protocol === 'corrected' &&
        of.method === 'ridge',
    );

  for (const role of ['tuned', 'base', 'random'] as const) {
    const entry = cellAt(role, main);
    put(`tau_${role}`, withChance(entry));
    put(`tau_within_sign_${role}`, entry?.measures.tauWithin);
    put(`sign_accuracy_${role}`, entry?.measures.signAccuracy);
    put(`tau_raw_${role}`, withChance(cellAt(role, 'raw')));
    put(`tau_faithful_${role}`, cellAt(role, main, 'faithful')?.measures.tau);
  }
  const tuned = cellAt('tuned', main);
  put('tau_positive_tuned', tuned?.measures.tauPositive);
  put('tau_negative_tuned', tuned?.measures.tauNegative);
  if (tuned?.rSquared != null)
    put('r_squared_tuned', { value: tuned.rSquared, n: tuned.words, n_unit: 'word' });
  if (tuned?.chance) {
    const { mean, low, high, permutations } = tuned.chance;
    put('tau_shuffled', {
      value: mean,
      ci_low: low,
      ci_high: high,
      level: 0.95,
      n: permutations,
      n_unit: 'permutation',
    });
  }

  put('tau_gap_tuned_base', difference(gapAt('tuned - base', main), 'tau'));
  put('tau_gap_tuned_random', difference(gapAt('tuned - random', main), 'tau'));
  put('tau_gap_raw_tuned_base', difference(gapAt('tuned - base', 'raw'), 'tau'));
  put('tau_gap_sae_raw', difference(gapAt('sae - raw', 'sae'), 'tau'));
  put('tau_within_sign_gap_tuned_base', difference(gapAt('tuned - base', main), 'tauWithin'));
  put('sign_accuracy_gap_tuned_base', difference(gapAt('tuned - base', main), 'signAccuracy'));

  const published = publishedRows(cells, SWITCHES).find(
    ({ switches }) => switches.length === SWITCHES.length,
  );
  if (published) {
    const { tau, p_value, words: n } = published;
    put('tau_as_published', {
      value: tau,
      n,
      n_unit: 'word',
      ...(Number.isFinite(p_value) ? { p_value } : {}),
    });
  }
  put('words', { value: words.length });
  put('word_families', { value: families });
  return metrics;
}

/** Tau with the p-value of its shuffles. */
function withChance(entry: EvaluatedCell | undefined): Estimate | undefined {
  if (!entry) return undefined;
  return { ...entry.measures.tau, ...(entry.chance ? { p_value: entry.chance.p_value } : {}) };
}

function difference(gap: Gap | undefined, measure: Measure): Estimate | undefined {
  if (!gap) return undefined;
  const estimate = gap.measures[measure];
  return measure === 'tau' && gap.pValueAdjusted !== null
    ? { ...estimate, p_value: gap.pValueAdjusted }
    : estimate;
}
