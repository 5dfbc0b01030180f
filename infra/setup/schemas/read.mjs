// Reads the schemas and resolves their references, so that what uses them meets none.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';

const SUFFIX = '.schema.json';

/** Paths of all hand-written schemas. */
export function schemaFiles(root) {
  const folder = join(root, 'schemas');
  const kinds = readdirSync(join(folder, 'kinds')).filter((name) => name.endsWith(SUFFIX));
  return [
    join(folder, `common${SUFFIX}`),
    join(folder, `experiment${SUFFIX}`),
    ...kinds.sort().map((name) => join(folder, 'kinds', name)),
  ];
}

/**
 * Without `$ref` and `$defs`. What came from common.schema.json says so by `x-shared: NAME`.
 *
 * @returns {{ experiment: object, kinds: Record<string, object>, common: Record<string, object> }}
 */
export function readSchemas(root) {
  const files = new Map();
  const common = join(root, 'schemas', `common${SUFFIX}`);
  const load = (path) => {
    if (!files.has(path)) files.set(path, parse(root, path));
    return files.get(path);
  };
  const at = (path, pointer) => {
    let found = load(path);
    for (const part of pointer.split('/').slice(1)) found = found?.[part];
    if (found === undefined) throw new Error(`${relative(root, path)}: nothing is at ${pointer}`);
    return resolved(found, path, [`${path}${pointer}`]);
  };
  const resolved = (node, path, trail) => {
    if (Array.isArray(node)) return node.map((item) => resolved(item, path, trail));
    if (node === null || typeof node !== 'object') return node;
    const { $defs: _defs, $id: _id, $schema: _schema, $ref: written, ...rest } = node;
    // A feedback is a shared piece under a keyword of its own, since an expression may stand for it.
    const $ref = node['x-type'] === 'feedback' ? `${common}#/$defs/feedback` : written;
    const own = Object.fromEntries(
      Object.entries(rest).map(([key, value]) => [key, resolved(value, path, trail)]),
    );
    if ($ref === undefined || typeof $ref !== 'string') return own;
    const [file, pointer = ''] = $ref.split('#');
    const target = file === '' ? path : resolve(dirname(path), file);
    const address = `${target}${pointer}`;
    if (trail.includes(address)) throw new Error(`${relative(root, path)}: ${$ref} refers to itself`);
    let referred = load(target);
    for (const part of pointer.split('/').slice(1)) referred = referred?.[part];
    if (referred === undefined) throw new Error(`${relative(root, path)}: nothing is at ${$ref}`);
    const copy = resolved(referred, target, [...trail, address]);
    const shared =
      target === common && Object.keys(own).every((key) => key === 'description' || key === 'default');
    return merge(shared ? { ...copy, 'x-shared': pointer.split('/').at(-1) } : copy, own);
  };

  const kinds = {};
  for (const path of schemaFiles(root).slice(2)) {
    const name = basename(path, SUFFIX);
    kinds[name] = at(path, '');
  }
  return {
    experiment: at(join(root, 'schemas', `experiment${SUFFIX}`), ''),
    kinds,
    common: Object.fromEntries(
      Object.keys(load(common).$defs).map((name) => [name, at(common, `/$defs/${name}`)]),
    ),
  };
}

/** A `$ref` with neighbours: both hold. After merging, what `unevaluatedProperties` sees is all in one place. */
function merge(referred, own) {
  const merged = { ...referred, ...own };
  if (referred.properties && own.properties)
    merged.properties = { ...referred.properties, ...own.properties };
  if (referred.required && own.required)
    merged.required = [...new Set([...referred.required, ...own.required])];
  if ('unevaluatedProperties' in merged) {
    merged.additionalProperties = merged.unevaluatedProperties;
    delete merged.unevaluatedProperties;
  }
  return merged;
}

function parse(root, path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new Error(`${relative(root, path)}: ${error.message}`);
  }
}
