// The one schema for editors: `uses:` offers the kinds, `with:` what that kind takes, every field an expression as well.
import { mapChildren } from './transform.mjs';

const EXPRESSION = {
  type: 'string',
  pattern: '\\$\\{\\{.*\\}\\}',
  description: 'An expression, such as ${{ steps.base }} or ${{ matrix.layer }}.',
};

export function editorSchema(schemas) {
  const kinds = Object.entries(schemas.kinds);
  const fields = (schema) => {
    if (schema['x-type'] === 'feedback') return describedAs(schema, { $ref: '#/$defs/feedback' });
    if (schema['x-kind']) {
      return {
        description: schema.description,
        anyOf: kinds.map(([kind, { description }]) => ({ const: kind, description })),
      };
    }
    return mapChildren(schema, fields);
  };
  const experiment = fields(schemas.experiment);
  const step = experiment.properties.steps.additionalProperties;
  step.allOf = kinds.map(([kind, schema]) => ({
    if: { properties: { uses: { const: kind } }, required: ['uses'] },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: {
      properties: { with: { $ref: `#/$defs/${kind}` } },
      // Presets may give the rest, which an editor cannot see.
      ...(schema.required?.length ? { anyOf: [{ required: ['with'] }, { required: ['preset'] }] } : {}),
    },
  }));
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    ...experiment,
    $defs: {
      feedback: withExpressions(schemas.common.feedback),
      ...Object.fromEntries(kinds.map(([kind, schema]) => [kind, written(schema, {})])),
    },
  };
}

/** A schema in which every field may be an expression. */
function withExpressions(schema) {
  return { description: schema.description, anyOf: [EXPRESSION, written(schema, {})] };
}

function written(schema, { tag }) {
  const property = schema.discriminator?.propertyName ?? tag;
  const { discriminator: _discriminator, required, ...rest } = schema;
  const changed = mapChildren(rest, (child, key, name) => {
    if (key === 'oneOf') return written(child, { tag: property });
    if (name !== undefined && name === property) return child;
    return field(child);
  });
  return required ? { ...changed, required } : changed;
}

function field(schema) {
  if (schema['x-artifact'] !== undefined) {
    return {
      ...EXPRESSION,
      description: `${schema.description ?? ''} (${[schema['x-artifact']].flat().join(' or ')})`,
    };
  }
  if (schema['x-secret'])
    return { ...EXPRESSION, pattern: '\\$\\{\\{ *secrets\\.', description: schema.description };
  if (schema['x-path']) return { type: 'string', description: schema.description };
  if (schema['x-type'] === 'feedback') return describedAs(schema, { $ref: '#/$defs/feedback' });
  if (schema['x-type'] === 'metric') return { ...EXPRESSION, description: schema.description };
  const { description, default: standard, ...rest } = schema;
  return {
    ...(description === undefined ? {} : { description }),
    ...(standard === undefined ? {} : { default: standard }),
    anyOf: [written(rest, {}), EXPRESSION],
  };
}

const describedAs = (schema, reference) => ({ description: schema.description, ...reference });
