import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import pc from 'picocolors';
import type { Compiled } from '../../compiler/compile.ts';
import { compileFile, unreadable } from '../compile.ts';
import { countText, plural, renderDiagnostic } from '../render/diagnostics.ts';
import { version } from '../version.ts';

export interface ValidateOptions {
  format?: 'text' | 'json' | 'sarif';
  set?: Record<string, string>;
}

/**
 * `plumb validate PATH...`: compiles every file, or every .yaml and .yml file below a directory. Needs no server and no
 * network. @returns the exit code: 0, or 1 when any file has an error
 */
export async function validate(paths: string[], options: ValidateOptions = {}): Promise<number> {
  const results = new Map<string, Compiled>();
  const found = new Set<string>();
  const check = async (path: string) =>
    await compileFile(path, {
      for: 'check',
      digests: options.format === 'json',
      ...(options.set && { set: options.set }),
    });
  for (const path of paths) {
    const files = filesAt(path);
    if (files === null) results.set(path, await check(path));
    else if (files.length === 0) results.set(path, noFiles(path));
    for (const file of files ?? []) {
      found.add(file);
      if (!results.has(file)) results.set(file, await check(file));
    }
  }
  leaveOutBases(results, found, paths);
  await print(results, options.format ?? 'text');
  return [...results.values()].some(failed) ? 1 : 0;
}

const failed = ({ diagnostics }: Compiled) => diagnostics.some(({ severity }) => severity === 'error');

/** The experiment files below a directory, sorted; null for anything that is no directory. */
function filesAt(path: string): string[] | null {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return null;
  const files: string[] = [];
  const walk = (directory: string) => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
      const inner = join(directory, entry.name);
      if (entry.isDirectory()) walk(inner);
      else if (/\.ya?ml$/i.test(entry.name)) files.push(inner);
    }
  };
  walk(path);
  return files.sort();
}

const noFiles = (path: string): Compiled =>
  unreadable(path, { code: 'no-files', message: 'No .yaml or .yml file lies here.' });

/** A file that another one extends need not be whole by itself: it has been checked as a part of that one. */
function leaveOutBases(
  results: Map<string, Compiled>,
  found: ReadonlySet<string>,
  named: readonly string[],
): void {
  const bases = new Set(
    [...results].flatMap(([path, { sources }]) => [...sources.keys()].filter((other) => other !== path)),
  );
  for (const path of found) if (bases.has(path) && !named.includes(path)) results.delete(path);
}

async function print(
  results: ReadonlyMap<string, Compiled>,
  format: 'text' | 'json' | 'sarif',
): Promise<void> {
  const all = [...results.values()].flatMap(({ diagnostics }) => diagnostics);
  if (format === 'json') {
    process.stdout.write(`${JSON.stringify(jsonOf(results), null, 2)}\n`);
  } else if (format === 'sarif') {
    const { renderSarif } = await import('../render/sarif.ts');
    process.stdout.write(renderSarif(all, version));
  } else process.stdout.write(textOf(results));
}

function jsonOf(results: ReadonlyMap<string, Compiled>) {
  return {
    ok: ![...results.values()].some(failed),
    files: [...results].map(([path, result]) => ({
      path,
      ok: !failed(result),
      ...(result.plan && {
        name: result.plan.name,
        digest: result.plan.digest,
        steps: result.plan.steps.length,
        points: result.total.points,
      }),
      diagnostics: result.diagnostics,
    })),
  };
}

function textOf(results: ReadonlyMap<string, Compiled>): string {
  const blocks: string[] = [];
  const summary: string[] = [];
  for (const [path, { diagnostics, sources, plan, total }] of results) {
    for (const diagnostic of diagnostics) {
      blocks.push(`${renderDiagnostic(diagnostic, (file) => sources.get(file)?.text)}\n`);
    }
    const bad = diagnostics.some(({ severity }) => severity === 'error');
    const what = plan
      ? `${plural(plan.steps.length, 'step')}, ${total.exact ? '' : 'up to '}${plural(total.points, 'point')}`
      : countText(diagnostics);
    const also = plan && diagnostics.length > 0 ? `, ${countText(diagnostics)}` : '';
    summary.push(`${bad ? pc.red('fail') : pc.green('ok  ')}  ${path}  ${pc.dim(what + also)}`);
  }
  return `${blocks.length > 0 ? `${blocks.join('\n')}\n` : ''}${summary.join('\n')}\n`;
}
