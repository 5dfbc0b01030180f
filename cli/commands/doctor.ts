import { fileURLToPath } from 'node:url';
import pc from 'picocolors';
import { settingsFromEnvironment } from '../../worker/settings.ts';
import { engineFinding } from '../doctor/engine.ts';
import type { Finding } from '../doctor/finding.ts';
import { gpuFinding } from '../doctor/gpu.ts';
import { hugePagesFinding } from '../doctor/huge-pages.ts';
import { memoryFinding } from '../doctor/memory.ts';
import { nodeFinding } from '../doctor/node.ts';
import { storeFinding } from '../doctor/store.ts';
import { temporalFinding } from '../doctor/temporal.ts';

export interface DoctorArguments {
  json?: boolean;
  /** Where artifacts go; the default is the one of `plumb run`. */
  store?: string;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Prints what this machine has for running experiments, and for each problem what to do.
 * @returns the exit code: 1 when something is missing that `plumb run` needs
 */
export async function doctor({
  json = false,
  store = settingsFromEnvironment().store,
}: DoctorArguments): Promise<number> {
  const findings = await Promise.all([
    nodeFinding(),
    engineFinding(ROOT),
    gpuFinding(ROOT),
    temporalFinding(ROOT),
    storeFinding(store),
    memoryFinding(),
    hugePagesFinding(),
  ]);
  const healthy = findings.every(({ status }) => status !== 'error');
  process.stdout.write(json ? `${JSON.stringify({ ok: healthy, findings }, null, 2)}\n` : render(findings));
  return healthy ? 0 : 1;
}

const MARKS = { ok: pc.green('ok'), warning: pc.yellow('warning'), error: pc.red('problem') };
const MARK_WIDTH = 7;

function render(findings: Finding[]): string {
  const width = Math.max(...findings.map(({ name }) => name.length));
  const indent = ' '.repeat(MARK_WIDTH + width + 4);
  const lines = findings.map(({ name, status, text, mend }) => {
    const padding = ' '.repeat(MARK_WIDTH - (status === 'error' ? 'problem' : status).length);
    const line = `${MARKS[status]}${padding}  ${name.padEnd(width)}  ${text}`;
    return mend ? `${line}\n${indent}to mend it: ${mend}` : line;
  });
  const problems = findings.filter(({ status }) => status === 'error').length;
  const warnings = findings.filter(({ status }) => status === 'warning').length;
  const verdict =
    problems > 0
      ? `${count(problems, 'problem')}, ${count(warnings, 'warning')}`
      : warnings > 0
        ? `ready, with ${count(warnings, 'warning')}`
        : 'ready';
  return `${lines.join('\n')}\n${verdict}\n`;
}

const count = (n: number, word: string): string => `${n} ${word}${n === 1 ? '' : 's'}`;
