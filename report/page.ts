import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Html, html, prose, trusted } from './html.ts';
import { style } from './style.ts';
import type { SummaryLine } from './summary.ts';
import { renderClosedTable, renderTable } from './table.ts';
import type { Tile } from './tiles.ts';
import { linkTo, pointAnchor, sourceLine } from './trace.ts';
import type { Block, FigureBlock, Section } from './types.ts';
import type { Verdict } from './verdicts.ts';

export interface Page {
  title: string;
  /** What stands under the title: `Run quickstart-1a2b… · 1 seed · 41 points`. */
  meta: string;
  /** What a reader who stops here should know. */
  summary: SummaryLine[];
  tiles: Tile[];
  verdicts: Verdict[];
  notes: string[];
  sections: Section[];
}

/** What is drawn and saved of the blocks, by their names: `figure-reward`, `table-lineage`. */
export interface PageData {
  svgs: ReadonlyMap<string, string>;
  /** Numbers that the page carries, so that it can save them by itself; of others there is a link to the file beside it. */
  csvs: ReadonlyMap<string, string>;
}

const chips: Record<Verdict['outcome'], string> = {
  holds: 'holds',
  fails: 'does not hold',
  unknown: 'not established',
};

/** The whole report as one self-contained document. It may load nothing; its own style and script are known by their hashes. */
export function renderPage(page: Page, data: PageData): string {
  const script = readFileSync(new URL('./saves.js', import.meta.url), 'utf8');
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    // A figure becomes a PNG by way of an image that the script makes.
    'img-src blob:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  // Inside a script element nothing is an entity: what could end it is written as an escape of JSON.
  const json = JSON.stringify(Object.fromEntries(data.csvs)).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="referrer" content="no-referrer"><title>${page.title} · Plumbline</title><style>${trusted(style)}</style></head><body>
<div class="page">
<nav aria-label="Sections"><div class="mark">Plumbline</div><ol><li><a href="#top">Findings</a></li>${page.sections.map(
    (section) => html`<li><a href="${linkTo(section.id)}">${section.title}</a></li>`,
  )}</ol></nav>
<main id="top">
<h1>${page.title}</h1>
<p class="meta">${page.meta}</p>
${findings(page)}
${page.sections.map(
  (section) =>
    html`<section id="${section.id}"><h2>${section.title}</h2><p class="lead">${prose(section.question)}</p>${section.blocks.map((item) => block(item, data))}</section>
`,
)}</main></div>
<script type="application/json" id="data">${trusted(json)}</script>
<script>${trusted(script)}</script>
</body></html>
`.text;
}

function findings({ summary, tiles, verdicts, notes }: Page): Html {
  return html`<dl class="summary">${summary.map(({ name, text }) => html`<div><dt>${name}</dt><dd>${text}</dd></div>`)}</dl>
${
  tiles.length > 0 &&
  html`<div class="tiles">${tiles.map(
    ({ label, value, detail, from }) =>
      html`<div class="tile"><div class="label">${label}</div><div class="value"><a class="traced" href="${linkTo(pointAnchor(from.id))}" title="${from.id}">${value}</a></div><div class="detail">${detail}</div></div>`,
  )}</div>`
}
${
  verdicts.length > 0 &&
  html`<h2 class="first">What the experiment said it expected</h2><ul class="verdicts">${verdicts.map(
    (verdict) =>
      html`<li><span class="chip ${verdict.outcome}">${chips[verdict.outcome]}</span><div><div>${verdict.name}</div><div class="meta">${verdict.explanation}</div><code>${verdict.check}</code>${sourceLine(verdict.from)}</div></li>`,
  )}</ul>`
}
${notes.map((note) => html`<p class="note caution">${note}</p>`)}`;
}

function block(item: Block, data: PageData): Html {
  switch (item.type) {
    case 'figure':
      return figure(item, data);
    case 'table': {
      const below = html`${sourceLine(item.from)}${saves('table', item.table.id, [], data)}`;
      return item.closed ? renderClosedTable(item, below) : renderTable(item, below);
    }
    case 'text':
      return item.body;
    case 'note':
      return html`<p class="note ${item.tone}">${prose(item.body)}</p>`;
  }
}

function figure(item: FigureBlock, data: PageData): Html {
  const { id, title, caption } = item;
  return html`<figure id="figure-${id}"><h3>${title}</h3><div class="drawing" tabindex="0"><div role="img" aria-label="${title}. ${caption}">${trusted(data.svgs.get(id) ?? '')}</div></div><figcaption>${prose(caption)}</figcaption>${sourceLine(item.from)}${saves('figure', id, ['svg', 'png'], data)}</figure>`;
}

/** What can be saved of a block: shown by the script, since without it there is nothing to press. */
function saves(kind: 'figure' | 'table', id: string, types: readonly string[], { csvs }: PageData): Html {
  const name = `${kind}-${id}`;
  const carried = csvs.has(name);
  return html`<p class="saves" data-name="${id}" data-csv="${name}" hidden>Save as ${[
    ...types,
    ...(carried ? ['csv'] : []),
  ].map(
    (type) => html`<button type="button" data-save="${type}">${type.toUpperCase()}</button> `,
  )}${!carried && html`<a href="${kind}s/${encodeURIComponent(id)}.csv">CSV beside this page</a>`}</p>`;
}

const hashOf = (text: string) => `sha256-${createHash('sha256').update(text, 'utf8').digest('base64')}`;
