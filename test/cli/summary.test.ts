import { expect, test } from 'vitest';
import { summary } from '../../cli/summary.ts';
import type { ExperimentResult } from '../../workflows/types.ts';

const RESULT: ExperimentResult = {
  state: 'completed',
  counts: { total: 35, computed: 30, cached: 5, failed: 0, blocked: 0, skipped: 0 },
  failures: [],
  verdicts: [],
  reports: [],
  different: [],
  seconds: 200,
  dollars: 0,
};
const context = { runId: 'quickstart-ab12', directory: '/p/.plumb', seconds: 252, report: '/p/report.html' };

test('a completed run: counts, verdicts with their numbers, the report', () => {
  const result: ExperimentResult = {
    ...RESULT,
    dollars: 1.234,
    verdicts: [
      {
        name: 'the reward rose',
        check: 'a > b',
        verdicts: [
          { seed: 0, held: true, values: { 'steps.tuned.metrics.a': 0.51234 } },
          { seed: 1, held: false, values: { 'steps.tuned.metrics.a': { value: 0.1 } } },
          { seed: 2, held: null, why: 'tuned failed', values: {} },
        ],
      },
    ],
  };
  expect(summary({ status: 'COMPLETED', result, why: null }, context)).toBe(
    [
      'quickstart-ab12 completed in 4 min: 35 points: 30 computed, 5 from the store, $1.23 spent',
      '  held      the reward rose (seed 0)  steps.tuned.metrics.a = 0.512',
      '  not held  the reward rose (seed 1)  steps.tuned.metrics.a = 0.1',
      '  open      the reward rose (seed 2)  tuned failed',
      'report  /p/report.html',
      '',
    ].join('\n'),
  );
});

test('a run with failures: each with reason, hint and log, and what to do then', () => {
  const result: ExperimentResult = {
    ...RESULT,
    state: 'failed',
    counts: { ...RESULT.counts, computed: 27, failed: 1, blocked: 2 },
    failures: [
      {
        step: 'saes',
        id: 'saes[layer=3]',
        key: null,
        error: { code: 'nan-loss', message: 'The loss is NaN.', hint: 'Lower `learning-rate`.' },
      },
      ...['probes', 'report'].map((id) => ({
        step: id,
        id,
        key: null,
        error: { code: 'blocked', message: '' },
      })),
    ],
    different: [{ id: 'base', outputs: ['model'] }],
  };
  expect(summary({ status: 'FAILED', result, why: null }, { ...context, report: null })).toBe(
    [
      'quickstart-ab12 ended with failures in 4 min: 35 points: 27 computed, 5 from the store, 1 failed, 2 blocked',
      '  failed  saes[layer=3]  nan-loss: The loss is NaN.',
      '          Lower `learning-rate`.',
      '          /p/.plumb/logs/quickstart-ab12/saes[layer=3].log',
      '  blocked probes, report',
      '  after mending the cause: plumb rerun --failed quickstart-ab12',
      '  not deterministic  base: model came out different from what is recorded',
      '',
    ].join('\n'),
  );
});

test('a run that was cancelled or broke says so', () => {
  expect(summary({ status: 'CANCELLED', result: null, why: 'Workflow execution cancelled' }, context)).toBe(
    'quickstart-ab12 was cancelled in 4 min: Workflow execution cancelled\n',
  );
});
