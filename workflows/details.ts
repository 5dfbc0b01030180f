import { addCounts, decidedCount } from './decisions.ts';
import type { StepProgress } from './types.ts';

/** Temporal keeps at most 20 KB of details. */
const MAX_BYTES = 20_000;
const MAX_ROWS = 60;

/** The Markdown table that the web UI shows for a run: a line a step, those at work first when there are too many. */
export function runDetails(
  run: { name: string; paused: boolean },
  steps: StepProgress[],
  now: number,
): string {
  const totals = steps.map(({ counts }) => counts).reduce(addCounts);
  const points = steps.reduce((sum, { total }) => sum + total, 0);
  const head = [
    `**${escaped(run.name)}**: ${decidedCount(totals)} of ${points} points${run.paused ? ', **paused**' : ''}`,
    totals.cached > 0 && `${totals.cached} from the store`,
    totals.failed > 0 && `**${totals.failed} failed**`,
    totals.blocked > 0 && `${totals.blocked} blocked by a failure`,
  ].filter((part) => part !== false);
  const order = { running: 0, waiting: 1, done: 2 };
  const shown =
    steps.length <= MAX_ROWS
      ? steps
      : [...steps].sort((a, b) => order[a.status] - order[b.status]).slice(0, MAX_ROWS);
  const lines = [
    head.join(' · '),
    '',
    line(['stage', 'step', 'done', 'running', 'failed', 'left', 'last']),
    '|:--|:--|:--|:--|:--|:--|:--|',
    ...shown.map((step) => row(step, now)),
  ];
  if (shown.length < steps.length) lines.push('', `… and ${steps.length - shown.length} more steps`);
  while (new TextEncoder().encode(lines.join('\n')).length > MAX_BYTES) lines.pop();
  return lines.join('\n');
}

function row(step: StepProgress, now: number): string {
  const { counts } = step;
  const failed = counts.failed + counts.blocked;
  const cells = [
    step.stage,
    step.status === 'running' ? `**${escaped(step.step)}**` : escaped(step.step),
    `${decidedCount(counts)}/${step.exact ? '' : '≤'}${step.total}`,
    step.inFlight > 0 ? String(step.inFlight) : '',
    failed > 0 ? `**${failed}**` : '',
    step.status === 'done' ? 'done' : step.status === 'running' ? timeLeft(step, now) : '',
    escaped(lastMetric(step)),
  ];
  return line(cells);
}

/** The web UI gives cells no padding: spaces that Markdown keeps stand in for it. */
function line(cells: string[]): string {
  return `| ${cells.join('\u00a0\u00a0\u00a0 | ')} |`;
}

/** One line about one step: the details of a sweep. */
export function stepLine(step: StepProgress, now: number): string {
  const { counts, total } = step;
  const parts = [`**${escaped(step.step)}**: ${decidedCount(counts)} of ${total} points`];
  if (counts.cached > 0) parts.push(`${counts.cached} from the store`);
  if (counts.failed > 0) parts.push(`**${counts.failed} failed**`);
  const metric = lastMetric(step);
  if (metric) parts.push(`last ${escaped(metric)}`);
  const left = timeLeft(step, now);
  if (left && step.status === 'running') parts.push(`${left} left`);
  return parts.join(' · ');
}

function lastMetric({ recent }: StepProgress): string {
  const metric = recent.findLast((decision) => decision.metric)?.metric;
  return metric ? `${metric.name} ${Number(metric.value.toPrecision(3))}` : '';
}

/** By the pace so far of what was computed; empty while there is nothing to go by. */
export function timeLeft(step: StepProgress, now: number): string {
  const { computed, failed } = step.counts;
  const paced = computed + failed;
  if (paced === 0 || step.startedAt === null || !step.exact) return '';
  const left = ((now - step.startedAt) / paced) * (step.total - decidedCount(step.counts));
  return `~ ${duration(left / 1000)}`;
}

export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** Names come from the spec: a pipe would break the table. */
function escaped(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('*', '\\*').replaceAll('_', '\\_');
}
