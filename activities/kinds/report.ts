import type { Plan, States } from '../../compiler/plan/types.ts';
import type { ActivityBody, RunView } from '../../compute/types.ts';
import { ComputeError } from '../../ml/failure.ts';
import { buildPage } from '../../report/build.ts';
import { type ReportPoint, ReportRun } from '../../report/run.ts';
import { writeReport } from '../../report/write.ts';
import type { ReportParameters } from '../../schemas/generated/parameters.ts';
import type { PointRecord } from '../../store/types.ts';

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as ReportParameters;
  if (!job.run) throw new ComputeError('internal', 'The report was given no run to report');
  const plan = job.run.plan as unknown as Plan;
  const report = new ReportRun(job.run.runId, plan, job.run.points.map(toPoint));
  const page = buildPage(report, statesOf(job.run), params.title ?? plan.name);
  const artifact = job.artifact('report', 'report');
  await writeReport(artifact.directory, page);
  const held = page.verdicts.filter((verdict) => verdict.outcome === 'holds').length;
  return {
    outputs: { report: artifact },
    metrics: { expectations_held: { value: held, n: page.verdicts.length, n_unit: 'expectation' } },
  };
};

function toPoint(point: RunView['points'][number]): ReportPoint {
  return {
    step: point.step,
    id: point.id,
    kind: point.kind,
    status: point.status,
    axes: point.axes,
    seed: point.seed,
    directories: point.directories ?? {},
    ...(point.record ? { record: point.record as unknown as PointRecord } : {}),
    ...(point.error ? { error: point.error } : {}),
  };
}

/** What the expectations are judged by: the same states that the interpreter holds. */
function statesOf(run: RunView): States {
  const states: Record<string, States[string][number][]> = {};
  for (const point of run.points) {
    const { id, axes, seed } = point;
    states[point.step] ??= [];
    const list = states[point.step] as States[string][number][];
    if (point.status === 'accepted' && point.record) {
      const { key, outputs, metrics } = point.record as unknown as PointRecord;
      list.push({ status: 'accepted', id, key, cached: false, axes, seed, outputs, metrics });
    } else if (point.status === 'skipped') {
      list.push({ status: 'skipped', id, axes, seed, why: point.error?.message ?? 'skipped' });
    } else {
      list.push({
        status: 'failed',
        id,
        key: null,
        axes,
        seed,
        error: point.error ?? { code: 'unknown', message: 'no result' },
      });
    }
  }
  return states;
}
