import type { Json } from '../../store/types.ts';
import { formatDollars } from '../format.ts';
import { html } from '../html.ts';
import { labelOf, type ReportRun } from '../run.ts';
import { pointAnchor, shortKey } from '../trace.ts';
import type { Section } from '../types.ts';

/**
 * Where everything came from and how to get it again. No wall-clock times: a report of the same results has the same
 * bytes, however often the run was interrupted (`plumb status` tells how long it took).
 */
export function provenanceSection(run: ReportRun): Section {
  const { plan } = run;
  const dollars = run.points.reduce((sum, point) => sum + (point.record?.dollars ?? 0), 0);
  const sets = Object.entries(plan.inputs).map(
    ([name, value]) => `--set ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const commands = [
    'git clone <this repository> && cd <it>',
    'npm run setup',
    `npx plumb run ${plan.source.path}${sets.length > 0 ? ` ${sets.join(' ')}` : ''}`,
  ];
  return {
    id: 'provenance',
    title: 'How to reproduce',
    question: 'Which file, which inputs, which software; what each result was made from; what it cost.',
    blocks: [
      { type: 'text', body: html`<pre>${commands.join('\n')}</pre>` },
      {
        type: 'table',
        table: {
          id: 'experiment',
          title: 'The experiment',
          caption:
            'Equal digests mean equal results on the same kind of machine with the same number of threads.',
          columns: [
            { key: 'what', label: 'what' },
            { key: 'value', label: 'value' },
          ],
          rows: [
            { what: 'file', value: plan.source.path },
            { what: 'file, SHA-256', value: plan.source.sha256 },
            { what: 'plan digest', value: plan.digest },
            { what: 'seeds', value: plan.seeds.join(', ') },
            { what: 'spent on labelling', value: formatDollars(dollars) },
            ...environmentRows(run),
          ],
        },
      },
      {
        type: 'table',
        fold: 8,
        anchor: ({ id }) => pointAnchor(String(id)),
        table: {
          id: 'lineage',
          title: 'Lineage',
          caption:
            'Every point, its key (a digest of its kind, parameters, inputs and seed) and what it was made from. `plumb artifacts show KEY` tells more.',
          columns: [
            { key: 'step', label: 'step' },
            { key: 'point', label: 'point' },
            { key: 'kind', label: 'kind' },
            { key: 'seed', label: 'seed', format: 'integer' },
            { key: 'status', label: 'status' },
            { key: 'key', label: 'key' },
            { key: 'inputs', label: 'made from' },
          ],
          rows: run.points.map((point) => ({
            step: point.step,
            point: labelOf(point),
            kind: point.kind,
            seed: point.seed,
            status: point.status,
            key: point.record ? shortKey(point.record.key) : '–',
            inputs: [...new Set(inputsOf(point.record?.params ?? null))].join(', ') || '–',
            id: point.id,
          })),
        },
      },
    ],
  };
}

function inputsOf(value: Json): string[] {
  if (value === null || typeof value !== 'object') return [];
  if (Array.isArray(value)) return value.flatMap(inputsOf);
  if (typeof value.$artifact === 'string')
    return [typeof value.from === 'string' ? value.from : String(value.digest).slice(0, 12)];
  return Object.values(value).flatMap(inputsOf);
}

function environmentRows(run: ReportRun): { what: string; value: string }[] {
  const seen = new Map<string, Set<string>>();
  for (const point of run.points) {
    for (const [name, value] of Object.entries(point.record?.environment ?? {})) {
      if (value === null) continue;
      const values = seen.get(name) ?? new Set();
      seen.set(name, values.add(typeof value === 'string' ? value : JSON.stringify(value)));
    }
  }
  return [...seen.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([what, values]) => ({ what, value: [...values].sort().join('; ') }));
}
