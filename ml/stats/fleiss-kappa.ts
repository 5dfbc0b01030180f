/**
 * Fleiss' kappa: agreement beyond chance of any number of raters who all labelled every subject,
 *
 *   kappa = (P - P_e) / (1 - P_e),  P = mean_i sum_c n_ic (n_ic - 1) / (r (r - 1)),  P_e = sum_c p_c^2
 *
 * with n_ic the raters who gave subject i the label c, r raters, and p_c the share of label c among all ratings
 * (J. L. Fleiss, Psychol. Bull. 76, 1971; statsmodels' fleiss_kappa). NaN when all ratings are one label, or with one rater.
 *
 * @param subjects the labels of each subject, one a rater
 */
export function fleissKappa(subjects: readonly (readonly (string | number)[])[]): number {
  const raters = subjects[0]?.length ?? 0;
  const totals = new Map<string | number, number>();
  let agreement = 0;
  for (const labels of subjects) {
    if (labels.length !== raters)
      throw new RangeError(`fleissKappa: ${labels.length} ratings of a subject, ${raters} of another`);
    const counts = new Map<string | number, number>();
    for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
    for (const [label, count] of counts) {
      totals.set(label, (totals.get(label) ?? 0) + count);
      agreement += (count * (count - 1)) / (raters * (raters - 1) * subjects.length);
    }
  }
  let chance = 0;
  for (const total of totals.values()) chance += (total / (raters * subjects.length)) ** 2;
  return totals.size > 1 ? (agreement - chance) / (1 - chance) : Number.NaN;
}
