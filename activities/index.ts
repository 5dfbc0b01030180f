import { Context } from '@temporalio/activity';
import { KINDS } from '../compiler/kinds/registry.ts';
import { validateParameters } from '../compiler/kinds/validate.ts';
import { contextOf } from './context.ts';
import { ActivityHost, type KindRegistry } from './host.ts';
import { executePoint } from './point.ts';
import type { Seat } from './streams.ts';
import type { ActivityDependencies, PointOutcome, PointRequest } from './types.ts';

/** The activities of all kinds, by kind: what a worker registers. */
export function createActivities(
  deps: ActivityDependencies,
  registry: KindRegistry = { kinds: KINDS, validateParameters },
): Record<string, (request: PointRequest, seat?: Seat) => Promise<PointOutcome>> {
  const host = new ActivityHost(deps, registry);
  const activity = (request: PointRequest, seat?: Seat) =>
    executePoint(host, request, contextOf(Context.current()), seat);
  return Object.fromEntries([...registry.kinds.keys()].map((kind) => [kind, activity]));
}
