import type { ReportRun } from '../run.ts';
import type { Section } from '../types.ts';

/** Points that have no result: what they miss is missing from everything above. */
export function failuresSection(run: ReportRun): Section | undefined {
  const failed = run.failed();
  if (failed.length === 0) return undefined;
  return {
    id: 'failures',
    title: 'What failed',
    question: `${failed.length} of ${run.points.length} points have no result. Nothing in this report stands for them.`,
    blocks: [
      {
        type: 'table',
        from: failed,
        table: {
          id: 'failures',
          title: 'Failed points',
          caption: '`plumb rerun --failed` runs exactly these again.',
          columns: [
            { key: 'point', label: 'point' },
            { key: 'code', label: 'error' },
            { key: 'message', label: 'what happened' },
            { key: 'hint', label: 'what to do' },
          ],
          rows: failed.map((point) => ({
            point: point.id,
            code: point.error?.code ?? '',
            message: point.error?.message ?? '',
            hint: point.error?.hint ?? '',
          })),
        },
      },
    ],
  };
}
