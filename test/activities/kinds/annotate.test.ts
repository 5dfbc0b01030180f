import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run as exportKit } from '../../../activities/kinds/annotate.export.ts';
import { run as importRatings } from '../../../activities/kinds/annotate.import.ts';
import type { BodyResult } from '../../../compute/types.ts';
import type { AnnotationKit } from '../../../ml/features/annotation/types.ts';
import type { FeatureSet } from '../../../ml/features/types.ts';
import { describedFeature, WORDS } from '../../ml/features/annotation/features.ts';
import { browserPath, openBrowser } from '../../support/browser.ts';
import { directoryOf, materialised, runBody } from '../run-body.ts';

const HOSTILE = '</script><img src=x onerror="window.broken = 1"> & "quotes"';
const scratch = mkdtempSync(join(tmpdir(), 'annotate-'));
const set: FeatureSet = {
  labeller: { type: 'lexicon', name: 'vader', note: '' },
  ...{ protocol: 'corrected', prompt: 'modern', split: { explaining: 1, scoring: 1 } },
  dictionaries: [],
  features: [...WORDS.map((word, i) => describedFeature(i, word)), describedFeature(10, HOSTILE)],
};
writeFileSync(join(scratch, 'features.json'), JSON.stringify(set));

let exported: BodyResult | null;
let kit: AnnotationKit;
let address: string;
beforeAll(async () => {
  exported = await runBody('annotate.export', exportKit, { features: materialised('features', scratch) });
  const directory = directoryOf(exported, 'kit');
  kit = JSON.parse(readFileSync(join(directory, 'items.json'), 'utf8'));
  address = pathToFileURL(join(directory, 'kit.html')).href;
});

const ratingsFile = (name: string, content: string) => {
  const path = join(scratch, name);
  writeFileSync(path, content);
  return { $path: path, sha256: name };
};
const importing = (ratings: unknown[], more = {}) =>
  runBody('annotate.import', importRatings, {
    kit: materialised('annotation-kit', directoryOf(exported, 'kit')),
    ratings,
    ...more,
  });
const saved = (rater: string, choices: number[], of = kit.id) =>
  JSON.stringify({
    ...{ format: 'plumbline-ratings', kit: of, rater },
    ratings: choices.map((choice, i) => ({ item: kit.items[i]?.id, choice, seconds: i })),
  });

test('equal parameters give equal bytes, and the page does not tell the answers', async () => {
  const again = await runBody('annotate.export', exportKit, { features: materialised('features', scratch) });
  const page = (result: BodyResult | null) =>
    readFileSync(join(directoryOf(result, 'kit'), 'kit.html'), 'utf8');
  expect(page(again)).toBe(page(exported));
  expect(page(exported)).not.toMatch(/"answer"|"similarity"|"feature"/);
  expect(exported?.metrics.absent?.value).toBe(2);
  expect(exported?.metrics.chance?.value).toBe(0.2);
});

test('JSON and CSV of several raters are scored together', async () => {
  const right = kit.key.map(({ answer }) => answer);
  const csv = `kit,rater,item,choice,seconds\n${kit.items
    .map(({ id }, i) => `${kit.id},"Bo, B.",${id},${i === 0 ? (right[0]! % 5) + 1 : right[i]},3`)
    .join('\n')}\n`;
  const result = await importing([ratingsFile('ann.json', saved('ann', right)), ratingsFile('bo.csv', csv)]);
  const { metrics } = result as BodyResult;
  const wrong = 1 / (2 * kit.items.length);
  expect(metrics.accuracy?.value).toBeCloseTo(1 - wrong, 12);
  expect(metrics.accuracy?.p_value).toBeLessThan(0.001);
  expect(metrics.agreement?.value).toBeCloseTo(1 - 2 * wrong, 12);
  expect(metrics.raters?.value).toBe(2);
  const table = JSON.parse(readFileSync(join(directoryOf(result, 'table'), 'table.json'), 'utf8'));
  expect(table.rows.map((row: { rater: string }) => row.rater)).toEqual(['Bo, B.', 'ann']);
});

test.each([
  ['another kit', () => saved('ann', [1], 'other'), /ann rated the kit other, not/],
  ['a broken file', () => '{"format":', /it is not JSON/],
  ['something else', () => '{"a": 1}', /neither what a kit saves nor an export/],
  ['no name', () => saved(' ', [1]), /the name of the rater is missing/],
  ['a choice that is none', () => saved('ann', [1.5]), /rating 1: its `choice` is 1.5/],
  ['a task without truth', () => '[{"id": 3, "data": {}}]', /task 3: its data lacks/],
])('%s is one clear error', async (name, content, message) => {
  await expect(importing([ratingsFile(`${name}.json`, content())])).rejects.toThrow(message);
});

describe.skipIf(!browserPath)('in a browser', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  async function open(width = 900): Promise<{ page: Page; problems: string[] }> {
    const context = await browser.newContext({ viewport: { width, height: 800 }, acceptDownloads: true });
    const page = await context.newPage();
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    page.on('request', (request) => !/^(file|blob):/.test(request.url()) && problems.push(request.url()));
    await page.goto(address);
    return { page, problems };
  }
  const begin = async (page: Page, name: string) => {
    await page.fill('#rater', name);
    await page.keyboard.press('Enter');
  };

  test('a rater goes through it by keyboard; closed and opened again, it goes on; what it saves is scored', async () => {
    const { page, problems } = await open();
    await begin(page, 'Ann <b>');
    for (let i = 0; i < 3; i++) await page.keyboard.press(String(kit.key[i]?.answer));
    await page.reload();
    expect(await page.inputValue('#rater')).toBe('Ann <b>');
    await begin(page, 'Ann <b>');
    expect(await page.textContent('#done')).toBe(`3 of ${kit.items.length} answered`);
    expect(await page.textContent('#item h2')).toBe(`Item 4 of ${kit.items.length}`);
    for (let i = 3; i < kit.items.length; i++) {
      const { answer } = kit.key[i]!;
      await page.keyboard.press(answer === 5 ? '0' : String(answer));
    }
    expect(await page.isVisible('#finished')).toBe(true);

    const files: string[] = [];
    for (const [i, button] of ['#save-json', '#save-csv'].entries()) {
      const [download] = await Promise.all([page.waitForEvent('download'), page.click(button)]);
      const path = join(scratch, `download-${i}`);
      await download.saveAs(path);
      files.push(path);
    }
    for (const path of files) {
      const { metrics } = (await importing([{ $path: path, sha256: path }])) as BodyResult;
      expect(metrics.accuracy?.value).toBe(1);
      expect(metrics.items_rated?.value).toBe(kit.items.length);
    }
    expect(problems).toEqual([]);
    await page.context().close();
  });

  test('what an item says is text, and the policy runs nothing that is not the page', async () => {
    const { page } = await open();
    await begin(page, 'bo');
    const hostile = kit.items.findIndex(({ options }) => options.some((text) => text.includes(HOSTILE)));
    for (let i = 0; i < hostile; i++) await page.keyboard.press('ArrowRight');
    expect(await page.textContent('#item')).toContain(HOSTILE);
    expect(await page.locator('img').count()).toBe(0);
    const ran = (await page.evaluate(`(() => {
      const script = document.createElement('script');
      script.textContent = 'window.broken = 1';
      document.body.append(script);
      const styled = document.createElement('p');
      styled.setAttribute('style', 'color: rgb(1, 2, 3)');
      document.body.append(styled);
      return { broken: 'broken' in window, color: getComputedStyle(styled).color };
    })()`)) as { broken: boolean; color: string };
    expect(ran.broken).toBe(false);
    expect(ran.color).not.toBe('rgb(1, 2, 3)');
    await page.context().close();
  });

  test.each([360, 768, 1400])('at %i px nothing overflows, and every control has a name', async (width) => {
    const { page, problems } = await open(width);
    await begin(page, 'cy');
    const overflow = await page.evaluate(
      'document.documentElement.scrollWidth - document.documentElement.clientWidth',
    );
    expect(overflow).toBeLessThanOrEqual(0);
    const names = await page.$$eval('button, input, progress', (controls) =>
      controls.map(
        (control) =>
          control.textContent ||
          control.getAttribute('aria-labelledby') ||
          ((control as unknown as { labels?: { length: number } }).labels?.length ?? 0) > 0,
      ),
    );
    expect(names.every(Boolean)).toBe(true);
    expect(problems).toEqual([]);
    await page.context().close();
  });
});
