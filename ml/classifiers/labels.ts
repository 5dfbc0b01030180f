/**
 * Names of the outputs, by index: `id2label` of a config.json. `transformers` leaves it out when there are two labels with
 * their default names.
 */
export function labelsOf(config: Record<string, unknown>): string[] {
  const { id2label, num_labels: count } = config;
  if (typeof id2label === 'object' && id2label !== null && !Array.isArray(id2label)) {
    const named = Object.entries(id2label).sort(([a], [b]) => Number(a) - Number(b));
    if (named.length > 0) return named.map(([, label]) => String(label));
  }
  const outputs = Number.isInteger(count) && (count as number) > 0 ? (count as number) : 2;
  return Array.from({ length: outputs }, (_, i) => `LABEL_${i}`);
}

/** The fields of config.json that name the outputs. */
export const labelFields = (labels: readonly string[]) => ({
  id2label: Object.fromEntries(labels.map((label, i) => [String(i), label])),
  label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
});
