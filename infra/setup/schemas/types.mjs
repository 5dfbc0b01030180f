// TypeScript types of each kind's resolved parameters: what a body finds in `job.params`.
import { compile } from 'json-schema-to-typescript';
import { mapChildren, sharedName } from './transform.mjs';

const pascalCase = (name) =>
  name
    .split(/[.-]/)
    .map((word) => word[0].toUpperCase() + word.slice(1))
    .join('');

const OF_KEYWORD = {
  'x-artifact': 'MaterialisedArtifact',
  'x-path': 'LocalPath',
  'x-secret': 'SecretName',
};

export async function parameterTypes(schemas) {
  const definitions = {};
  for (const [name, schema] of Object.entries(schemas.common)) {
    const title = pascalCase(name);
    definitions[title] = { ...described(schema), title };
  }
  const properties = {};
  for (const [kind, schema] of Object.entries(schemas.kinds)) {
    const name = `${pascalCase(kind)}Parameters`;
    definitions[name] = { ...described(schema), title: name };
    properties[kind] = { $ref: `#/definitions/${name}` };
  }
  const root = {
    title: 'ParametersOf',
    description: 'The resolved parameters of each kind.',
    type: 'object',
    additionalProperties: false,
    required: Object.keys(properties),
    properties,
    definitions,
  };
  const body = await compile(root, 'ParametersOf', {
    bannerComment: '',
    unreachableDefinitions: true,
    additionalProperties: false,
    format: false,
  });
  const imports = `import type { MaterialisedArtifact } from '../../compute/types.ts';
${/\bMetric\b/.test(body) ? "import type { Metric } from '../../store/types.ts';\n" : ''}
/** A local file or directory; \`sha256\` is the fingerprint that its content had when the plan was made. */
export interface LocalPath {
  $path: string;
  sha256: string;
}

/** The name of the environment variable that holds a secret. */
export interface SecretName {
  $secret: string;
}
`;
  // Unreachable definitions come with a note about where they were referenced from.
  return `${imports}\n${body.replaceAll(/ \* This interface was referenced by .*\n( \* via the `definition` ".*"\.\n)?/g, '').replaceAll(/\/\*\*\n \*\/\n/g, '')}`;
}

/** Fields with a default are always there when a body runs. */
function described(schema) {
  for (const [keyword, tsType] of Object.entries(OF_KEYWORD)) {
    if (schema[keyword] !== undefined) return { tsType, description: schema.description };
  }
  if (schema['x-type'] === 'metric') return { tsType: 'Metric', description: schema.description };
  if (sharedName(schema)) return { tsType: pascalCase(sharedName(schema)), description: schema.description };
  const changed = mapChildren(schema, (child) => described(child));
  delete changed.discriminator;
  delete changed.title;
  // Rules about which properties go together say nothing that a type could.
  delete changed.allOf;
  // Lengths would become tuples with as many alternatives.
  delete changed.minItems;
  delete changed.maxItems;
  if (schema.properties) {
    const filled = Object.entries(schema.properties)
      .filter(([, property]) => property.default !== undefined)
      .map(([name]) => name);
    changed.required = [...new Set([...(schema.required ?? []), ...filled])];
  }
  if (changed.oneOf) {
    delete changed.type;
    delete changed.required;
  }
  return changed;
}
