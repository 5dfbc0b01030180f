import pc from 'picocolors';
import type { PlanDiff } from '../../compiler/plan/diff.ts';
import { formatMetric } from '../../report/format.ts';
import type { ComparedMeasure, ComparedMeasures } from '../compare/measures.ts';
import type { Side } from '../compare/side.ts';
import { plural } from './diagnostics.ts';
import { differenceLines } from './plan.ts';

/** Points beyond so many are counted only. */
const NAMED = 6;

/** Two runs side by side: what was set otherwise, then what was measured otherwise. */
export function renderComparison(
  before: Side,
  after: Side,
  diff: PlanDiff,
  { measures, only }: ComparedMeasures,
  { all }: { all: boolean },
): string {
  const lines = [
    `${pc.bold('A')}  ${runText(before)}`,
    `${pc.bold('B')}  ${runText(after)}`,
    '',
    'Settings, from A to B:',
    ...differenceLines(diff),
  ];
  const differing = measures.filter(differs);
  lines.push('', `Measures, ${all ? 'all' : 'those that differ'} (difference: B − A):`);
  const shown = all ? measures : differing;
  if (shown.length === 0) lines.push(`  ${measures.length > 0 ? 'no difference' : 'none in both runs'}`);
  else lines.push(...measureLines(shown));
  if (shown.some(({ difference }) => difference?.apart))
    lines.push(pc.dim('* the interval of the difference, which takes the two for independent, leaves out 0'));
  if (!all && differing.length < measures.length)
    lines.push(
      pc.dim(`${measures.length - differing.length} of ${measures.length} are equal; --all lists them`),
    );
  if (only.before.length > 0) lines.push('', `Only in A: ${listed(only.before)}`);
  if (only.after.length > 0)
    lines.push(`${only.before.length > 0 ? '' : '\n'}Only in B: ${listed(only.after)}`);
  return `${lines.join('\n')}\n`;
}

export const differs = ({ before, after, difference }: ComparedMeasure): boolean =>
  !before ||
  !after ||
  difference?.value !== 0 ||
  before.ci_low !== after.ci_low ||
  before.ci_high !== after.ci_high;

function runText({ run, points }: Side): string {
  const commit = run.git
    ? `, commit ${run.git.commit.slice(0, 12)}${run.git.dirty ? ' with changes' : ''}`
    : '';
  const done = points.filter(({ record }) => record).length;
  const counts =
    done === points.length
      ? plural(done, 'result')
      : `${done} of ${plural(points.length, 'point')} with a result`;
  return `${pc.bold(run.id)}  ${pc.dim(`${run.spec.path}${commit}, ${run.startedAt.slice(0, 16).replace('T', ' ')} UTC, ${run.state}, ${counts}`)}`;
}

function measureLines(measures: readonly ComparedMeasure[]): string[] {
  const rows = measures.map(({ name, before, after, difference }) => ({
    name,
    before: before ? formatMetric(before) : '–',
    after: after ? formatMetric(after) : '–',
    difference: difference ? `${difference.value > 0 ? '+' : ''}${formatMetric(difference)}` : '',
    apart: difference?.apart ?? null,
  }));
  const width = (key: 'name' | 'before' | 'after' | 'difference', title: string) =>
    Math.max(title.length, ...rows.map((row) => row[key].length));
  const widths = {
    name: width('name', ''),
    before: width('before', 'A'),
    after: width('after', 'B'),
  };
  const lines = [
    `    ${''.padEnd(widths.name)}  ${'A'.padEnd(widths.before)}  ${'B'.padEnd(widths.after)}  difference`,
  ];
  rows.forEach((row, i) => {
    const { point } = measures[i] as ComparedMeasure;
    if (point !== measures[i - 1]?.point) lines.push(`  ${pc.bold(point)}`);
    const difference = row.apart ? pc.yellow(`${row.difference} *`) : row.difference;
    lines.push(
      `    ${row.name.padEnd(widths.name)}  ${row.before.padEnd(widths.before)}  ${row.after.padEnd(widths.after)}  ${difference}`.trimEnd(),
    );
  });
  return lines;
}

const listed = (ids: readonly string[]) =>
  ids.length <= NAMED ? ids.join(', ') : `${ids.slice(0, NAMED).join(', ')} and ${ids.length - NAMED} more`;
