import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { browserPath, openBrowser } from '../support/browser.ts';
import { Installation, type Project } from './support/installation.ts';

/** What people look at, in a real Chromium: the report, and Temporal's web UI of a run. */
const SPEC = `
version: 1
name: pages
description: A model on three sizes of data.
seeds: [0]
steps:
  reviews:
    uses: data.reviews-synthetic
    matrix: { count: [40, 50, 60], neutral: [0.2, 0.4] }
    with: { count: "\${{ matrix.count }}", neutral: "\${{ matrix.neutral }}" }
  base:
    uses: lm.train
    with:
      data: "\${{ select(steps.reviews, 'count', 60, 'neutral', 0.2) }}"
      architecture: { type: gpt-neox, layers: 2, width: 16, heads: 2 }
      tokenizer: { type: word-level, size: 400 }
      context: 24
      batch: 8
      steps: 10
  random: { uses: model.initialise, with: { like: "\${{ steps.base }}" } }
  moved: { uses: model.divergence, with: { base: "\${{ steps.base }}", tuned: "\${{ steps.random }}", keep: 1 } }
  report: { uses: report }
expect:
  - { name: the base model learns nothing in ten steps, check: "steps.base.metrics.held_out_loss > 1" }
`;

describe.skipIf(browserPath === null)('in Chromium', () => {
  let installation: Installation;
  let project: Project;
  let browser: Browser;
  let output: string;
  let ui: string;

  beforeAll(async () => {
    installation = await Installation.make();
    project = installation.project('pages');
    writeFileSync(join(project.directory, 'pages.yaml'), SPEC);
    await project.plumb('up');
    ({ output } = await project.plumb('run', 'pages.yaml'));
    ui = /http:\/\/\S+workflows\/pages-\w+/.exec(output)?.[0] ?? `no address in: ${output}`;
    browser = await openBrowser();
  }, 300_000);
  afterAll(async () => {
    await browser?.close();
    await project?.close();
    installation?.remove();
  }, 60_000);

  async function open(address: string): Promise<{ page: Page; problems: string[] }> {
    const page = await browser.newPage({ viewport: { width: 1280, height: 2400 } });
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
    page.on('request', (request) => {
      if (address.startsWith('file:') && !/^(file|data):/.test(request.url())) problems.push(request.url());
    });
    await page.goto(address);
    return { page, problems };
  }

  /** All text of a page. The web UI shows Markdown in frames of their own. */
  async function textOf(page: Page): Promise<string> {
    const texts = page.frames().map((frame) => frame.locator('body').textContent());
    return (await Promise.all(texts)).join('\n').replace(/\s+/g, ' ');
  }

  test('the report is one page that needs nothing else, and fits every window', async () => {
    const path = /report {2}(\S+report\.html)/.exec(output)?.[1];
    const { page, problems } = await open(pathToFileURL(path ?? output).href);
    expect(await page.locator('h1').textContent()).toBe('pages');
    expect(await page.locator('svg').count()).toBeGreaterThan(0);
    for (const svg of await page.locator('figure svg').all()) {
      const box = await svg.boundingBox();
      expect(box?.width).toBeGreaterThan(100);
      expect(box?.height).toBeGreaterThan(40);
    }
    await expect.poll(() => page.getByText('the base model learns nothing in ten steps').count()).toBe(1);
    for (const link of await page.locator('nav a').all()) {
      const target = (await link.getAttribute('href')) ?? '';
      expect(await page.locator(target).count(), target).toBe(1);
    }
    for (const width of [1280, 800, 390]) {
      await page.setViewportSize({ width, height: 900 });
      const overflow = await page.evaluate<number>(
        'document.documentElement.scrollWidth - document.documentElement.clientWidth',
      );
      expect(overflow, `nothing sticks out at ${width} pixels`).toBeLessThanOrEqual(0);
    }
    expect(problems).toEqual([]);
    await page.close();
  }, 60_000);

  test("the web UI names every point by what it does, and the run's details are a table of its stages", async () => {
    const { page } = await open(ui);
    for (const text of ['lm.train base', 'model.divergence', 'reviews: 6 points of data.reviews-synthetic'])
      await page.getByText(text).first().waitFor({ timeout: 20_000 });
    await page.getByRole('tab', { name: 'User Metadata' }).click();
    const shown = () => textOf(page);
    await expect.poll(shown, { timeout: 20_000 }).toMatch(/A model on three sizes of data/);
    await expect.poll(shown, { timeout: 20_000 }).toMatch(/data reviews 6\/6 .*fine-tune base 1\/1/);
    await page.close();

    const sweep = await open(`${ui}%2Freviews`);
    await expect
      .poll(() => textOf(sweep.page), { timeout: 20_000 })
      .toMatch(/data\.reviews-synthetic • count=50 neutral=0\.4/);
    await sweep.page.close();
  }, 120_000);
});
