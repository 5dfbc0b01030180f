import { duration } from '../../workflows/details.ts';
import type { Decision } from '../../workflows/types.ts';
import type { Snapshot } from './snapshot.ts';
import { describePoint, number } from './stages.ts';

/** What has been printed already. */
export interface Seen {
  /** Point -> attempt. */
  started: Map<string, number>;
  decided: Set<string>;
  spokenAt: number;
}

/** Lines of one kind and step in one look, at most; the rest is counted. */
const MOST_LINES = 10;
const QUIET_MS = 30_000;

/** What has happened since the last look, a line each; after half a minute without news, what is running. */
export function plainLines(snapshot: Snapshot, seen: Seen): string[] {
  const lines: string[] = [];
  for (const step of snapshot.steps) {
    const decisions = step.recent.filter((decision) =>
      isNew(seen.decided, `${decision.point}@${decision.at}`),
    );
    // A point that was decided within one look is not announced first.
    const decided = new Set(decisions.map(({ point }) => point));
    const started = step.active.filter(
      ({ point, attempt }) => !decided.has(point) && (seen.started.get(point) ?? 0) < attempt,
    );
    for (const { point, attempt } of started) seen.started.set(point, attempt);
    lines.push(
      ...limited(
        started.map(({ point, attempt, lastFailure }) =>
          attempt > 1
            ? `again    ${point}  attempt ${attempt}, after: ${lastFailure ?? 'a lost worker'}`
            : `start    ${point}`,
        ),
        `points of ${step.step} started`,
      ),
      ...limited(decisions.map(decisionLine), `points of ${step.step} decided`),
    );
  }
  if (lines.length > 0) seen.spokenAt = snapshot.at;
  else if (snapshot.at - seen.spokenAt > QUIET_MS) {
    seen.spokenAt = snapshot.at;
    lines.push(
      ...snapshot.steps
        .flatMap(({ active }) => active)
        .slice(0, 3)
        .map((point) => `running  ${describePoint(point)}`),
    );
  }
  const time = new Date(snapshot.at).toTimeString().slice(0, 8);
  return lines.map((line) => `${time} ${line}`);
}

function isNew(seen: Set<string>, key: string): boolean {
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}

function limited(lines: string[], what: string): string[] {
  if (lines.length <= MOST_LINES) return lines;
  return [...lines.slice(0, MOST_LINES), `…        and ${lines.length - MOST_LINES} more ${what}`];
}

const WORDS = {
  computed: 'done    ',
  cached: 'cached  ',
  failed: 'FAILED  ',
  blocked: 'blocked ',
  skipped: 'skipped ',
};

function decisionLine({ what, point, seconds, metric, error }: Decision): string {
  const parts = [`${WORDS[what]} ${point}`];
  if (what === 'computed') parts.push(duration(seconds));
  if (metric) parts.push(`${metric.name} ${number(metric.value)}`);
  if (error) parts.push(`${error.code}: ${error.message}`);
  return parts.join('  ');
}
