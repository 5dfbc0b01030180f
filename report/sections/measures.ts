import { KINDS } from '../../compiler/kinds/registry.ts';
import type { ReportRun } from '../run.ts';
import { measureAnchor } from '../trace.ts';
import type { Section } from '../types.ts';

/** What every measure means, in one place: names of measures elsewhere link here. */
export function measuresSection(run: ReportRun): Section | undefined {
  const kinds = [...new Set(run.points.flatMap(({ kind, record }) => (record ? [kind] : [])))];
  const rows = kinds.flatMap((kind) => {
    const measured = new Set(run.accepted(kind).flatMap(({ record }) => Object.keys(record.metrics)));
    const definitions = KINDS.get(kind)?.metrics ?? {};
    return [...measured].map((measure) => ({ kind, measure, definition: definitions[measure] ?? '' }));
  });
  if (rows.length === 0) return undefined;
  return {
    id: 'measures',
    title: 'Measures',
    question:
      'What each number is. Every value leads to its point, and from there to its seed, its key and what it was made from.',
    blocks: [
      {
        type: 'table',
        closed: true,
        anchor: ({ kind, measure }) => measureAnchor(String(kind), String(measure)),
        table: {
          id: 'definitions',
          title: 'Definitions',
          caption:
            'Intervals are two-sided at 95 % where nothing else is said; how they were made is part of the definition.',
          columns: [
            { key: 'kind', label: 'kind of step' },
            { key: 'measure', label: 'measure' },
            { key: 'definition', label: 'definition' },
          ],
          rows,
        },
      },
    ],
  };
}
