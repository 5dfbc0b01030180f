import pc from 'picocolors';
import { count } from '../../compiler/diagnostics/count.ts';
import type { Totals } from '../../compiler/estimate.ts';
import type { Forecast, StepForecast } from '../../compiler/forecast.ts';
import type { PaidCalls } from '../../compiler/paid-calls.ts';
import type { PlanDiff } from '../../compiler/plan/diff.ts';
import { shown } from '../../compiler/plan/diff.ts';
import { axisLabel } from '../../compiler/plan/label.ts';
import type { ParamTree, Plan, PlanSearch } from '../../compiler/plan/types.ts';
import type { Json } from '../../store/types.ts';
import { plural } from './diagnostics.ts';
import { codeOf } from './plan-code.ts';

export interface Comparison {
  /** `main`, `specs/old.yaml`, `the run quickstart-1a2b3c`. */
  with: string;
  diff: PlanDiff;
}

const STAGES = ['data', 'fine-tune', 'dictionaries', 'probes', 'features', 'report'];
/** Values of an axis beyond so many are counted only. */
const VALUES_SHOWN = 8;
const REASONS_SHOWN = 4;

/** The plan as a tree by stage: what will run, what is cached, and why; then the totals. */
export function renderPlan(
  plan: Plan,
  forecast: Forecast,
  compared: Comparison | null,
  options: { points?: boolean } = {},
): string {
  const lines = [`${pc.bold(plan.name)}  ${pc.dim(`${plan.source.path}  ${plan.digest.slice(0, 12)}`)}`];
  if (plan.description) lines.push(pc.dim(plan.description));
  const stages = [...new Set([...STAGES, ...plan.steps.map(({ stage }) => stage)])]
    .map((stage) => ({ stage, steps: forecast.steps.filter(({ step }) => step.stage === stage) }))
    .filter(({ steps }) => steps.length > 0);
  const width = columnWidths(forecast.steps);
  stages.forEach(({ stage, steps }, i) => {
    const last = i === stages.length - 1;
    lines.push(`${last ? '└─' : '├─'} ${pc.bold(stage)}`);
    const trunk = last ? '   ' : '│  ';
    steps.forEach((step, j) => {
      const end = j === steps.length - 1;
      lines.push(`${trunk}${end ? '└─' : '├─'} ${stepLine(step, width, reasons(step, forecast, compared))}`);
      const below = `${trunk}${end ? '   ' : '│  '}`;
      for (const line of detailLines(step, options.points ?? false)) lines.push(`${below}   ${line}`);
    });
  });
  for (const line of comparisonLines(compared)) lines.push(line);
  const code = codeOf(plan);
  if (code.length > 0) lines.push('', `${pc.bold('Runs code of yours')}: ${code.join(', ')}`);
  lines.push('', ...totalLines(forecast));
  return `${lines.join('\n')}\n`;
}

interface Widths {
  id: number;
  kind: number;
  state: number;
}

function columnWidths(steps: readonly StepForecast[]): Widths {
  const widest = (texts: string[]) => Math.max(0, ...texts.map((text) => text.length));
  return {
    id: widest(steps.map(({ step }) => step.id)),
    kind: widest(steps.map(({ step }) => step.kind)),
    state: widest(steps.map((step) => stateText(step))),
  };
}

function stepLine(step: StepForecast, width: Widths, why: string): string {
  const { id, kind } = step.step;
  const symbol = step.run === 0 ? pc.green('=') : step.cached > 0 ? pc.yellow('~') : pc.cyan('+');
  const paint = step.run === 0 ? pc.green : pc.cyan;
  const name = `${symbol} ${id.padEnd(width.id)}  ${pc.dim(kind.padEnd(width.kind))}`;
  return `${name}  ${paint(stateText(step).padEnd(width.state))}  ${pc.dim(why)}`.trimEnd();
}

/** `2 cached, 1 will run`; `cached`; `up to 6 will run`. */
function stateText({ points, cached, run, skipped, estimate }: StepForecast): string {
  if (points.length === 1 && cached === 1) return 'cached';
  if (points.length === 1 && run === 1 && estimate.exact) return 'will run';
  const parts = [
    cached > 0 && `${cached} cached`,
    run > 0 && `${estimate.exact ? '' : 'up to '}${count(run)} will run`,
    skipped > 0 && `${skipped} skipped`,
  ];
  return parts.filter(Boolean).join(', ') || 'nothing to run';
}

/** Why points of the step will run: what was changed, or what they wait for. */
function reasons(
  { step, run, cached, points }: StepForecast,
  forecast: Forecast,
  compared: Comparison | null,
): string {
  if (run === 0) return '';
  const invalid = points.find(({ why }) => why?.startsWith('its result'))?.why;
  if (invalid) return `because ${invalid}`;
  const changes = compared?.diff.changed[step.id];
  if (changes) return `because ${clippedList(changes)}`;
  if (compared?.diff.added.includes(step.id)) return 'because it is new';
  const waiting = step.needs.filter(
    (id) => (forecast.steps.find((other) => other.step.id === id)?.run ?? 0) > 0,
  );
  if (waiting.length > 0)
    return step.readsRun ? 'because results are new' : `because ${clippedList(waiting)} will run`;
  return cached > 0 ? 'because these have no result yet' : 'because it has no result yet';
}

const clippedList = (texts: readonly string[]) =>
  texts.length <= REASONS_SHOWN
    ? texts.join(', ')
    : `${texts.slice(0, REASONS_SHOWN).join(', ')} and ${texts.length - REASONS_SHOWN} more`;

function detailLines({ step, points, estimate }: StepForecast, all: boolean): string[] {
  const lines: string[] = [];
  for (const { name, values } of step.matrix?.axes ?? []) {
    const text = Array.isArray(values)
      ? axisText(values)
      : `${shown(values as unknown as Json)}, at most ${step.matrix!.bound}`;
    lines.push(pc.dim(`${name}: ${text}`));
  }
  if (step.search) lines.push(...searchLines(step.search).map((line) => pc.dim(line)));
  if (estimate.paid) lines.push(paidLine(estimate.paid));
  if (!all) return lines;
  const words = {
    cached: 'cached',
    run: 'will run',
    open: 'will run',
    skipped: 'skipped',
    blocked: 'blocked',
  };
  for (const { id, status, count, key, why } of points) {
    const times = status === 'open' ? ` (up to ${count})` : '';
    const text = `${id}${times}  ${words[status]}${why ? `: ${why}` : ''}${key ? `  ${key.slice(0, 12)}` : ''}`;
    lines.push(status === 'cached' ? pc.green(text) : pc.cyan(text));
  }
  return lines;
}

/** What language models are asked, what it costs, and what it may cost at most. */
function paidLine({ calls, promptTokens, completionTokens, price, cap }: PaidCalls): string {
  const tokens = `${thousands(promptTokens)} prompt and ${thousands(completionTokens)} completion tokens`;
  const text = `about ${count(Math.ceil(calls))} calls, ${tokens}: $${price.toFixed(2)} of at most $${cap.toFixed(2)}`;
  return price > cap ? pc.yellow(`${text}; spend-cap will stop it`) : pc.dim(text);
}

const thousands = (tokens: number) => `${count(Math.ceil(tokens / 1000))} k`;

/** What is tried, and how. */
function searchLines({ space, sampler, pruner, objectives, trials, parallel, parts }: PlanSearch): string[] {
  const lines = space.map((dimension) => {
    if (dimension.type === 'categorical') return `${dimension.name}: one of ${axisText(dimension.choices)}`;
    const { name, low, high, log, type } = dimension;
    const kind = `${type === 'integer' ? 'whole numbers' : 'numbers'}${log ? ', by their logarithm' : ''}`;
    return `${name}: ${axisLabel(low)} to ${axisLabel(high)}, ${kind}`;
  });
  const goals = objectives.map(({ direction, metric }) => `${direction} ${metric}`).join(' and ');
  const stops = pruner.type === 'none' ? '' : `, ${pruner.type} stops trainings`;
  const pauses = parts ? `, in parts of up to ${count(parts.whole)} ${parts.parameter}` : '';
  lines.push(
    `${goals}: ${count(trials)} trials, ${parallel} at once, chosen by ${sampler.type}${stops}${pauses}`,
  );
  return lines;
}

function axisText(values: readonly ParamTree[]): string {
  const labels = values
    .slice(0, VALUES_SHOWN)
    .map((value) => (isExpression(value) ? shown(value as unknown as Json) : axisLabel(value as Json)));
  return `${labels.join(', ')}${values.length > VALUES_SHOWN ? `, and ${values.length - VALUES_SHOWN} more` : ''}`;
}

const isExpression = (value: ParamTree) => value !== null && typeof value === 'object' && '$expr' in value;

function comparisonLines(compared: Comparison | null): string[] {
  if (!compared) return [];
  return ['', `Against ${compared.with}:`, ...differenceLines(compared.diff)];
}

/** What was added to a plan, taken away and changed. */
export function differenceLines(diff: PlanDiff): string[] {
  const changed = Object.keys(diff.changed).length;
  const lines: string[] = [];
  if (diff.added.length > 0) lines.push(`  ${pc.green('new')}      ${diff.added.join(', ')}`);
  if (diff.removed.length > 0) lines.push(`  ${pc.red('gone')}     ${diff.removed.join(', ')}`);
  for (const [id, changes] of Object.entries(diff.changed))
    lines.push(`  ${pc.yellow('changed')}  ${id}: ${changes.join(', ')}`);
  for (const change of diff.general) lines.push(`  ${pc.yellow('changed')}  ${change}`);
  if (diff.added.length + diff.removed.length + changed + diff.general.length === 0)
    lines.push('  no difference');
  return lines;
}

function totalLines({ steps, total, cached }: Forecast): string[] {
  const points = total.points + cached;
  const bound = total.exact ? '' : 'up to ';
  const counts = `${plural(steps.length, 'step')}, ${bound}${plural(points, 'point')}: ${count(cached)} cached, ${bound}${count(total.points)} to run`;
  if (total.points === 0) return [`${pc.bold(counts)}.`];
  return [`${pc.bold(counts)}.`, `${bound === '' ? 'About' : 'At most about'} ${costText(total)}.`];
}

/** `3 min of work (0.0 GPU hours), $0.00 of paid calls, 1.5 GiB of memory`. */
export function costText({ seconds, gpuHours, dollars, memoryBytes, paid }: Totals): string {
  const caps = paid ? `, at most $${paid.cap.toFixed(2)} by their spend-caps` : '';
  const memory = `${(memoryBytes / 2 ** 30).toFixed(1)} GiB of memory for the largest point`;
  return `${durationText(seconds)} of work on two cores, of which ${gpuHours.toFixed(gpuHours < 1 ? 2 : 1)} h on GPU workers; $${dollars.toFixed(2)} of paid calls${caps}; ${memory}`;
}

export function durationText(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${(seconds / 3600).toFixed(1)} h`;
  return `${(seconds / 86_400).toFixed(1)} days`;
}
