import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Plan, States } from '../../compiler/plan/types.ts';
import { buildPage } from '../../report/build.ts';
import { toCsv } from '../../report/csv.ts';
import { renderSvg } from '../../report/figures/render.ts';
import { formatMetric, formatNumber, formatP } from '../../report/format.ts';
import { html } from '../../report/html.ts';
import { type ReportPoint, ReportRun } from '../../report/run.ts';
import { renderTable } from '../../report/table.ts';
import { writeReport } from '../../report/write.ts';
import type { Metric, PointRecord } from '../../store/types.ts';

const directory = mkdtempSync(join(tmpdir(), 'plumb-report-'));
afterAll(() => rmSync(directory, { recursive: true }));

const plan: Plan = {
  format: 1,
  name: 'tiny',
  description: 'Is <b>this</b> so?',
  digest: 'd'.repeat(64),
  source: { path: 'specs/tiny.yaml', sha256: 'e'.repeat(64) },
  seeds: [0],
  inputs: { steps: 7 },
  paths: {},
  feedback: null,
  steps: [],
  expect: [],
};

function accepted(step: string, kind: string, metrics: Record<string, Metric>, seconds = 1): ReportPoint {
  const record: PointRecord = {
    key: 'a'.repeat(64),
    kind,
    kindVersion: 1,
    params: { model: { $artifact: 'model', digest: 'b'.repeat(64), from: 'base' } },
    seed: 0,
    outputs: {},
    metrics,
    run: { id: 'r', experiment: 'tiny', step, point: step },
    environment: { node: 'v20' },
    usage: { peakMemoryBytes: 1e6, cpuSeconds: 1 },
    startedAt: `${seconds}`,
    finishedAt: `${seconds}`,
    seconds,
    attempts: seconds,
    dollars: 0,
  };
  return { step, id: step, kind, status: 'accepted', axes: {}, seed: 0, record, directories: {} };
}

const evaluation = (seconds = 1) =>
  accepted(
    'evaluation',
    'model.evaluate',
    {
      reward_before: { value: 0.1, ci_low: 0, ci_high: 0.2, n: 64 },
      reward_after: { value: 1.5, ci_low: 1.2, ci_high: 1.8, n: 64 },
    },
    seconds,
  );
const failed: ReportPoint = {
  step: 'saes',
  id: 'saes[layer=3]',
  kind: 'sae.train',
  status: 'failed',
  axes: { layer: 3 },
  seed: 0,
  directories: {},
  error: { code: 'nan-loss', message: 'loss is NaN at step 3', hint: 'lower learning-rate' },
};

async function write(points: ReportPoint[], name: string): Promise<string> {
  const target = join(directory, name);
  await writeReport(target, buildPage(new ReportRun('tiny-dddd', plan, points), {} as States, 'tiny'));
  return readFileSync(join(target, 'report.html'), 'utf8');
}

test('what people wrote is escaped, everywhere', async () => {
  expect(html`<p>${'<script>'}${['a&b', html`<b>${"'"}</b>`]}</p>`.text).toBe(
    '<p>&lt;script&gt;a&amp;b<b>&#39;</b></p>',
  );
  expect(html`${'a\u0000b\u0085\n'}`.text).toBe('a\ufffdb\ufffd\n');
  expect(await write([evaluation()], 'escaped')).toContain('Is &lt;b&gt;this&lt;/b&gt; so?');
});

test('the page needs nothing from anywhere: no links to other hosts', async () => {
  const page = await write([evaluation()], 'alone');
  expect(page).not.toMatch(/<script src|src="http|href="http|url\(http|@import/);
  expect(page).toContain('<svg');
});

test('a report of the same results has the same bytes, however long they took', async () => {
  expect(await write([evaluation(1)], 'fast')).toBe(await write([evaluation(5000)], 'slow'));
});

test('failed points are shown with what to do, and the page says that something is missing', async () => {
  const page = await write([evaluation(), failed], 'failed');
  expect(page).toContain('loss is NaN at step 3');
  expect(page).toContain('lower learning-rate');
  expect(page).toContain('1 point failed');
});

test('several tunings over seeds: means over seeds, curves of all, and what the alarms saw', async () => {
  const evaluations = ['ppo', 'grpo'].flatMap((way, w) =>
    [0, 1, 2].map((seed): ReportPoint => {
      const point = accepted('evaluation', 'model.evaluate', {
        reward_before: { value: 0.1, ci_low: 0, ci_high: 0.2, n: 64 },
        reward_after: { value: 1 + w + seed, ci_low: 0.5, ci_high: 4, n: 64 },
      });
      const axes = {
        way,
        model: { $artifact: 'model', digest: 'c'.repeat(64), from: `${way}[seed=${seed}]` },
      };
      return { ...point, id: `evaluation[way=${way},seed=${seed}]`, axes, seed };
    }),
  );
  const tunings = [0, 1].map((seed): ReportPoint => {
    const folder = join(directory, `tuned-${seed}`);
    const tables = {
      history: [1, 2, 3].map((step) => ({
        step,
        reward: step,
        kl: 1,
        entropy: 2,
        gradient_norm: step * seed,
      })),
      alarms: [{ step: 3, message: 'The replies have collapsed.' }],
    };
    for (const [name, rows] of Object.entries(tables)) {
      mkdirSync(join(folder, name), { recursive: true });
      const table = { id: name, title: name, caption: '', columns: [{ key: 'step', label: 'step' }], rows };
      writeFileSync(join(folder, name, 'table.json'), JSON.stringify(table));
    }
    const directories = { history: join(folder, 'history'), alarms: join(folder, 'alarms') };
    return {
      ...accepted('tuned', 'rlhf.ppo', { alarms: { value: seed } }),
      id: `tuned[seed=${seed}]`,
      seed,
      directories,
    };
  });
  const page = await write([...evaluations, ...tunings], 'tunings');
  expect(page).toContain('Over seeds');
  // Of 1, 2 and 3: the mean and Student's interval.
  expect(page).toMatch(/2\.00[^<]*<span[^>]*>\[−0\.48/);
  expect(page).toContain('evaluation way=ppo');
  expect(page).toContain('tuned seed=1: 1 alarm. The replies have collapsed.');
  expect(page).toContain('Tuning, step by step: rlhf.ppo');
  expect(page).toContain('Whether the tuning was healthy: rlhf.ppo');
});

test('figures are drawn from their specification alone, equal ones to equal bytes, and wrong ones are refused', async () => {
  const spec = {
    data: { values: [{ a: 1, b: 2 }] },
    mark: 'point',
    encoding: { x: { field: 'a', type: 'quantitative' }, y: { field: 'b', type: 'quantitative' } },
  };
  expect(await renderSvg(spec)).toBe(await renderSvg(spec));
  await expect(renderSvg({ ...spec, mark: 'no-such-mark' })).rejects.toThrow();
});

test('tables show intervals beside values and keep every number in the CSV', () => {
  const table = {
    id: 't',
    title: 'T',
    caption: 'c',
    columns: [
      { key: 'name', label: 'name' },
      {
        key: 'v',
        label: 'value',
        format: 'number' as const,
        interval: ['low', 'high'] as [string, string],
        definition: 'what it is',
      },
    ],
    rows: [
      { name: 'say "hi", twice', v: -0.123456789, low: -0.2, high: 0.05 },
      { name: 'none', v: null, low: null, high: null },
    ],
  };
  const page = renderTable({ type: 'table', table }).text;
  expect(page).toContain('−0.123 <span class="interval">[−0.200, 0.050]</span>');
  expect(page).toContain('what it is');
  expect(page).toContain('<td class="number">–</td>');
  expect(toCsv(table)).toBe('name,v,low,high\r\n"say ""hi"", twice",-0.123456789,-0.2,0.05\r\nnone,,,\r\n');
});

test('numbers are never rounded to something that they are not', () => {
  expect([0, 0.00001, 1234567, Number.NaN, 12.345].map(formatNumber)).toEqual([
    '0',
    '1.00e−5',
    '1.23e+6',
    'n/a',
    '12.3',
  ]);
  // With an interval, all have the digits of the largest.
  expect(formatMetric({ value: -3.7e-4, ci_low: -0.0677, ci_high: 0.0659 })).toBe(
    '−0.0004 [−0.0677, 0.0659]',
  );
  expect(formatMetric({ value: 0.097, ci_low: -0.004, ci_high: 0.195 })).toBe('0.097 [−0.004, 0.195]');
  expect([1e-9, 0.04].map(formatP)).toEqual(['< 0.0001', '0.040']);
});
