import type { DensityHistogram } from '../../ml/sae/metrics/density.ts';
import { type DistributionRow, distributionFigure } from '../figures/distributions.ts';
import { labelOf, type ReportRun } from '../run.ts';
import type { Block } from '../types.ts';

/** More panels than this nobody compares; tables have all. */
const MOST_PANELS = 9;

/** How often features fire: the whole distribution, since a mean of it says little. */
export function densityBlocks(run: ReportRun): Block[] {
  const points = run.accepted('sae.evaluate');
  const steps = new Set(points.map(({ step }) => step));
  const panels = points.flatMap((point) => {
    const density = point.record.outputs.density as unknown as DensityHistogram | undefined;
    if (!density) return [];
    return [rowsOf(density, steps.size > 1 ? `${point.step} ${labelOf(point)}` : labelOf(point))];
  });
  if (panels.length === 0) return [];
  const shown = panels.slice(0, MOST_PANELS);
  return [
    {
      type: 'figure',
      id: 'feature-densities',
      from: points,
      title: 'How often features fire',
      caption: `Features by the share of positions at which they fire, in powers of ten; those at −10 never fire on the positions read (n of dead_fraction below).${panels.length > shown.length ? ` The first ${shown.length} of ${panels.length} dictionaries.` : ''}`,
      spec: distributionFigure(shown.flat(), { title: 'log10 of the share of positions' }),
    },
  ];
}

function rowsOf({ edges, counts }: DensityHistogram, panel: string): DistributionRow[] {
  const features = counts.reduce((sum, count) => sum + count, 0);
  return counts.flatMap((count, bin): DistributionRow[] =>
    count === 0
      ? []
      : [
          {
            from: edges[bin] as number,
            to: edges[bin + 1] as number,
            share: count / features,
            series: 'features',
            role: 'claim',
            panel,
          },
        ],
  );
}
