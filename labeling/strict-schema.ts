import type { Json } from '../store/types.ts';

/**
 * Bounds that some services with structured output refuse in a schema, each others. The question states them in words, and the
 * reply is checked against the whole schema.
 */
const NOT_SENT = new Set([
  ...['minLength', 'maxLength', 'pattern', 'minItems', 'maxItems'],
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'title'],
]);

/** A schema in the part of JSON Schema that services accept as strict: every value says its type. */
export function strictSchema(schema: Record<string, Json>): Record<string, Json> {
  const sent: Record<string, Json> = {};
  for (const [keyword, value] of Object.entries(schema)) {
    if (NOT_SENT.has(keyword)) continue;
    if (keyword === 'properties') sent.properties = properties(value as Record<string, Json>);
    else if (keyword === 'items') sent.items = strictSchema(value as Record<string, Json>);
    else sent[keyword] = value;
  }
  if (sent.type === undefined && Array.isArray(sent.enum)) sent.type = typeOf(sent.enum);
  return sent;
}

const properties = (of: Record<string, Json>): Record<string, Json> =>
  Object.fromEntries(
    Object.entries(of).map(([name, schema]) => [name, strictSchema(schema as Record<string, Json>)]),
  );

function typeOf(values: readonly Json[]): string {
  const types = new Set(values.map((value) => (Number.isInteger(value) ? 'integer' : typeof value)));
  return types.size === 1 ? ([...types][0] as string) : 'string';
}
