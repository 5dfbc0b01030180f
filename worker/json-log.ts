import { DefaultLogger, type LogEntry, type Logger, type LogLevel } from '@temporalio/worker';
import { metaJson } from './log.ts';

/**
 * A logger for log collectors: one JSON object a line. Every line about a point says which: `run`, `step`, `point`, `attempt`.
 * @param write takes a line, its end included
 */
export function jsonLogger(write: (line: string) => void, level: LogLevel = 'INFO'): Logger {
  return new DefaultLogger(level, (entry) => write(`${jsonLine(entry)}\n`));
}

function jsonLine({ level, timestampNanos, message, meta }: LogEntry): string {
  const time = new Date(Number(timestampNanos / 1_000_000n)).toISOString();
  const { time: _time, level: _level, message: _message, ...rest } = { ...placeOf(meta ?? {}), ...meta };
  return metaJson({ time, level: level.toLowerCase(), message, ...rest });
}

/** What the SDK says of an activity names its workflow and its id, which is the point's. */
function placeOf(meta: Record<string, unknown>): Record<string, string> {
  const { workflowId, activityId } = meta;
  // The workflow of a sweep or of a training is `<run>/<step or point>`.
  const run = typeof workflowId === 'string' ? { run: workflowId.split('/')[0] as string } : {};
  if (typeof activityId !== 'string' || meta['taskQueue'] === 'plumb-workflow') return run;
  return { ...run, step: activityId.split('[')[0] as string, point: activityId };
}
