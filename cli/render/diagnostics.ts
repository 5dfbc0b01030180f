import pc from 'picocolors';
import { count } from '../../compiler/diagnostics/count.ts';
import type { Diagnostic } from '../../compiler/diagnostics/diagnostic.ts';

/** Texts by path, for code frames. */
export type Texts = (file: string) => string | undefined;

type Colors = Pick<typeof pc, 'red' | 'yellow' | 'dim' | 'bold' | 'cyan'>;

/** Long lines are cut around the place, so that a frame fits a terminal. */
const WIDEST = 120;

/** One diagnostic as people read it: what, where, the line with a caret, what to do. */
export function renderDiagnostic(diagnostic: Diagnostic, texts: Texts, colors: Colors = pc): string {
  const { severity, code, message, file, line, column, path, hint, related } = diagnostic;
  const paint = severity === 'error' ? colors.red : colors.yellow;
  const lines = [`${paint(colors.bold(severity))}${colors.dim(`[${code}]`)} ${colors.bold(message)}`];
  const gutter = ' '.repeat(String(line).length);
  lines.push(`${gutter}${colors.cyan('-->')} ${file}:${line}:${column}${path && colors.dim(`  ${path}`)}`);
  const frame = frameOf(diagnostic, texts(file));
  if (frame) {
    lines.push(`${gutter} ${colors.cyan('|')}`);
    lines.push(`${colors.cyan(`${line} |`)} ${frame.text}`);
    lines.push(`${gutter} ${colors.cyan('|')} ${frame.before}${paint(frame.carets)}`);
  }
  for (const other of related ?? []) {
    lines.push(`${gutter} ${colors.cyan('=')} ${other.message}: ${other.file}:${other.line}:${other.column}`);
  }
  if (hint) lines.push(`${gutter} ${colors.cyan('=')} ${hint}`);
  return lines.join('\n');
}

function frameOf(
  { line, column, end }: Diagnostic,
  text: string | undefined,
): { text: string; before: string; carets: string } | null {
  const full = text?.split('\n')[line - 1]?.replace(/\r$/, '');
  if (full === undefined || (full.trim() === '' && text!.trim() === '')) return null;
  const from = column - 1;
  const until = end.line === line ? Math.max(end.column - 1, from + 1) : Math.max(full.length, from + 1);
  const cut = full.length <= WIDEST ? 0 : Math.max(0, Math.min(from - 40, full.length - WIDEST));
  const shown = full.slice(cut, cut + WIDEST);
  const start = from - cut + (cut > 0 ? 3 : 0);
  const length = Math.min(until - from, Math.max(1, shown.length - (from - cut)));
  const visible = `${cut > 0 ? '...' : ''}${shown}${cut + WIDEST < full.length ? '...' : ''}`;
  // Tabs keep their width only if what stands before the caret has the same ones.
  const before = visible.slice(0, start).replaceAll(/[^\t]/g, ' ').padEnd(start, ' ');
  return { text: visible, before, carets: '^'.repeat(length) };
}

/** `3 errors, 1 warning`. */
export function countText(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  const warnings = diagnostics.length - errors;
  const parts = [plural(errors, 'error'), plural(warnings, 'warning')].filter(
    (part) => !part.startsWith('0'),
  );
  return parts.join(', ') || 'no problems';
}

export const plural = (n: number, noun: string) => `${count(n)} ${noun}${n === 1 ? '' : 's'}`;
