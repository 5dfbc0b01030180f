import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './scratch-project.ts';

export const INFRA = join(ROOT, 'infra');

export type DeployTool =
  | 'hadolint'
  | 'docker-compose'
  | 'shellcheck'
  | 'helm'
  | 'actionlint'
  | 'kubernetes-schemas';

interface Stamp {
  tools: Partial<Record<DeployTool, string>>;
  missing: Partial<Record<DeployTool, string>>;
}

function stamp(): Stamp | null {
  try {
    return JSON.parse(
      readFileSync(join(ROOT, 'node_modules', '.plumbline', 'deploy-tools.json'), 'utf8'),
    ) as Stamp;
  } catch {
    return null;
  }
}

/** Where set-up for tests has put a tool; null, with a word about it, when it could not be had. */
export function deployTool(name: DeployTool): string | null {
  const found = stamp();
  const path = found?.tools[name];
  if (path) return path;
  const why = found?.missing[name] ?? 'npm run setup -- --for test has not run';
  process.stderr.write(`SKIPPED tests with ${name}: ${why}\n`);
  return null;
}

export interface ToolRun {
  code: number | null;
  stdout: string;
  stderr: string;
}

export function runTool(
  path: string,
  args: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; input?: string } = {},
): ToolRun {
  const { status, stdout, stderr, error } = spawnSync(path, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    ...options,
  });
  if (error) throw error;
  return { code: status, stdout, stderr };
}
