import type { Space } from '../search/types.ts';
import type { Json } from '../store/types.ts';
import { estimatePoint, NOTHING, plus, type StepEstimate } from './estimate.ts';
import type { Estimate, KindDefinition } from './kinds/types.ts';
import { expandKnown, mostPoints } from './plan/expand.ts';
import type { Lookup } from './plan/lookup.ts';
import { mostRungs } from './plan/trials.ts';
import type { PlanStep } from './plan/types.ts';

/** The ends of every range, and each choice once: what is right and affordable there is so in between. */
export function extremes(space: Space): Record<string, Json>[] {
  const sides = space.map((dimension): [string, Json[]] => [
    dimension.name,
    dimension.type === 'categorical' ? dimension.choices : [dimension.low, dimension.high],
  ]);
  const most = Math.max(...sides.map(([, values]) => values.length));
  return Array.from({ length: most }, (_, i) =>
    Object.fromEntries(sides.map(([name, values]) => [name, values[Math.min(i, values.length - 1)]!])),
  );
}

/** What a step with a search takes at most: every trial trained in full, with the values that take longest. */
export function searchEstimate(definition: KindDefinition, step: PlanStep, lookup: Lookup): StepEstimate {
  const search = step.search!;
  const tried = extremes(search.space).map((values) => expandKnown(lookup, step, values));
  let estimate: StepEstimate = NOTHING;
  expandKnown(lookup, step).forEach((point, i) => {
    if (point.status !== 'planned') return;
    const each = tried.flatMap((points) => {
      const one = points[i];
      return one?.status === 'planned' ? [estimatePoint(definition, one.params)] : [];
    });
    const points = mostPoints(point, step);
    // The parts of a training take together what the whole takes.
    const whole = points / mostRungs(search);
    const sum = plus(estimate, each.reduce(largest, NOTHING), whole, false);
    estimate = { ...sum, points: sum.points - whole + points };
  });
  return estimate;
}

const costOf = ({ dollars, paid }: Estimate) => ({ dollars, ...(paid && { paid }) });

const largest = (a: Estimate, b: Estimate): Estimate => ({
  steps: Math.max(a.steps, b.steps),
  seconds: Math.max(a.seconds, b.seconds),
  memoryBytes: Math.max(a.memoryBytes, b.memoryBytes),
  ...(a.dollars > b.dollars ? costOf(a) : costOf(b)),
});
