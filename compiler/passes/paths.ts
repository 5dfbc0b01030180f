import type { Digest } from '../../store/types.ts';
import type { Diagnostics } from '../diagnostics/diagnostic.ts';
import type { Plan } from '../plan/types.ts';
import type { MapNode } from '../source/tree.ts';
import { besides } from './assemble.ts';
import { type Sites, scalars } from './sites.ts';
import type { StaticValues } from './static-values.ts';

/**
 * Where a path leads, and the fingerprint of what is there: of a file the SHA-256 of its bytes, of a directory that of the
 * canonical JSON of its files. null when there is nothing.
 */
export type Fingerprint = (path: string) => { path: string; sha256: Digest } | null;

/** The directory that code to be run must lie below, when this file does not; null when it does. */
export type MayRun = (path: string) => { below: string } | null;

const NOT_READ = '0'.repeat(64);

/**
 * The local files and directories that a plan names, looked at as the dry run meets them. They count by their content: it is
 * taken down now, so that an edit later changes nothing that runs.
 */
export function pathTable(
  main: string,
  root: MapNode,
  fingerprint: Fingerprint | undefined,
  diagnostics: Diagnostics,
): Plan['paths'] {
  const known: Plan['paths'] = {};
  return new Proxy(known, {
    get(_, name) {
      if (typeof name !== 'string') return undefined;
      known[name] ??= lookUp(name, main, root, fingerprint, diagnostics);
      return known[name];
    },
  });
}

function lookUp(
  name: string,
  main: string,
  root: MapNode,
  fingerprint: Fingerprint | undefined,
  diagnostics: Diagnostics,
): { path: string; sha256: Digest } {
  const path = besides(main, name);
  if (!fingerprint) return { path, sha256: NOT_READ };
  const found = fingerprint(path);
  if (found) return found;
  const written = [...scalars(root, [])].find(
    ([{ value, span }]) =>
      typeof value === 'string' && (value === name || besides(span.file.path, value) === path),
  );
  diagnostics.error(
    'missing-path',
    written?.[0].span ?? { ...root.span, end: root.span.start },
    `There is nothing at ${path}.`,
    {
      path: written?.[1],
      hint: written
        ? 'Paths in a file are relative to it.'
        : 'Paths given by --set are relative to the working directory.',
    },
  );
  return { path, sha256: NOT_READ };
}

/** Files that will be run as code must lie where the team's code lies: a spec is no way to run whatever a host has. */
export function checkCode(
  sites: Sites,
  values: StaticValues,
  paths: Plan['paths'],
  mayRun: MayRun | undefined,
): void {
  for (const { node, path, name } of mayRun ? sites.codeFiles : []) {
    const known = values.attempt(name);
    if (typeof known !== 'string') {
      sites.diagnostics.error(
        'code-outside',
        node.span,
        `${String(path.at(-1))} is run as code, and which file that is differs from point to point, so it cannot be checked.`,
        { path, hint: 'Name the file here, or by an input; two modules are two steps.' },
      );
      continue;
    }
    const file = paths[known]?.path;
    const refused = file === undefined ? null : mayRun!(file);
    if (!refused) continue;
    sites.diagnostics.error(
      'code-outside',
      node.span,
      `${String(path.at(-1))} is run as code, and ${file} is not below ${refused.below}.`,
      {
        path,
        hint: 'Code that an experiment runs lies in its git repository; without one, beside the experiment file or below it.',
      },
    );
  }
}
