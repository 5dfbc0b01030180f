import { canonicalJson } from '../../store/canonical.ts';
import type { Digest } from '../../store/types.ts';
import { sha256Hex } from './label.ts';
import type { Plan, Point, PointError } from './types.ts';

/** What a reader of the whole run sees of a point, as far as its result depends on it. */
export interface ReadPoint {
  id: string;
  status: 'accepted' | 'failed' | 'skipped';
  key: Digest | null;
  error?: PointError;
}

/**
 * The key of a point that reads the whole run (the report). Its parameters say nothing about what it reads, so that the
 * plan and every point's key belong to it: after anything has changed it is another point.
 */
export function readerKey(point: Point, plan: Pick<Plan, 'digest'>, read: readonly ReadPoint[]): Digest {
  // By id: the order of steps in the file changes nothing.
  const points = [...read]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ id, status, key, error }) => ({
      id,
      status,
      key,
      error: error ? { code: error.code, message: error.message } : null,
    }));
  return sha256Hex(canonicalJson({ point: point.key, plan: plan.digest, points }));
}
