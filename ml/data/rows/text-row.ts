/** How a row of fields becomes a text. The names are those of the parameters of data.files. */
export interface RowRules {
  'text-field': string;
  'label-field'?: string;
  /** New name -> the field to keep under it. */
  columns?: Record<string, string>;
  /** Field -> the value it must have. */
  where?: Record<string, string | number | boolean>;
  'min-characters': number;
  'max-characters'?: number;
  'strip-markup': boolean;
  whitespace: 'collapse' | 'keep';
  'group-field'?: string;
}

export interface TextRow {
  text: string;
  label?: unknown;
  [column: string]: unknown;
}

export type RowVerdict =
  | { kept: TextRow; group: string }
  | { left: 'short' | 'long' | 'filtered' }
  | { problem: string };

/** All fields that the rules look at: nothing else of a row need be read. */
export function fieldsOf(rules: RowRules): string[] {
  const optional = [rules['label-field'], rules['group-field']].filter((name) => name !== undefined);
  const columns = Object.values(rules.columns ?? {});
  return [...new Set([rules['text-field'], ...optional, ...columns, ...Object.keys(rules.where ?? {})])];
}

/** What becomes of one row. Lengths are in UTF-16 units, of the cleaned text. */
export function textRow(fields: Record<string, unknown>, rules: RowRules): RowVerdict {
  for (const [field, wanted] of Object.entries(rules.where ?? {})) {
    const value = fields[field];
    // CSV holds nothing but text.
    if ((typeof value === 'string' ? value === String(wanted) : value === wanted) === false)
      return field in fields ? { left: 'filtered' } : { problem: lacks(field, fields) };
  }
  const raw = fields[rules['text-field']];
  if (typeof raw !== 'string') return { problem: lacks(rules['text-field'], fields, 'text in ') };
  const text = clean(raw, rules);
  if (text.length < rules['min-characters']) return { left: 'short' };
  if (text.length > (rules['max-characters'] ?? Number.POSITIVE_INFINITY)) return { left: 'long' };
  const kept: TextRow = { text };
  const label = rules['label-field'];
  if (label !== undefined) kept.label = fields[label] ?? null;
  for (const [name, field] of Object.entries(rules.columns ?? {})) {
    if (!(field in fields)) return { problem: lacks(field, fields) };
    kept[name] = fields[field];
  }
  const groupField = rules['group-field'];
  // Without groups equal texts are one: none of them is on both sides of a split.
  if (groupField === undefined) return { kept, group: text };
  const group = fields[groupField];
  if (group === undefined || group === null) return { problem: lacks(groupField, fields) };
  return { kept, group: typeof group === 'string' ? group : JSON.stringify(group) };
}

function clean(text: string, rules: RowRules): string {
  const plain = rules['strip-markup'] ? text.replace(/<\/?[a-zA-Z][^<>]*>/g, ' ') : text;
  return rules.whitespace === 'keep' ? plain : plain.replace(/\s+/g, ' ').trim();
}

const lacks = (field: string, fields: Record<string, unknown>, what = ''): string =>
  `it has no ${what}${field} (it has ${Object.keys(fields).slice(0, 8).join(', ') || 'nothing'})`;
