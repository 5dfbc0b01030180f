import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { AnnotationKit } from '../../ml/features/annotation/types.ts';
import { html, trusted } from '../html.ts';
import { style } from './style.ts';

/**
 * The kit as one page for people who rate: it needs no network and no installation, keeps answers in the browser as they are
 * given, and saves them as a file. It holds the items and not their key.
 *
 * The policy lets the page load nothing but its own script and style, by their hashes; items come as data.
 */
export function kitPage(
  kit: AnnotationKit,
  { title, question }: { title: string; question: string },
): string {
  const script = readFileSync(new URL('./kit.js', import.meta.url), 'utf8');
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  // Inside a script element nothing is an entity: what could end it is written as an escape of JSON.
  const data = JSON.stringify({ id: kit.id, items: kit.items }).replace(/[<>&\u2028\u2029]/g, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(4, '0');
    return `\\u${code}`;
  });
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="referrer" content="no-referrer"><title>${title}</title><style>${trusted(style)}</style></head><body>
<h1>${title}</h1>
<p class="lead">${question}</p>
<noscript><p class="note">This page needs scripts to be allowed; it loads none from anywhere.</p></noscript>
<p class="note" id="storage" hidden>This browser does not let the page keep your answers. Do not close it before you have saved them as a file.</p>
<form id="start">
<p>Each item shows excerpts of text. The darker a word, the more a feature of the model responds to it. Choose the description that says best what the feature responds to, or none of them. Some items have no right description. Work alone, and answer every item, even where you are not sure.</p>
<p>Keys: <kbd>1</kbd> to <kbd>9</kbd> choose, <kbd>0</kbd> is none of the above, <kbd>←</kbd> and <kbd>→</kbd> go back and on. Answers are kept in this browser as you go; at the end, save them as a file and send it to whoever gave you the page.</p>
<div class="row"><label for="rater">Your name or initials</label><input id="rater" required maxlength="80" autocomplete="off"><button>Begin</button></div>
</form>
<div id="work" hidden>
<div class="row"><span id="who"></span><progress id="bar" aria-labelledby="done"></progress><span id="done" role="status"></span></div>
<main id="item"></main>
<div class="row"><button type="button" id="previous">← Back</button><button type="button" id="next">On →</button></div>
<p class="note" id="finished" hidden>All items are answered. Save the file and send it back.</p>
<div class="row"><button type="button" id="save-json">Save as JSON</button><button type="button" id="save-csv">Save as CSV</button></div>
</div>
<script type="application/json" id="kit">${trusted(data)}</script>
<script>${trusted(script)}</script>
</body></html>
`;
  return page.text;
}

const hashOf = (text: string) => `sha256-${createHash('sha256').update(text, 'utf8').digest('base64')}`;
