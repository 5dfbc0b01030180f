// From a kind's schema (resolved parameters, with our own keywords) to plain JSON Schemas.

/** Keywords whose value is one schema, a list of schemas, or a map of schemas. */
const ONE = ['items', 'additionalProperties', 'propertyNames', 'contains', 'not', 'if', 'then', 'else'];
const LIST = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
const MAP = ['properties', 'patternProperties', 'dependentSchemas'];

/** The same schema with `change` applied to every schema directly inside it. */
export function mapChildren(schema, change) {
  const changed = { ...schema };
  for (const key of ONE) if (isSchema(schema[key])) changed[key] = change(schema[key], key);
  for (const key of LIST)
    if (Array.isArray(schema[key]))
      changed[key] = schema[key].map((item) => (isSchema(item) ? change(item, key) : item));
  for (const key of MAP) {
    if (!schema[key]) continue;
    changed[key] = Object.fromEntries(
      Object.entries(schema[key]).map(([name, item]) => [
        name,
        isSchema(item) ? change(item, key, name) : item,
      ]),
    );
  }
  return changed;
}

const isSchema = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);

/** What a body receives for each of our keywords. */
const RESOLVED = {
  'x-artifact': (types) => ({
    type: 'object',
    required: ['$artifact', 'digest'],
    properties: {
      $artifact: { enum: [types].flat() },
      digest: { type: 'string', pattern: '^[0-9a-f]{64}$' },
    },
  }),
  'x-path': () => ({
    type: 'object',
    required: ['$path', 'sha256'],
    properties: { $path: { type: 'string' }, sha256: { type: 'string', pattern: '^[0-9a-f]{64}$' } },
  }),
  'x-secret': () => ({ type: 'object', required: ['$secret'], properties: { $secret: { type: 'string' } } }),
};

const METRIC = { type: 'object', required: ['value'], properties: { value: { type: 'number' } } };

const ANNOTATIONS = ['default', 'description', 'title', 'examples', '$comment', 'x-shared', 'x-in-key'];

const bare = (schema) => {
  const plain = { ...schema };
  for (const key of ANNOTATIONS) delete plain[key];
  return plain;
};

/** The shared piece that a schema stands for, if it does. */
export const sharedName = (schema) => (schema['x-type'] === 'feedback' ? 'feedback' : schema['x-shared']);

/** Resolved parameters: every keyword of ours replaced by the shape that bodies receive; shared pieces by reference. */
export function strict(schema) {
  for (const [keyword, shape] of Object.entries(RESOLVED)) {
    if (schema[keyword] !== undefined) return shape(schema[keyword]);
  }
  if (schema['x-type'] === 'metric') return METRIC;
  if (sharedName(schema)) return { $ref: sharedName(schema) };
  return bare(mapChildren(schema, strict));
}

/** What the author may write: any field may be an expression instead. What only an expression can give is left open here. */
export function authoring(schema) {
  if (Object.keys(RESOLVED).some((keyword) => schema[keyword] !== undefined)) return {};
  if (schema['x-type'] === 'metric') return {};
  const written = sharedName(schema) ? { $ref: sharedName(schema) } : authoringRoot(schema);
  return { if: { type: 'string', pattern: '\\$\\{\\{' }, else: written };
}

const SAME_VALUE = ['oneOf', 'anyOf', 'allOf', 'then', 'else'];

/** The same for a whole `with:` or shared piece, which is not an expression itself. */
export function authoringRoot(schema, tag = schema.discriminator?.propertyName) {
  return bare(
    mapChildren(schema, (child, key, name) => {
      // A tag is written out, never computed: it decides what else there may be.
      if (name !== undefined && name === tag) return bare(child);
      if (key === 'propertyNames' || key === 'not' || key === 'if') return child;
      // These look at the same value again, not at a part of it.
      if (SAME_VALUE.includes(key)) return authoringRoot(child, tag);
      return authoring(child);
    }),
  );
}
