import pc from 'picocolors';
import { StoreError } from '../store/error.ts';
import { EmbeddedError } from '../worker/embedded/error.ts';
import { SettingsError } from '../worker/settings-error.ts';
import { Interrupted } from './interrupts.ts';

/** Something that the user can put right: what is wrong, and what to do. */
export class UserError extends Error {
  override name = 'UserError';
  constructor(
    message: string,
    readonly hint?: string,
  ) {
    super(message);
  }
}

/**
 * What a command failed with becomes one message on stderr.
 * @returns the exit code
 * @throws the error itself when it is a defect of ours, to keep its stack
 */
export function report(error: unknown): number {
  if (error instanceof Interrupted) return 130;
  const known = explain(error);
  if (!known) throw error;
  process.stderr.write(renderError(known));
  return 1;
}

export function renderError({ message, hint }: { message: string; hint?: string | undefined }): string {
  return `${pc.red('error')}: ${message}\n${hint ? `  ${pc.dim('what to do:')} ${hint}\n` : ''}`;
}

/** What an error of the parts below says to a user; null for one that nobody foresaw. */
export function explain(error: unknown): { message: string; hint?: string | undefined } | null {
  if (
    error instanceof UserError ||
    error instanceof EmbeddedError ||
    error instanceof SettingsError ||
    error instanceof StoreError
  ) {
    return { message: error.message, hint: error.hint };
  }
  if (!(error instanceof Error)) return null;
  // Errors of the Temporal client, which is loaded only where it is needed: told by name and gRPC code.
  const code = grpcCode(error);
  if (error.name === 'WorkflowNotFoundError' || code === NOT_FOUND) {
    return {
      message: `Temporal knows no such run: ${rootMessage(error)}`,
      hint: '`plumb status` lists the runs; `plumb run FILE` starts one.',
    };
  }
  if (/Unknown encoding: binary\/encrypted/.test(rootMessage(error))) {
    return {
      message: 'What this run holds is encrypted.',
      hint: 'Set PLUMBLINE_PAYLOAD_KEYS or PLUMBLINE_PAYLOAD_KEYS_FILE as for its workers.',
    };
  }
  if (error.name === 'WorkflowUpdateFailedError') return { message: rootMessage(error) };
  if (code === PERMISSION_DENIED || code === UNAUTHENTICATED) {
    return {
      message: `Temporal refuses: ${rootMessage(error)}`,
      hint: 'Check TEMPORAL_API_KEY, the TEMPORAL_TLS_ variables and TEMPORAL_NAMESPACE.',
    };
  }
  if (code !== undefined && AWAY.has(code)) {
    return {
      message: `Temporal does not answer: ${rootMessage(error)}`,
      hint: 'If it is on its way up, run the same command again; `plumb doctor` looks at the rest.',
    };
  }
  return null;
}

const NOT_FOUND = 5;
const PERMISSION_DENIED = 7;
const UNAUTHENTICATED = 16;
/**
 * What calls end in when a server or worker goes away under them or is overloaded: CANCELLED (its connection was closed),
 * UNKNOWN (a shard was), DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, FAILED_PRECONDITION (a query, and no worker has asked for
 * work for a while), ABORTED, UNAVAILABLE.
 */
const AWAY: ReadonlySet<number> = new Set([1, 2, 4, 8, 9, 10, 14]);

export function grpcCode(error: unknown): number | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code } = at as { code?: unknown };
    if (typeof code === 'number') return code;
  }
  return undefined;
}

/** Whether the server or the worker is away, so that the same call may succeed in a moment. */
export function isTransient(error: unknown): boolean {
  const code = grpcCode(error);
  return (code !== undefined && AWAY.has(code)) || (error as Error)?.name === 'QueryRejectedError';
}

function rootMessage(error: Error): string {
  let inner = error;
  while (inner.cause instanceof Error) inner = inner.cause;
  return inner.message.replace(/^\d+ [A-Z_]+: /, '');
}
