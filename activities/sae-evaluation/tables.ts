import type { Firings } from '../../ml/sae/metrics/dead-fraction.ts';
import type { DensityHistogram } from '../../ml/sae/metrics/density.ts';
import type { Table } from '../../store/table.ts';

export function densityTable({ edges, counts }: DensityHistogram, firings: Firings, texts: number): Table {
  const features = firings.counts_F.length;
  const rows = counts.flatMap((count, i) =>
    count === 0
      ? []
      : [{ from: edges[i] as number, to: edges[i + 1] as number, count, share: count / features }],
  );
  return {
    id: 'feature-density',
    title: 'How often features fire',
    caption: `The ${features} features by the share of ${firings.rows} positions (${texts} texts that training did not see) at which they are above 0, on a scale of log10(share + 1e-10). The lowest bin holds features that never fire.`,
    columns: [
      { key: 'from', label: 'log10 share, from', format: 'number' },
      { key: 'to', label: 'to', format: 'number' },
      { key: 'count', label: 'features', format: 'integer' },
      { key: 'share', label: 'of all features', format: 'percent' },
    ],
    rows,
  };
}

const BINS = 20;

/** Features by their largest cosine to another, beside random directions: a dictionary that repeats itself stands out. */
export function similarityTable(cosines: Float32Array, random: Float32Array): Table {
  const counted = (values: Float32Array) => {
    const counts = new Array<number>(2 * BINS).fill(0);
    for (const value of values)
      counts[Math.min(2 * BINS - 1, Math.max(0, Math.floor((value + 1) * BINS)))]! += 1;
    return counts;
  };
  const control = counted(random);
  return {
    id: 'decoder-similarity',
    title: 'How alike the features of a dictionary are',
    caption: `The ${cosines.length} features by the largest cosine of their decoder row to that of any other feature, beside as many random directions. Rows near 1 are features that another one repeats.`,
    columns: [
      { key: 'from', label: 'largest cosine, from', format: 'number' },
      { key: 'to', label: 'to', format: 'number' },
      { key: 'count', label: 'features', format: 'integer' },
      { key: 'share', label: 'of all features', format: 'percent' },
      { key: 'random', label: 'of random directions', format: 'percent' },
    ],
    rows: counted(cosines).flatMap((count, i) =>
      count === 0 && control[i] === 0
        ? []
        : [
            {
              from: i / BINS - 1,
              to: (i + 1) / BINS - 1,
              count,
              share: count / cosines.length,
              random: control[i]! / random.length,
            },
          ],
    ),
  };
}
