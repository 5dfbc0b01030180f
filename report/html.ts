/** HTML as a value: everything put into the template is escaped unless it is HTML already. */
export class Html {
  constructor(readonly text: string) {}
  toString(): string {
    return this.text;
  }
}

export type HtmlValue = Html | string | number | null | undefined | false | HtmlValue[];

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const SPACES = '\n\r\t';

/** Characters that HTML has no place for, which tokens of bytes may hold, become the sign for one that cannot be shown. */
export function escapeText(text: string): string {
  return text.replace(
    /[&<>"']|\p{Cc}/gu,
    (character) => entities[character] ?? (SPACES.includes(character) ? character : '\ufffd'),
  );
}

function render(value: HtmlValue): string {
  if (value === null || value === undefined || value === false) return '';
  if (value instanceof Html) return value.text;
  if (Array.isArray(value)) return value.map(render).join('');
  return escapeText(String(value));
}

export function html(parts: TemplateStringsArray, ...values: HtmlValue[]): Html {
  return new Html(
    parts.reduce((text, part, i) => text + part + (i < values.length ? render(values[i]) : ''), ''),
  );
}

/** Text in which `names` and commands stand between backquotes, as sections and kinds write their captions. */
export function prose(text: string): Html {
  return html`${text.split('`').map((part, i) => (i % 2 === 1 ? html`<code>${part}</code>` : part))}`;
}

/** Text that is known to be safe markup: SVG made by Vega, style sheets. */
export function trusted(markup: string): Html {
  return new Html(markup);
}
