import { type Html, html, trusted } from './html.ts';
import { style } from './style.ts';
import { renderClosedTable, renderTable } from './table.ts';
import type { Block, Section } from './types.ts';
import type { Verdict } from './verdicts.ts';

export interface Page {
  title: string;
  question: string;
  /** `Run quickstart-1a2b… · 1 seed · 41 points · 3.2 min of computing`. */
  summary: string;
  tiles: { label: string; value: string; detail: string }[];
  verdicts: Verdict[];
  notes: string[];
  sections: Section[];
}

const chips: Record<Verdict['outcome'], string> = {
  holds: 'holds',
  fails: 'does not hold',
  unknown: 'not established',
};

function block(item: Block, svgs: ReadonlyMap<string, string>): Html {
  switch (item.type) {
    case 'figure':
      return html`<figure id="figure-${item.id}"><h3>${item.title}</h3>${trusted(svgs.get(item.id) ?? '')}<figcaption>${item.caption}</figcaption></figure>`;
    case 'table':
      return item.closed ? renderClosedTable(item.table) : renderTable(item.table, item.fold);
    case 'text':
      return item.body;
    case 'note':
      return html`<p class="note ${item.tone}">${item.body}</p>`;
  }
}

/** The whole report as one self-contained document; `svgs` holds the drawn figures by id. */
export function renderPage(page: Page, svgs: ReadonlyMap<string, string>): string {
  const body = html`<div class="page">
<nav aria-label="Sections"><div class="mark">Plumbline</div><ol><li><a href="#top">Findings</a></li>${page.sections.map(
    (section) => html`<li><a href="#${section.id}">${section.title}</a></li>`,
  )}</ol></nav>
<main id="top">
<h1>${page.title}</h1>
<p class="lead">${page.question}</p>
<p class="meta">${page.summary}</p>
${
  page.tiles.length > 0 &&
  html`<div class="tiles">${page.tiles.map(
    (tile) =>
      html`<div class="tile"><div class="label">${tile.label}</div><div class="value">${tile.value}</div><div class="detail">${tile.detail}</div></div>`,
  )}</div>`
}
${
  page.verdicts.length > 0 &&
  html`<h3>What the experiment said it expected</h3><ul class="verdicts">${page.verdicts.map(
    (verdict) =>
      html`<li><span class="chip ${verdict.outcome}">${chips[verdict.outcome]}</span><div><div>${verdict.name}</div><div class="meta">${verdict.explanation}</div><code>${verdict.check}</code></div></li>`,
  )}</ul>`
}
${page.notes.map((note) => html`<p class="note caution">${note}</p>`)}
${page.sections.map(
  (section) =>
    html`<section id="${section.id}"><h2>${section.title}</h2><p class="lead">${section.question}</p>${section.blocks.map((item) => block(item, svgs))}</section>`,
)}
</main></div>`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${
    html`${page.title}`.text
  } · Plumbline</title><style>${style}</style></head><body>
${body.text}
</body></html>
`;
}
