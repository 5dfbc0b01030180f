import pc from 'picocolors';
import { addCounts, decidedCount } from '../../workflows/decisions.ts';
import { duration } from '../../workflows/details.ts';
import type { ActivePoint, Snapshot, StepSnapshot } from './snapshot.ts';

/** The live view of a run: one line a stage. Pure, so that it can be tested without a terminal. */
export function stageLines(snapshot: Snapshot, columns: number): string[] {
  const stages = [...new Set(snapshot.steps.map(({ stage }) => stage))];
  const width = Math.max(...stages.map((stage) => stage.length));
  return stages.map((stage) => {
    const steps = snapshot.steps.filter((step) => step.stage === stage);
    return clipped(`${stage.padEnd(width)} ${stageLine(steps, snapshot)}`, columns);
  });
}

const BAR = 20;

function stageLine(steps: StepSnapshot[], snapshot: Snapshot): string {
  const total = steps.reduce((sum, step) => sum + step.total, 0);
  const counts = steps.map((step) => step.counts).reduce(addCounts);
  const decided = decidedCount(counts);
  const underway = steps.flatMap(({ active }) => active).reduce((sum, point) => sum + fraction(point), 0);
  const share = total === 0 ? 1 : Math.min(1, (decided + underway) / total);
  const bad = counts.failed + counts.blocked;
  const exact = steps.every((step) => step.exact);
  const parts = [`${bar(share, bad > 0)} ${`${decided}/${exact ? '' : '≤'}${total}`.padStart(7)}`];
  if (bad > 0) parts.push(pc.red(`${bad} failed`));
  const what = activity(steps, snapshot);
  if (what) parts.push(what);
  return parts.join('  ');
}

function activity(steps: StepSnapshot[], { paused }: Snapshot): string {
  if (steps.every(({ status }) => status === 'done')) return pc.dim(finished(steps));
  const points = steps.flatMap(({ active }) => active);
  if (points.length === 0) {
    if (steps.every(({ status }) => status === 'waiting')) return '';
    return pc.dim(paused ? 'paused' : 'waiting for a worker');
  }
  const [first] = points;
  const more = points.length > 1 ? pc.dim(` and ${points.length - 1} more`) : '';
  return `${describePoint(first!)}${more}${pc.dim(timeLeftOfStage(steps))}`;
}

function finished(steps: StepSnapshot[]): string {
  const begun = steps.flatMap(({ startedAt }) => startedAt ?? []);
  const ended = steps.flatMap(({ finishedAt }) => finishedAt ?? []);
  if (begun.length === 0 || ended.length === 0) return 'done';
  const computed = steps.some(({ counts }) => counts.computed > 0);
  if (!computed && steps.every(({ counts }) => counts.failed === 0)) return 'done, all from the store';
  return `done in ${duration((Math.max(...ended) - Math.min(...begun)) / 1000)}`;
}

/** `tuned 34/60 1.2/s reward 0.31` */
export function describePoint({ point, heartbeat, attempt }: ActivePoint): string {
  const parts = [pc.bold(point)];
  if (heartbeat && heartbeat.total > 0) parts.push(`${heartbeat.done}/${heartbeat.total}`);
  if (heartbeat && heartbeat.rate > 0) parts.push(pc.dim(`${number(heartbeat.rate)}/s`));
  const metric = Object.entries(heartbeat?.metrics ?? {})[0];
  if (metric) parts.push(`${metric[0]} ${number(metric[1])}`);
  if (attempt > 1) parts.push(pc.yellow(`attempt ${attempt}`));
  return parts.join(' ');
}

/** Of the steps under way; nothing while one of them gives nothing to go by, or while others of the stage still wait. */
function timeLeftOfStage(steps: StepSnapshot[]): string {
  let seconds = 0;
  for (const step of steps) {
    const left = step.total - decidedCount(step.counts);
    if (left === 0) continue;
    const each = secondsOfPoint(step);
    if (each === null || !step.exact) return '';
    const done = step.active.reduce((sum, point) => sum + fraction(point), 0);
    seconds += (each * (left - done)) / Math.max(1, step.active.length);
  }
  return seconds > 0 ? `  ~${duration(seconds)} left` : '';
}

/** What a point of the step takes: by those that are done, else by the rate of one that runs. */
function secondsOfPoint({ recent, active }: StepSnapshot): number | null {
  const computed = recent.filter(({ what }) => what === 'computed');
  if (computed.length > 0) return computed.reduce((sum, { seconds }) => sum + seconds, 0) / computed.length;
  const beat = active.find(({ heartbeat }) => heartbeat !== null && heartbeat.rate > 0)?.heartbeat;
  return beat ? beat.total / beat.rate : null;
}

function fraction({ heartbeat }: ActivePoint): number {
  return heartbeat && heartbeat.total > 0 ? heartbeat.done / heartbeat.total : 0;
}

function bar(share: number, bad: boolean): string {
  const full = Math.floor(share * BAR);
  const text = '█'.repeat(full);
  return `${bad ? pc.red(text) : share === 1 ? pc.green(text) : pc.cyan(text)}${pc.dim('░'.repeat(BAR - full))}`;
}

export function number(value: number): string {
  const text = String(Number(value.toPrecision(3)));
  return text.length > 8 ? value.toExponential(1) : text;
}

/** Cut to the terminal's width, not counting colours: a line that wraps would spoil the redrawing. */
function clipped(line: string, columns: number): string {
  let shown = 0;
  let text = '';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
  for (const part of line.split(/(\u001b\[[\d;]*m)/)) {
    if (part.startsWith('\u001b')) text += part;
    else {
      const room = columns - 1 - shown;
      text += part.slice(0, Math.max(0, room));
      shown += part.length;
    }
  }
  return text;
}
