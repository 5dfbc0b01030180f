// Compiles schemas to validators that need neither ajv nor `eval` when they run.
import Ajv from 'ajv/dist/2020.js';
import standalone from 'ajv/dist/standalone/index.js';
import { build } from 'esbuild';
import { authoringRoot, strict } from './transform.mjs';

/** @returns {Promise<{ code: string, types: string }>} `experiment`, `feedback` and `withOf[kind]`, which allow expressions */
export function validatorModule(schemas) {
  return compile({
    shared: mapValues(schemas.common, (schema) => authoringRoot(schema)),
    single: { experiment: experimentSchema(schemas) },
    exported: ['experiment', 'feedback'],
    group: 'withOf',
    members: mapValues(schemas.kinds, (schema) => authoringRoot(schema)),
  });
}

/** @returns {Promise<{ code: string, types: string }>} `parametersOf[kind]`, for resolved parameters */
export function strictValidatorModule(schemas) {
  return compile({
    shared: mapValues(schemas.common, (schema) => bareStrict(schema)),
    single: {},
    exported: [],
    group: 'parametersOf',
    members: mapValues(schemas.kinds, (schema) => bareStrict(schema)),
  });
}

/** A shared piece itself, not a reference to it. */
const bareStrict = ({ 'x-shared': _shared, ...schema }) => strict(schema);

const mapValues = (object, change) =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));

/** The kind's name is checked by the compiler, which can say more about it. */
function experimentSchema(schemas) {
  const plain = (schema) => {
    if (schema['x-type'] === 'feedback') return {};
    if (schema['x-kind']) return { type: 'string' };
    const { default: _default, description: _description, examples: _examples, ...rest } = schema;
    return Object.fromEntries(
      Object.entries(rest).map(([key, value]) => [
        key,
        key === 'properties'
          ? Object.fromEntries(Object.entries(value).map(([name, child]) => [name, plain(child)]))
          : ['items', 'additionalProperties'].includes(key) && typeof value === 'object'
            ? plain(value)
            : value,
      ]),
    );
  };
  return plain(schemas.experiment);
}

async function compile({ shared, single, exported, group, members }) {
  const ajv = new Ajv({
    allErrors: true,
    strict: true,
    allowUnionTypes: true,
    strictTypes: false,
    strictRequired: false,
    discriminator: true,
    inlineRefs: false,
    // compiler/schema says it in words of its own.
    messages: false,
    code: { source: true, esm: true, lines: false },
  });
  for (const [name, schema] of Object.entries({ ...shared, ...single }))
    ajv.addSchema({ ...schema, $id: name });
  const names = Object.fromEntries(exported.map((name) => [name, name]));
  const entries = Object.entries(members).map(([kind, schema], i) => {
    const name = `${group}${i}`;
    ajv.addSchema({ ...schema, $id: name });
    names[name] = name;
    try {
      ajv.getSchema(name);
    } catch (error) {
      throw new Error(`schemas/kinds/${kind}.schema.json: ${error.message}`);
    }
    return `${JSON.stringify(kind)}: ${name}`;
  });
  const source = `${standalone(ajv, names)}\nexport const ${group} = { ${entries.join(', ')} };\n`;
  const bundled = await build({
    stdin: { contents: source, resolveDir: new URL('../../..', import.meta.url).pathname, loader: 'js' },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['main'],
    target: 'es2022',
    minify: true,
    legalComments: 'none',
    logLevel: 'silent',
  });
  const types = [
    `import type { ErrorObject } from 'ajv';\n`,
    `type Validator = { (data: unknown): boolean; errors?: ErrorObject[] | null };\n`,
    ...exported.map((name) => `export declare const ${name}: Validator;`),
    `export declare const ${group}: Readonly<Record<string, Validator>>;\n`,
  ];
  return { code: bundled.outputFiles[0].text, types: types.join('\n') };
}
