import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type CompareOptions, compare } from '../../../cli/commands/compare.ts';
import { compileFile } from '../../../cli/compile.ts';
import type { Plan } from '../../../compiler/plan/types.ts';
import { intervalFigure } from '../../../report/figures/intervals.ts';
import { putArtifact } from '../../../store/artifacts.ts';
import { openStore } from '../../../store/open.ts';
import { acceptResult } from '../../../store/results.ts';
import type { Metric, PointRecord } from '../../../store/types.ts';
import { recordRunEnd, recordRunStart, runIdOf } from '../../../worker/runs.ts';
import { scratchDirectory } from '../../infra/scratch-project.ts';
import { lowContrast } from '../../report/support/contrast.ts';
import { browserPath, openBrowser } from '../../support/browser.ts';

const SPEC = `version: 1
name: small
inputs: { count: { type: integer, default: 100 } }
steps:
  reviews: { uses: data.reviews-synthetic, with: { count: "\${{ inputs.count }}" } }
  base:
    uses: lm.train
    matrix: { steps: [10, 20] }
    with:
      data: \${{ steps.reviews }}
      architecture: { type: gpt-neox, layers: 2, width: 32, heads: 2 }
      steps: \${{ matrix.steps }}
`;

let folder: string;
let file: string;
const store = () => openStore(join(folder, '.plumb', 'store'));
beforeEach(() => {
  folder = scratchDirectory();
  file = join(folder, 'small.yaml');
  vi.stubEnv('PLUMBLINE_DIRECTORY', join(folder, '.plumb'));
  vi.stubEnv('PLUMBLINE_STORE', '');
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

async function planOf(text: string): Promise<Plan> {
  writeFileSync(file, text);
  const { plan } = await compileFile(file, { for: 'run' });
  return plan as Plan;
}

let made = 0;
type Results = Record<string, { key?: string; metrics: Record<string, Metric> } | null>;

/** Records an ended run with these results, by the ids of points, and with the figures of its report, by their ids. */
async function ran(text: string, results: Results, figures: Record<string, object> = {}): Promise<string> {
  const plan = await planOf(text);
  const id = runIdOf(plan);
  const points = [];
  for (const [point, result] of Object.entries(results)) {
    const step = point.replace(/\[.*/, '');
    const key = result && (result.key ?? String(++made)).padStart(64, '0');
    points.push({ step, id: point, what: result ? ('accepted' as const) : ('failed' as const), key });
    if (!result || !key) continue;
    const record: PointRecord = {
      key,
      kind: 'lm.train',
      kindVersion: 1,
      params: {},
      seed: 0,
      outputs: {},
      metrics: result.metrics,
      run: { id, experiment: plan.name, step, point },
      environment: {},
      usage: { peakMemoryBytes: 0, cpuSeconds: 0 },
      startedAt: '2026-01-01T00:00:00Z',
      finishedAt: '2026-01-01T00:00:01Z',
      seconds: 1,
      attempts: 1,
      dollars: 0,
    };
    await acceptResult(store(), record);
  }
  await recordRunStart(
    store(),
    {
      id,
      experiment: plan.name,
      planDigest: plan.digest,
      spec: { path: 'small.yaml', sha256: plan.source.sha256 },
      git: null,
      startedAt: `2026-01-01T00:00:0${made}Z`,
      startedBy: 'test',
      state: 'running',
      finishedAt: null,
      result: null,
    },
    plan,
    text,
  );
  const reports = await reportOf(figures);
  await recordRunEnd(store(), id, {
    state: 'completed',
    points,
    result: { reports },
  } as unknown as Parameters<typeof recordRunEnd>[2]);
  return id;
}

async function reportOf(figures: Record<string, object>) {
  if (Object.keys(figures).length === 0) return [];
  const directory = mkdtempSync(join(folder, 'report-'));
  mkdirSync(join(directory, 'figures'));
  for (const [name, spec] of Object.entries(figures))
    writeFileSync(join(directory, 'figures', `${name}.vl.json`), JSON.stringify(spec));
  return [{ step: 'report', point: 'report', artifact: await putArtifact(store(), 'report', directory) }];
}

async function compared(a: string, b: string, options: CompareOptions = {}): Promise<string> {
  let text = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += chunk;
    return true;
  });
  try {
    expect(await compare(a, b, options)).toBe(0);
  } finally {
    vi.restoreAllMocks();
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the colours of a terminal
  return text.replace(/\u001b\[\d+m/g, '');
}

const LONGER = SPEC.replace('[10, 20]', '[10, 40]').replace('default: 100', 'default: 200');
const loss = (value: number): Metric => ({ value, ci_low: value - 0.3, ci_high: value + 0.4, level: 0.95 });

async function twoRuns(): Promise<[string, string]> {
  const first = await ran(SPEC, {
    reviews: { key: '77', metrics: { texts: { value: 100 } } },
    'base[steps=10]': { metrics: { loss: loss(3), tokens: { value: 500 }, gone: { value: 1 } } },
    'base[steps=20]': { metrics: { loss: loss(2) } },
  });
  const second = await ran(LONGER, {
    reviews: { key: '77', metrics: { texts: { value: 100 } } },
    'base[steps=10]': { metrics: { loss: loss(1), tokens: { value: 400 } } },
    'base[steps=40]': null,
  });
  return [first, second];
}

test('settings and measures that differ stand side by side, and what only one has is named', async () => {
  const [first, second] = await twoRuns();
  const text = await compared(first, second);
  expect(text).toContain('changed  reviews: inputs.count: 100 -> 200');
  expect(text).toContain('changed  base: the axis steps gained 40 and lost 20');
  expect(text).toMatch(
    /loss +3\.000 \[2\.700, 3\.400\] +1\.000 \[0\.700, 1\.400\] +−2\.000 \[−2\.500, −1\.500\] \*/,
  );
  expect(text).toMatch(/tokens +500 +400 +−100\n/);
  expect(text).toMatch(/gone +1\.000 +–\n/);
  expect(text).not.toMatch(/^ +texts /m);
  expect(text).toContain('1 of 4 are equal; --all lists them');
  expect(text).toContain('Only in A: base[steps=20]');
  expect(await compared(first, second, { all: true })).toMatch(/^ +texts +100 +100 +0$/m);
});

test('as JSON it is data: heads, settings, measures with the interval of their difference', async () => {
  const [first, second] = await twoRuns();
  const data = JSON.parse(await compared(first, second, { json: true }));
  expect([data.a.id, data.b.id]).toEqual([first, second]);
  expect(data.settings.changed.base).toEqual(['the axis steps gained 40 and lost 20']);
  const [texts, first10] = data.measures;
  expect(texts).toMatchObject({ point: 'reviews', name: 'texts', same: true });
  expect(first10).toMatchObject({ point: 'base[steps=10]', name: 'loss', same: false });
  expect(first10.difference).toEqual({
    value: -2,
    ci_low: expect.closeTo(-2.5, 12),
    ci_high: expect.closeTo(-1.5, 12),
    level: 0.95,
    apart: true,
  });
  expect(data.only).toEqual({ before: ['base[steps=20]'], after: [] });
});

test('intervals of two levels give no interval of the difference', async () => {
  const first = await ran(SPEC, { 'base[steps=10]': { metrics: { loss: loss(3) } } });
  const second = await ran(LONGER, { 'base[steps=10]': { metrics: { loss: { ...loss(1), level: 0.9 } } } });
  const { measures } = JSON.parse(await compared(first, second, { json: true }));
  expect(measures[0].difference).toEqual({ value: -2, apart: null });
});

test('a file, and a file at a revision, mean the runs of their plans', async () => {
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
      cwd: folder,
      stdio: 'pipe',
    });
  git('init', '-q');
  const first = await ran(SPEC, { 'base[steps=10]': { metrics: { loss: loss(3) } } });
  git('add', 'small.yaml');
  git('commit', '-qm', 'one');
  const second = await ran(LONGER, { 'base[steps=10]': { metrics: { loss: loss(1) } } });
  const data = JSON.parse(await compared(`${file}@HEAD`, file, { json: true }));
  expect([data.a.id, data.b.id]).toEqual([first, second]);
});

test('what was never run, or has not ended, is an error that says what to do', async () => {
  const first = await ran(SPEC, {});
  writeFileSync(file, LONGER);
  await expect(compare(first, file)).rejects.toMatchObject({
    message: expect.stringContaining('has not been run'),
    hint: `\`plumb run ${file}\` runs it.`,
  });
  await expect(compare(first, 'nothing')).rejects.toThrow('There is no run nothing.');
  const plan = await planOf(LONGER);
  const id = runIdOf(plan);
  const record = { ...(await store().readDocument<object>(`runs/${first}/run`)), id };
  await recordRunStart(store(), record as Parameters<typeof recordRunStart>[1], plan, LONGER);
  await expect(compare(first, id)).rejects.toThrow('has not ended yet');
});

describe('as a page', () => {
  const reward = (value: number) =>
    intervalFigure([{ label: 'after tuning', role: 'claim', value, low: value - 1, high: value + 1 }], {
      title: 'mean reward',
    });
  async function page(): Promise<string> {
    const results = (value: number): Results => ({
      reviews: { key: '77', metrics: { texts: { value: 100 } } },
      'base[steps=10]': { metrics: { held_out_loss: loss(value), tokens: { value: 100 * value, n: 3 } } },
    });
    const first = await ran(SPEC, results(3), { reward: reward(1), 'only-a': reward(1) });
    const second = await ran(LONGER, results(1), { reward: reward(2), 'only-b': reward(1) });
    const target = join(folder, 'compared.html');
    await compared(first, second, { html: target });
    return target;
  }

  test('settings, measures with intervals that lead to their definitions, figures of both over each other', async () => {
    const html = readFileSync(await page(), 'utf8');
    const text = html.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');
    expect(text).toContain('base the axis steps gained 40 and lost 20');
    expect(text).toMatch(
      /3\.000 \[2\.700, 3\.400\] 1\.000 \[0\.700, 1\.400\] −2\.000 \[−2\.500, −1\.500\] \*/,
    );
    expect(text).toMatch(
      /Measured otherwise 2 of 3 measures\. Of 1 difference with an interval, 1 leaves out 0/,
    );
    expect(html).toMatch(/href="#measure-lm\.train-held_out_loss"/);
    expect(html).toMatch(/title="[^"]*n = 3[^"]*base\[steps=10\] · result \w{12}"/);
    expect(html.match(/<svg/g)).toHaveLength(1);
    expect(html).toContain('id="figure-reward"');
    expect(text).toContain('Only in A: only-a.');
    expect(text).toContain('Only in B: only-b.');
  });

  test.skipIf(browserPath === null)(
    'in Chromium: no errors, nothing sticks out, links lead somewhere, contrast',
    async () => {
      const browser = await openBrowser();
      try {
        const tab = await browser.newPage();
        const problems: string[] = [];
        tab.on('pageerror', ({ message }) => problems.push(message));
        tab.on('console', (message) => problems.push(message.text()));
        await tab.goto(pathToFileURL(await page()).href);
        for (const width of [360, 768, 1400]) {
          await tab.setViewportSize({ width, height: 900 });
          expect(await tab.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
        }
        await tab.evaluate('for (const one of document.querySelectorAll("details")) one.open = true');
        expect(await tab.evaluate(lowContrast)).toEqual([]);
        const dead = await tab.evaluate(`[...document.querySelectorAll('a[href^="#"]')]
          .filter((one) => !document.getElementById(decodeURIComponent(one.hash.slice(1)))).map((one) => one.hash)`);
        expect(dead).toEqual([]);
        expect(problems).toEqual([]);
      } finally {
        await browser.close();
      }
    },
    30_000,
  );
});
