import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { rowsToCsv, toCsv } from './csv.ts';
import { figureRows } from './figures/data.ts';
import { renderSvg } from './figures/render.ts';
import { type Page, renderPage } from './page.ts';

/** The page carries the smallest tables up to so many characters, for saving; it is to stay under 5 MB as a whole. */
const CARRIED = 1_000_000;

/**
 * Writes `report.html` and, beside it, what each figure and table shows: `figures/<id>.svg`, `figures/<id>.vl.json`,
 * `figures/<id>.csv`, `tables/<id>.csv`, `tables/<id>.json`. Equal pages give equal bytes.
 */
export async function writeReport(directory: string, page: Page): Promise<void> {
  const { document, beside } = await draw(page);
  for (const [path, text] of [...beside, ['report.html', document] as const]) {
    const file = join(directory, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
}

/** A page with its figures drawn. `beside`: relative path -> text of what may lie beside it. */
export async function draw(page: Page): Promise<{ document: string; beside: Map<string, string> }> {
  const svgs = new Map<string, string>();
  const csvs = new Map<string, string>();
  const beside = new Map<string, string>();
  for (const item of page.sections.flatMap((section) => section.blocks)) {
    if (item.type === 'figure') {
      const svg = await renderSvg(item.spec);
      const csv = rowsToCsv(figureRows(item.spec));
      svgs.set(item.id, svg);
      csvs.set(`figure-${item.id}`, csv);
      beside.set(`figures/${item.id}.svg`, svg);
      beside.set(`figures/${item.id}.csv`, csv);
      beside.set(`figures/${item.id}.vl.json`, `${JSON.stringify(item.spec, null, 1)}\n`);
    } else if (item.type === 'table') {
      const csv = toCsv(item.table);
      csvs.set(`table-${item.table.id}`, csv);
      beside.set(`tables/${item.table.id}.csv`, csv);
      beside.set(`tables/${item.table.id}.json`, `${JSON.stringify(item.table, null, 1)}\n`);
    }
  }
  return { document: renderPage(page, { svgs, csvs: carried(csvs) }), beside };
}

/** As many as fit, the smallest first. */
function carried(csvs: ReadonlyMap<string, string>): Map<string, string> {
  let room = CARRIED;
  const fit = [...csvs]
    .sort(([, a], [, b]) => a.length - b.length)
    .filter(([, csv]) => {
      room -= csv.length;
      return room >= 0;
    });
  return new Map(fit);
}
