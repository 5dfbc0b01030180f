import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from './scratch-project.ts';

/** A folder may import only from itself and from those after it. */
const LAYERS = [
  'cli',
  'worker',
  'workflows',
  'activities',
  'compute',
  'labeling',
  'report',
  'compiler',
  'store',
  'ml',
];

interface Source {
  /** Relative to the root. */
  path: string;
  text: string;
}

function sources(): Source[] {
  return LAYERS.flatMap((layer) => list(join(ROOT, layer))).map((file) => ({
    path: relative(ROOT, file),
    text: readFileSync(file, 'utf8'),
  }));
}

const list = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return list(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });

const importsOf = ({ path, text }: Source): { specifier: string; typeOnly: boolean; layer: string }[] =>
  [
    ...text.matchAll(
      /(?:^|\n)\s*(?:import|export)(\s+type)?\b[^'";]*?from\s+'(\.[^']+)'|import\('(\.[^']+)'\)/g,
    ),
  ].map((match) => {
    const specifier = match[2] ?? match[3] ?? '';
    const target = relative(ROOT, resolve(ROOT, dirname(path), specifier));
    return { specifier, typeOnly: match[1] !== undefined, layer: target.split('/')[0] ?? '' };
  });

const all = sources();

test('there are sources to look at', () => {
  expect(all.length).toBeGreaterThan(50);
  expect(all.flatMap(importsOf).length).toBeGreaterThan(100);
});

test('no folder imports from one above it', () => {
  const upward = all.flatMap((source) => {
    const own = LAYERS.indexOf(source.path.split('/')[0] ?? '');
    return importsOf(source)
      .filter(({ layer }) => LAYERS.includes(layer) && LAYERS.indexOf(layer) < own)
      .map(({ specifier }) => `${source.path} imports ${specifier}`);
  });
  expect(upward).toEqual([]);
});

test('an import of a source names the file that is there', () => {
  const others = all.flatMap((source) =>
    importsOf(source)
      .filter(({ layer, specifier }) => LAYERS.includes(layer) && !/\.(ts|json)$/.test(specifier))
      .map(({ specifier }) => `${source.path} imports ${specifier}`),
  );
  expect(others).toEqual([]);
});

test('the maths has no clock, no global random numbers and no files', () => {
  const forbidden = /\bMath\.random\(|\bDate\.now\(|\bnew Date\(|\bperformance\.now\(/;
  const impure = all
    .filter(({ path }) => path.startsWith('ml/'))
    .flatMap(({ path, text }) =>
      text.split('\n').map((line, index) => ({ at: `${path}:${index + 1}`, line })),
    )
    .filter(({ line }) => forbidden.test(line.replace(/\/\/.*|^\s*\*.*/, '')));
  expect(impure).toEqual([]);
});

test('no file is so long that it must hold more than one concept', () => {
  const long = all
    .filter(({ text }) => text.split('\n').length > 420)
    .map(({ path, text }) => `${path}: ${text.split('\n').length} lines`);
  expect(long).toEqual([]);
});
