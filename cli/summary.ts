import pc from 'picocolors';
import { logFile } from '../activities/log.ts';
import type { Json } from '../store/types.ts';
import { duration } from '../workflows/details.ts';
import type { ExpectationVerdict, ExperimentResult, FailedPoint } from '../workflows/types.ts';
import type { RunOutcome } from './progress/follow.ts';
import { number } from './progress/stages.ts';

export interface SummaryContext {
  runId: string;
  /** The state directory, where the logs of points lie. */
  directory: string;
  /** Wall seconds; null when it is not known when the run began. */
  seconds: number | null;
  /** The exported report. */
  report: string | null;
}

const MOST_FAILURES = 10;

/** What is said at the end of a run. */
export function summary({ status, result, why }: RunOutcome, context: SummaryContext): string {
  const took = context.seconds === null ? '' : ` in ${duration(context.seconds)}`;
  if (!result)
    return `${pc.yellow(`${context.runId} was ${status.toLowerCase()}${took}`)}${why ? `: ${why}` : ''}\n`;
  const { counts } = result;
  const head =
    result.state === 'completed'
      ? pc.green(`${context.runId} completed${took}`)
      : pc.red(`${context.runId} ended with failures${took}`);
  const numbers = [
    `${counts.total} points: ${counts.computed} computed`,
    `${counts.cached} from the store`,
    counts.skipped > 0 && `${counts.skipped} skipped`,
    counts.failed > 0 && pc.red(`${counts.failed} failed`),
    counts.blocked > 0 && pc.red(`${counts.blocked} blocked`),
    result.dollars > 0 && `$${result.dollars.toFixed(2)} spent`,
  ].filter((part) => part !== false);
  return [
    `${head}: ${numbers.join(', ')}`,
    ...failureLines(result, context),
    ...differenceLines(result),
    ...result.verdicts.flatMap(verdictLines),
    ...(context.report ? [`report  ${pc.bold(context.report)}`] : []),
    '',
  ].join('\n');
}

function failureLines({ failures, counts }: ExperimentResult, context: SummaryContext): string[] {
  const failed = failures.filter(({ error }) => error.code !== 'blocked');
  const lines = failed.slice(0, MOST_FAILURES).flatMap((failure) => failureText(failure, context));
  if (failed.length > MOST_FAILURES)
    lines.push(`  … and ${counts.failed - MOST_FAILURES} more: plumb status ${context.runId}`);
  const blocked = failures.filter(({ error }) => error.code === 'blocked');
  if (blocked.length > 0) {
    const names = blocked.slice(0, 5).map(({ id }) => id);
    const more = counts.blocked > names.length ? ` and ${counts.blocked - names.length} more` : '';
    lines.push(`  ${pc.yellow('blocked')} ${names.join(', ')}${more}`);
  }
  if (failed.length > 0)
    lines.push(pc.dim(`  after mending the cause: plumb rerun --failed ${context.runId}`));
  return lines;
}

function failureText({ id, error }: FailedPoint, { runId, directory }: SummaryContext): string[] {
  return [
    `  ${pc.red('failed')}  ${pc.bold(id)}  ${error.code}: ${error.message}`,
    ...(error.hint ? [`          ${error.hint}`] : []),
    pc.dim(`          ${logFile(directory, runId, id)}`),
  ];
}

function differenceLines({ different }: ExperimentResult): string[] {
  return different.map(
    ({ id, outputs }) =>
      `  ${pc.yellow('not deterministic')}  ${pc.bold(id)}: ${outputs.join(', ')} came out different from what is recorded`,
  );
}

function verdictLines({ name, verdicts }: ExpectationVerdict): string[] {
  return verdicts.map(({ held, seed, values, why }) => {
    const mark = held === null ? pc.yellow('open    ') : held ? pc.green('held    ') : pc.red('not held');
    const of = seed === null ? '' : pc.dim(` (seed ${seed})`);
    const shown =
      why ??
      Object.entries(values)
        .map(([reference, value]) => `${reference} = ${valueText(value)}`)
        .join(', ');
    return `  ${mark}  ${name}${of}${shown ? pc.dim(`  ${shown}`) : ''}`;
  });
}

function valueText(value: Json): string {
  if (typeof value === 'number') return number(value);
  if (value !== null && typeof value === 'object' && 'value' in value)
    return valueText((value as { value: Json }).value);
  return JSON.stringify(value);
}
