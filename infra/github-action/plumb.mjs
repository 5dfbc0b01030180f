// Calls `plumb` in the checkout, and speaks to the runner that called us.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PLUMB = process.env.PLUMB ?? fileURLToPath(new URL('../../bin/plumb.cjs', import.meta.url));

/**
 * @param {string[]} args
 * @returns {{code: number, stdout: string, stderr: string}}
 */
export function plumb(args) {
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [PLUMB, ...args], {
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    env: { ...process.env, NO_COLOR: '1' },
  });
  if (error) throw error;
  return { code: status ?? 1, stdout, stderr };
}

/** The lines of an input. */
export const lines = (text = '') =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

/** An output of the step. The delimiter is random, so that no value can end it early and set another output. */
export function setOutput(name, value) {
  const file = process.env.GITHUB_OUTPUT;
  const end = `end-${randomBytes(16).toString('hex')}`;
  if (file) appendFileSync(file, `${name}<<${end}\n${value}\n${end}\n`);
}

/** Text of the job's summary. */
export function addSummary(markdown) {
  const file = process.env.GITHUB_STEP_SUMMARY;
  if (file) appendFileSync(file, `${markdown}\n`);
}

const escapeData = (text) => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
const escapeProperty = (text) => escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');

/**
 * Shows a message, at a place of a file where that is known.
 * @param {'error' | 'warning' | 'notice'} level
 * @param {{file?: string, line?: number, col?: number, title?: string}} [place]
 */
export function annotate(level, message, place = {}) {
  const properties = Object.entries(place)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${escapeProperty(String(value))}`)
    .join(',');
  process.stdout.write(`::${level}${properties === '' ? '' : ` ${properties}`}::${escapeData(message)}\n`);
}

/** The experiment files that `EXPERIMENTS` names, as `plumb validate` finds them, with what it says of each. */
export function validated() {
  const named = lines(process.env.EXPERIMENTS);
  if (named.length === 0) throw new Error('The input experiments names no file and no folder.');
  const { code, stdout, stderr } = plumb(['validate', '--format', 'json', ...named]);
  if (!stdout.startsWith('{')) throw new Error(`plumb validate ended with ${code}: ${stderr || stdout}`);
  return JSON.parse(stdout);
}
