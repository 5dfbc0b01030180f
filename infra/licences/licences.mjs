// Licences of what a user installs: the production part of package-lock.json.
//
//   node infra/licences/licences.mjs        one line a licence, with its packages; exit 1 when one is not allowed
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** They let anyone use, change and pass on the code, and ask nothing of ours but to keep their notices. */
const ALLOWED = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  // The data of caniuse-lite.
  'CC-BY-4.0',
  'CC0-1.0',
  'ISC',
  'MIT',
  'Python-2.0',
  'Unlicense',
  'Zlib',
]);

/** Packages whose manifest names no licence, each looked up in its own files. */
const KNOWN = { 'unionfs@4.6.0': 'Unlicense' };

/** Whether an SPDX expression can be met with allowed licences: one side of each OR, both of each AND. */
export function allowed(expression) {
  const text = expression.trim();
  const inner = unwrapped(text);
  if (inner !== null) return allowed(inner);
  for (const [operator, joined] of [
    [' OR ', 'some'],
    [' AND ', 'every'],
  ]) {
    const parts = split(text, operator);
    if (parts.length > 1) return parts[joined](allowed);
  }
  return ALLOWED.has(text);
}

/** What stands between parentheses that hold the whole. */
function unwrapped(text) {
  if (!text.startsWith('(') || !text.endsWith(')')) return null;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '(') depth += 1;
    if (text[i] === ')') depth -= 1;
    if (depth === 0 && i < text.length - 1) return null;
  }
  return text.slice(1, -1);
}

/** At the operators outside of all parentheses. */
function split(text, operator) {
  const parts = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '(') depth += 1;
    if (text[i] === ')') depth -= 1;
    if (depth === 0 && text.startsWith(operator, i)) {
      parts.push(text.slice(start, i));
      start = i + operator.length;
    }
  }
  return [...parts, text.slice(start)];
}

/** Every production package of a lock file with its licence; `null` when nobody knows it. */
export function productionLicences(root) {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  return Object.entries(packages)
    .filter(([path, { dev, link }]) => path !== '' && !dev && !link)
    .map(([path, { name, version, license }]) => {
      const id = `${name ?? path.slice(path.lastIndexOf('node_modules/') + 13)}@${version}`;
      return { id, licence: license ?? manifestLicence(join(root, path)) ?? KNOWN[id] ?? null };
    });
}

function manifestLicence(directory) {
  const manifest = join(directory, 'package.json');
  if (!existsSync(manifest)) return null;
  const { license, licenses } = JSON.parse(readFileSync(manifest, 'utf8'));
  if (typeof license === 'string') return license;
  return license?.type ?? (Array.isArray(licenses) ? licenses.map(({ type }) => type).join(' OR ') : null);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const groups = new Map();
  for (const { id, licence } of productionLicences(fileURLToPath(new URL('../..', import.meta.url)))) {
    const name = licence ?? 'unknown';
    groups.set(name, [...(groups.get(name) ?? []), id]);
  }
  for (const [name, ids] of [...groups].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const refused = !allowed(name);
    if (refused) process.exitCode = 1;
    process.stdout.write(
      `${refused ? 'NOT ALLOWED  ' : ''}${name} (${ids.length}): ${ids.sort().join(', ')}\n`,
    );
  }
}
