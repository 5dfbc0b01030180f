// schemas/generated/: what is made from the JSON Schemas. Skipped when no schema has changed.
//
//   validators.js            the experiment file and each kind's `with:`, expressions allowed (for the compiler)
//   strict-validators.js     each kind's resolved parameters (before a body runs)
//   schemas.js               the schemas themselves, references resolved (defaults, static types, hints)
//   parameters.ts            TypeScript types of each kind's parameters
//   experiment.schema.json   one schema for editors, which completes `with:` by `uses:`
//
//   node infra/setup/schemas.mjs
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readSchemas, schemaFiles } from './schemas/read.mjs';

const OUTPUTS = [
  'validators.js',
  'validators.d.ts',
  'strict-validators.js',
  'strict-validators.d.ts',
  'schemas.js',
  'schemas.d.ts',
  'parameters.ts',
  'experiment.schema.json',
];

/** Writes what has changed below `schemas/generated/` of `root`. @returns {Promise<boolean>} whether anything was out of date */
export async function generate(root) {
  const target = join(root, 'schemas', 'generated');
  const digest = sourceDigest(root);
  if (isCurrent(target, digest)) return false;

  const schemas = readSchemas(root);
  const [{ validatorModule, strictValidatorModule }, { parameterTypes }, { editorSchema }] =
    await Promise.all([
      import('./schemas/validators.mjs'),
      import('./schemas/types.mjs'),
      import('./schemas/editor.mjs'),
    ]);
  const validators = await validatorModule(schemas);
  const strict = await strictValidatorModule(schemas);
  const data = JSON.stringify({
    experiment: schemas.experiment,
    kinds: schemas.kinds,
    feedback: schemas.common.feedback,
  });
  const files = {
    ...named('validators', validators),
    ...named('strict-validators', strict),
    'schemas.js': `${HEADER}export const schemas = JSON.parse(${JSON.stringify(data)});\n`,
    'schemas.d.ts': `${HEADER}import type { Schemas } from '../../compiler/schema/types.ts';\n\nexport declare const schemas: Schemas;\n`,
    'parameters.ts': HEADER + (await parameterTypes(schemas)),
    'experiment.schema.json': `${JSON.stringify(editorSchema(schemas), null, 1)}\n`,
  };
  mkdirSync(target, { recursive: true });
  for (const name of OUTPUTS) writeAtomically(join(target, name), files[name]);
  // Last, so that a run killed half way is repeated.
  writeAtomically(join(target, '.digest'), digest);
  return true;
}

const HEADER = '// Generated from the JSON Schemas by infra/setup/schemas.mjs.\n';

const named = (name, { code, types }) => ({
  [`${name}.js`]: HEADER + code,
  [`${name}.d.ts`]: HEADER + types,
});

function isCurrent(target, digest) {
  try {
    if (readFileSync(join(target, '.digest'), 'utf8') !== digest) return false;
    const present = new Set(readdirSync(target));
    return OUTPUTS.every((name) => present.has(name));
  } catch {
    return false;
  }
}

function sourceDigest(root) {
  const hash = createHash('sha256');
  const generators = fileURLToPath(new URL('./schemas/', import.meta.url));
  const sources = [
    fileURLToPath(import.meta.url),
    ...readdirSync(generators)
      .sort()
      .map((name) => join(generators, name)),
    ...schemaFiles(root),
    join(root, 'package-lock.json'),
  ];
  for (const file of sources)
    hash
      .update(`${file.slice(root.length)}\0`)
      .update(readFileSync(file))
      .update('\0');
  return hash.digest('hex');
}

function writeAtomically(path, text) {
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
  const start = performance.now();
  try {
    const changed = await generate(root);
    console.log(
      `schemas/generated ${changed ? 'written' : 'up to date'} (${Math.round(performance.now() - start)} ms)`,
    );
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
