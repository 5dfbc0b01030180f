import { execFile } from 'node:child_process';

/** Outcome of a program that was asked something; it never throws. */
export interface Answer {
  ok: boolean;
  /** Standard output, trimmed. */
  output: string;
  /** Standard error, trimmed, or why the program did not start. */
  error: string;
}

/** Runs a program to its end; kills it after `timeoutMs`. */
export function ask(program: string, args: string[], cwd: string, timeoutMs = 30_000): Promise<Answer> {
  return new Promise((resolve) => {
    execFile(program, args, { cwd, timeout: timeoutMs, encoding: 'utf8' }, (error, stdout, stderr) => {
      const why = error?.killed ? `no answer in ${timeoutMs / 1000} s` : (error?.message ?? '');
      resolve({ ok: error === null, output: stdout.trim(), error: stderr.trim() || why });
    });
  });
}
