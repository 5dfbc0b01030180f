import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plan } from '../compiler/plan/types.ts';
import type { Table } from '../store/table.ts';
import type { Json, Metric, PointRecord } from '../store/types.ts';

/** A point of the run as the report reads it: `compute/types.ts` RunViewPoint with its record typed. */
export interface ReportPoint {
  step: string;
  id: string;
  kind: string;
  status: 'accepted' | 'failed' | 'skipped';
  axes: Record<string, Json>;
  seed: number | null;
  record?: PointRecord;
  directories: Record<string, string>;
  error?: { code: string; message: string; hint?: string };
}

/** The run that a report is about, with small helpers that every section uses. */
export class ReportRun {
  constructor(
    readonly runId: string,
    readonly plan: Plan,
    readonly points: readonly ReportPoint[],
  ) {}

  /** Accepted points of one kind, in the plan's order. */
  accepted(kind: string): (ReportPoint & { record: PointRecord })[] {
    return this.points.filter(
      (point): point is ReportPoint & { record: PointRecord } =>
        point.kind === kind && point.record !== undefined,
    );
  }

  failed(): ReportPoint[] {
    return this.points.filter((point) => point.status === 'failed');
  }

  metric(point: ReportPoint, name: string): Metric | undefined {
    return point.record?.metrics[name];
  }
}

/** The one JSON file of an output artifact. */
export function readJson<T>(point: ReportPoint, output: string, file: string): T | undefined {
  const directory = point.directories[output];
  return directory === undefined ? undefined : (JSON.parse(readFileSync(join(directory, file), 'utf8')) as T);
}

/** `table.json` of an output artifact of type `table`. */
export function readTable(point: ReportPoint, output = 'table'): Table | undefined {
  return readJson<Table>(point, output, 'table.json');
}

/**
 * The axes of a point without its seed: `layer=3`, `variant=topk`. Artifacts among them, which an `include` brought with the
 * other axes, are left out; alone they go by the step that made them.
 */
export function axesOf(point: ReportPoint): string[] {
  const axes = Object.entries(point.axes);
  const plain = axes.filter(([, value]) => !isArtifact(value));
  return (plain.length > 0 ? plain : axes).map(([name, value]) => {
    const shown = isArtifact(value) ? (value.from ?? value.digest) : value;
    return `${name}=${typeof shown === 'string' ? shown : JSON.stringify(shown)}`;
  });
}

const isArtifact = (value: Json): value is { $artifact: string; digest: string; from?: string } =>
  typeof value === 'object' && value !== null && '$artifact' in value;

/** What tells the points of a step apart: `layer=3 variant=topk`, or the step's name when there is one only. */
export function labelOf(point: ReportPoint): string {
  const axes = axesOf(point);
  if (point.seed !== null && /seed=/.test(point.id)) axes.push(`seed=${point.seed}`);
  return axes.length > 0 ? axes.join(' ') : point.step;
}
