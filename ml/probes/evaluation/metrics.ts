import type { Estimate } from '../../stats/types.ts';
import type { Control, Protocol, Representation, Role } from '../types.ts';
import type { Against, EvaluatedCell, Evaluation, Gap } from './evaluate.ts';
import type { Measure } from './measures.ts';
import { powerOf } from './power.ts';
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
    protocol: Protocol = 'corrected',
    control: Control = 'none',
  ) =>
    cells.find(
      ({ cell }) =>
        cell.role === role &&
        cell.representation === representation &&
        cell.protocol === protocol &&
        cell.method === 'ridge' &&
        cell.control === control,
    );
  const gapAt = (against: Against, representation: Representation) =>
    gaps.find(
      ({ against: own, of }) =>
        own === against &&
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
  for (const [name, measure] of [
    ['spearman', 'spearman'],
    ['pearson', 'pearson'],
    ['auc', 'auc'],
    ['accuracy', 'accuracy'],
  ] as const) {
    for (const role of ['tuned', 'base'] as const) {
      const entry = cellAt(role, main);
      put(`${name}_${role}`, entry && withChance(entry, measure));
    }
  }
  put('selectivity_tuned', tuned?.selectivity ?? undefined);
  put('selectivity_base', cellAt('base', main)?.selectivity ?? undefined);
  put('tau_layer_0_tuned', withChance(cellAt('tuned', 'layer-0')));
  put('tau_untrained_tuned', cellAt('tuned', main, 'corrected', 'untrained')?.measures.tau);
  if (tuned?.rSquared != null)
    put('r_squared_tuned', { value: tuned.rSquared, n: tuned.words, n_unit: 'word' });
  if (tuned?.chances.tau) {
    const { mean, low, high, permutations } = tuned.chances.tau;
    put('tau_shuffled', {
      value: mean,
      ci_low: low,
      ci_high: high,
      level: 0.95,
      n: permutations,
      n_unit: 'permutation',
    });
  }

  const lfp = gapAt('base', main);
  put('lfp_gap', difference(lfp, 'tau'));
  put('tau_gap_tuned_base', difference(lfp, 'tau'));
  const power = lfp && powerOf(lfp.measures.tau, words.length);
  if (power) {
    put('lfp_gap_words_needed', { value: power.wordsNeeded });
    put('lfp_gap_detectable', { value: power.detectable, n: words.length, n_unit: 'word' });
  }
  put('tau_gap_tuned_random', difference(gapAt('random', main), 'tau'));
  put('tau_gap_raw_tuned_base', difference(gapAt('base', 'raw'), 'tau'));
  put('tau_gap_sae_raw', difference(gapAt('raw', 'sae'), 'tau'));
  put('tau_within_sign_gap_tuned_base', difference(gapAt('base', main), 'tauWithin'));
  put('sign_accuracy_gap_tuned_base', difference(gapAt('base', main), 'signAccuracy'));

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

/** A measure with the p-value of its shuffles. */
function withChance(entry: EvaluatedCell | undefined, measure: Measure = 'tau'): Estimate | undefined {
  if (!entry) return undefined;
  const chance = entry.chances[measure];
  return { ...entry.measures[measure], ...(chance ? { p_value: chance.p_value } : {}) };
}

function difference(gap: Gap | undefined, measure: Measure): Estimate | undefined {
  if (!gap) return undefined;
  const estimate = gap.measures[measure];
  return measure === 'tau' && gap.pValueAdjusted !== null
    ? { ...estimate, p_value: gap.pValueAdjusted }
    : estimate;
}
