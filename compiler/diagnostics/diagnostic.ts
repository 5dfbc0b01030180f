import type { Span } from '../source/file.ts';
import type { Code } from './codes.ts';

export interface Position {
  line: number;
  column: number;
}

/** One thing that is wrong, as data. `cli/render` turns it into text, JSON or SARIF. */
export interface Diagnostic {
  code: Code;
  severity: 'error' | 'warning';
  message: string;
  /** What to do about it. */
  hint?: string;
  file: string;
  line: number;
  column: number;
  /** One past the last character. */
  end: Position;
  /** Where in the document: `steps.saes.with.l1`. */
  path: string;
  related?: { message: string; file: string; line: number; column: number }[];
}

export interface Details {
  hint?: string | undefined;
  path?: Path | undefined;
  related?: { message: string; span: Span }[] | undefined;
}

/** Keys and indices from the document's root. */
export type Path = readonly (string | number)[];

export function pathText(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (/^[A-Za-z_][\w-]*$/.test(part)) text += text === '' ? part : `.${part}`;
    else text += `[${JSON.stringify(part)}]`;
  }
  return text;
}

/** Collects diagnostics; the same one twice (a shared anchor, a point of a matrix) is kept once. */
export class Diagnostics {
  private readonly found = new Map<string, Diagnostic>();
  /** Beyond so many the rest is counted only: a broken generator should not print a book. */
  static readonly LIMIT = 200;

  error(code: Code, span: Span, message: string, details: Details = {}): void {
    this.add('error', code, span, message, details);
  }

  warning(code: Code, span: Span, message: string, details: Details = {}): void {
    this.add('warning', code, span, message, details);
  }

  get hasErrors(): boolean {
    for (const { severity } of this.found.values()) if (severity === 'error') return true;
    return false;
  }

  get size(): number {
    return this.found.size;
  }

  /** How many lie at a path or below it; only below these of its keys, if they are named. */
  count(path: Path, keys?: readonly string[]): number {
    const starts = keys ? keys.map((key) => pathText([...path, key])) : [pathText(path)];
    let count = 0;
    for (const found of this.found.values()) {
      if (
        starts.some(
          (start) =>
            found.path === start || (found.path.startsWith(start) && /[.[]/.test(found.path[start.length]!)),
        )
      ) {
        count++;
      }
    }
    return count;
  }

  /** By file, then position; errors before warnings at the same place. */
  sorted(): Diagnostic[] {
    return [...this.found.values()].sort(
      (a, b) =>
        (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) ||
        a.line - b.line ||
        a.column - b.column ||
        (a.severity === b.severity ? 0 : a.severity === 'error' ? -1 : 1),
    );
  }

  private add(
    severity: Diagnostic['severity'],
    code: Code,
    span: Span,
    message: string,
    details: Details,
  ): void {
    const { hint, path = [], related } = details;
    const start = span.file.position(span.start);
    const diagnostic: Diagnostic = {
      code,
      severity,
      message,
      ...(hint === undefined ? {} : { hint }),
      file: span.file.path,
      ...start,
      end: span.file.position(Math.max(span.start, span.end)),
      path: pathText(path),
      ...(related?.length
        ? {
            related: related.map((other) => ({
              message: other.message,
              file: other.span.file.path,
              ...other.span.file.position(other.span.start),
            })),
          }
        : {}),
    };
    const identity = `${code} ${diagnostic.file}:${start.line}:${start.column} ${message}`;
    if (!this.found.has(identity) && this.found.size < Diagnostics.LIMIT)
      this.found.set(identity, diagnostic);
  }
}
