import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { States } from '../../compiler/plan/types.ts';
import { buildPage } from '../../report/build.ts';
import { writeReport } from '../../report/write.ts';
import { browserPath, openBrowser } from '../support/browser.ts';
import { lowContrast } from './support/contrast.ts';
import { SampleRun } from './support/sample-run.ts';

const directory = mkdtempSync(join(tmpdir(), 'plumb-page-'));
const sample = new SampleRun();
const file = join(directory, 'report.html');
beforeAll(() => writeReport(directory, buildPage(sample.make(), {} as States, 'sample')));
afterAll(() => {
  rmSync(directory, { recursive: true });
  rmSync(sample.directory, { recursive: true });
});

describe.skipIf(browserPath === null)('in Chromium', () => {
  let browser: Browser;
  let page: Page;
  const problems: string[] = [];
  beforeAll(async () => {
    browser = await openBrowser();
    page = await browser.newPage({ viewport: { width: 1400, height: 1000 }, acceptDownloads: true });
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
    });
    page.on('request', (request) => {
      if (!/^(file|blob):/.test(request.url())) problems.push(`asked for ${request.url()}`);
    });
    await page.goto(pathToFileURL(file).href);
  }, 60_000);
  afterAll(async () => {
    // Whatever the tests did: nothing was refused by the policy, nothing failed, nothing was asked for.
    expect(problems).toEqual([]);
    await browser?.close();
  });
  const openAll = () =>
    page.evaluate('for (const one of document.querySelectorAll("details")) one.open = true');

  test('nothing that people wrote runs or becomes markup, and nothing is blocked by the policy', async () => {
    await openAll();
    expect(await page.evaluate('window.hit')).toBeUndefined();
    expect(await page.locator('main img').count()).toBe(0);
    const policy = await page.locator('meta[http-equiv=Content-Security-Policy]').getAttribute('content');
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
    // A script that the page did not come with does not run.
    await page.evaluate(
      'document.body.append(Object.assign(document.createElement("script"), { textContent: "window.hit = 2" }))',
    );
    expect(await page.evaluate('window.hit')).toBeUndefined();
    const refused = problems.splice(0);
    expect(refused).toHaveLength(1);
    expect(refused[0]).toContain('Content Security Policy');
  });

  test.each([360, 768, 1400])('nothing sticks out at %i pixels, folded or not', async (width) => {
    await page.setViewportSize({ width, height: 900 });
    for (const open of ['false', 'true']) {
      await page.evaluate(`for (const one of document.querySelectorAll('details')) one.open = ${open}`);
      const wide = await page.evaluate<string[]>(`[...document.querySelectorAll('main *, nav *')]
        .filter((one) => !one.closest('.scroll, .drawing') && one.getBoundingClientRect().right > innerWidth + 0.5)
        .map((one) => one.outerHTML.slice(0, 80))`);
      expect(wide).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    }
    await page.setViewportSize({ width: 1400, height: 1000 });
  });

  test('all text has the contrast that WCAG 2.2 AA asks for, figures and shaded tokens too', async () => {
    await openAll();
    expect(await page.evaluate<string[]>(lowContrast)).toEqual([]);
  });

  test('figures have a text alternative, tables headers with a scope, regions that scroll can be reached by key', async () => {
    const figures = page.locator('figure');
    expect(await figures.count()).toBeGreaterThan(3);
    for (const figure of await figures.all()) {
      expect(await figure.locator('[role=img]').getAttribute('aria-label')).toMatch(/\w{3}.*\. \w/);
      expect(await figure.locator('svg').count()).toBe(1);
    }
    for (const table of await page.locator('table').all()) {
      expect(await table.locator('th:not([scope])').count()).toBe(0);
      expect(await table.locator('th').count()).toBeGreaterThan(1);
    }
    expect(await page.locator('.scroll:not([tabindex][role=region][aria-label])').count()).toBe(0);
    const levels = await page.evaluate<number[]>(
      '[...document.querySelectorAll("h1, h2, h3, h4")].map((one) => Number(one.tagName[1]))',
    );
    expect(levels.every((level, i) => i === 0 || level <= levels[i - 1]! + 1)).toBe(true);
  });

  test('every link leads somewhere, and every figure, table and value says where it is from', async () => {
    const dead = await page.evaluate<string[]>(`[...document.querySelectorAll('a[href^="#"]')]
      .map((one) => decodeURIComponent(one.hash.slice(1))).filter((id) => !document.getElementById(id))`);
    expect(dead).toEqual([]);
    const ids = await page.evaluate<string[]>(
      '[...document.querySelectorAll("main [id]")].map((one) => one.id)',
    );
    expect(new Set(ids).size).toBe(ids.length);
    const untraced = await page.evaluate<
      string[]
    >(`[...document.querySelectorAll('figure, section.table, details.closed')]
      .filter((one) => !one.querySelector('.source a, a.traced') && !one.closest('#provenance, #measures'))
      .map((one) => one.id)`);
    expect(untraced).toEqual([]);
    const value = page.locator('#table-metrics-probe-evaluate a.traced').last();
    expect(await value.getAttribute('title')).toMatch(
      /LFP|learned feedback.*· n = 533 \(word family\) · seed 0 · readout · result \w{12}/,
    );
    // A link into what is folded away opens it.
    await page.evaluate('for (const one of document.querySelectorAll("details")) one.open = false');
    await page.evaluate('location.hash = document.querySelector("#features a[href^=\'#feature-\']").hash');
    await expect.poll(() => page.locator('details.feature[open]').count()).toBe(1);
  });

  test('a feature’s page has its activations, logit effects, labels, scores and what removing it did', async () => {
    const first = page.locator('details.feature').first();
    const text = (await first.textContent())?.replace(/\s+/g, ' ') ?? '';
    for (const part of [
      'Active at 4.0 % of positions, on average 0.500 where it is',
      'raises␣great+1.250\\x00+1.000',
      '−0.750',
      'About “sentiment”: related. It praises.',
      '(detection)0.800 [0.700, 0.900]0.500not established40',
      '(3 in all), the mean reward changed by −0.300 [−0.400, −0.200]; as many others of like density: −0.100',
    ])
      expect(text).toContain(part);
    const shades = await first.locator('mark').evaluateAll((marks) => marks.map((mark) => mark.className));
    expect(shades.slice(0, 4)).toEqual(['level-1', 'level-5', 'level-10', 'level-3']);
    const last = await page.locator('details.feature').last().textContent();
    expect(last).not.toContain('Removed together');
  });

  test('figures are saved as SVG, PNG and CSV, tables as CSV, out of the page alone', async () => {
    await openAll();
    const saved = async (within: string, type: string) => {
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.locator(`${within} [data-save=${type}]`).click(),
      ]);
      return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
    };
    const png = await saved('#figure-reward', 'png');
    expect(png.name).toBe('reward.png');
    expect(png.bytes.subarray(1, 4).toString()).toBe('PNG');
    const [width, height] = await page.evaluate<[number, number]>(
      '(({ width, height }) => [width, height])(document.querySelector("#figure-reward svg").viewBox.baseVal)',
    );
    expect([png.bytes.readUInt32BE(16), png.bytes.readUInt32BE(20)]).toEqual([2 * width, 2 * height]);
    expect(png.bytes.length).toBeGreaterThan(5000);
    const svg = await saved('#figure-reward', 'svg');
    expect(svg.bytes.toString()).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    const figure = await saved('#figure-reward', 'csv');
    expect(figure.bytes).toEqual(readFileSync(join(directory, 'figures', 'reward.csv')));
    expect(figure.bytes.toString()).toContain('after tuning,claim,1.5,1.2,1.8');
    const table = await saved('#table-words', 'csv');
    expect(table.bytes).toEqual(readFileSync(join(directory, 'tables', 'words.csv')));
  });

  test('it prints: nothing wider than the paper, definitions open, no buttons', async () => {
    await page.evaluate('for (const one of document.querySelectorAll("details")) one.open = false');
    await page.setViewportSize({ width: 720, height: 1000 });
    await page.emulateMedia({ media: 'print' });
    expect(await page.locator('.saves:visible, nav:visible').count()).toBe(0);
    expect(await page.getByText('What the list says.').isVisible()).toBe(true);
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    const pdf = await page.pdf({ format: 'A4' });
    const pages = pdf.toString('latin1').match(/\/Type \/Page\b/g)?.length ?? 0;
    expect(pages).toBeGreaterThan(1);
    expect(pages).toBeLessThan(16);
    await page.emulateMedia({ media: null });
    await page.setViewportSize({ width: 1400, height: 1000 });
  });
});

test('a table too long for the page is cut there and whole in its file, and the page stays small', () => {
  const text = readFileSync(file, 'utf8');
  expect(text).toContain('The first 1 000 of 1 200 rows');
  expect(text).toContain('word999');
  expect(readFileSync(join(directory, 'tables', 'words.csv'), 'utf8').split('\r\n')).toHaveLength(1202);
  expect(statSync(file).size).toBeLessThan(5e6);
});

test('five lines come first: asked, found, how sure, what it cost, what failed', () => {
  const text = readFileSync(file, 'utf8');
  const lines = [...text.matchAll(/<div><dt>(.*?)<\/dt><dd>(.*?)<\/dd><\/div>/gs)].map(([, name, line]) => [
    name,
    line!.replace(/<[^>]*>/g, '').trim(),
  ]);
  expect(lines.map(([name]) => name)).toEqual(['Asked', 'Found', 'How sure', 'Cost', 'Failed']);
  const [asked, found, sure, cost, failed] = lines.map(([, line]) => line);
  expect(asked).toMatch(/Feedback given: lexicon \(vader\)\. Nothing was stated beforehand\.$/);
  expect(found).toContain('The reward after tuning minus before: +1.400 [1.100, 1.700].');
  expect(found).toContain('+0.050 [0.010, 0.120] (p = 0.17), not established.');
  expect(found).toContain('−0.200 [−0.300, −0.100].');
  expect(sure).toMatch(
    /^2 of 3 differences to a control are established: an interval \(95 %\) .*; n: 192 prompts, 533 word families\./,
  );
  expect(sure).toContain('One seed (0)');
  expect(cost).toMatch(/^\$0\.00 for language models; 5 results, planned at .* of computing/);
  expect(failed).toBe(
    '1 of 6 points (nan-loss): what needs them is missing below; 2 labels could not be had.',
  );
});
