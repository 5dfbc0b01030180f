import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { renderSvg } from './figures/render.ts';
import { type Page, renderPage } from './page.ts';
import { toCsv } from './table.ts';

/**
 * Writes `report.html` and, beside it, what each figure and table shows: `figures/<id>.svg`, `figures/<id>.vl.json`,
 * `tables/<id>.csv`, `tables/<id>.json`. Equal pages give equal bytes.
 */
export async function writeReport(directory: string, page: Page): Promise<void> {
  await mkdir(join(directory, 'figures'), { recursive: true });
  await mkdir(join(directory, 'tables'), { recursive: true });
  const svgs = new Map<string, string>();
  for (const item of page.sections.flatMap((section) => section.blocks)) {
    if (item.type === 'figure') {
      const svg = await renderSvg(item.spec);
      svgs.set(item.id, svg);
      await writeFile(join(directory, 'figures', `${item.id}.svg`), svg);
      await writeFile(
        join(directory, 'figures', `${item.id}.vl.json`),
        `${JSON.stringify(item.spec, null, 1)}\n`,
      );
    } else if (item.type === 'table') {
      await writeFile(join(directory, 'tables', `${item.table.id}.csv`), toCsv(item.table));
      await writeFile(
        join(directory, 'tables', `${item.table.id}.json`),
        `${JSON.stringify(item.table, null, 1)}\n`,
      );
    }
  }
  await writeFile(join(directory, 'report.html'), renderPage(page, svgs));
}
