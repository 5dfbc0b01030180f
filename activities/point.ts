import { join } from 'node:path';
import { computeEnvironment } from '../compute/environment.ts';
import { type ChildOutcome, type SuperviseOptions, superviseChild } from '../compute/supervise.ts';
import { ComputeError } from '../compute/types.ts';
import { type Attempt, deleteCheckpoints, type Resumed, SupersededError } from '../store/checkpoints.ts';
import { acceptResult, lookUpResult } from '../store/results.ts';
import type { Json, PointRecord } from '../store/types.ts';
import { CheckpointCosts } from './checkpoint-costs.ts';
import type { PointContext } from './context.ts';
import { StoppedError, toTemporalFailure } from './failure.ts';
import { Heartbeats } from './heartbeat.ts';
import type { ActivityHost } from './host.ts';
import { materialiseParams, readRun } from './inputs.ts';
import { takeTurn } from './lease.ts';
import { logFile, PointLog } from './log.ts';
import { keepOutputs } from './outputs.ts';
import { salvage } from './salvage.ts';
import { Redactor, secretsIn } from './secrets.ts';
import { BroughtDownError } from './stream-group.ts';
import type { Seat } from './streams.ts';
import type { PointOutcome, PointRequest } from './types.ts';

/** How often an attempt tells others that it lives, at most. */
const BEAT_MS = 10_000;
/** Between checkpoints, for steps that do not say: what a lost process may cost. */
const CHECKPOINT_SECONDS = 300;

/**
 * One attempt at one point, or at one segment of it: a verified result is returned as it is; else inputs are fetched, the
 * body runs in a child process from the last checkpoint on, and its outputs are stored and accepted, once and for all.
 * @param seat its place among the points that this worker computes; absent: a process of its own, at once
 * @throws ApplicationFailure whose type is the failure's code, or CancelledFailure
 */
export async function executePoint(
  host: ActivityHost,
  request: PointRequest,
  context: PointContext,
  seat?: Seat,
): Promise<PointOutcome> {
  const { run, point, stallSeconds } = request;
  const secrets = secretsOf(host, request);
  const redactor = new Redactor(secrets);
  const redact = (text: string) => redactor.redact(text);
  const where = {
    run: run.id,
    step: point.step,
    point: point.id,
    kind: request.kind,
    attempt: context.attempt,
  };
  const log = new PointLog(logFile(host.deps.directory, run.id, point.id), redact, (line) =>
    host.deps.onLogLine?.(where, line),
  );
  const beats = new Heartbeats(context.heartbeat, {
    everyMs: context.heartbeatEveryMs,
    stallMs: stallSeconds * 1000,
    previous: context.previous,
  });
  const execution = new PointExecution(host, request, context, { secrets, redactor, log, beats, seat });
  try {
    return await execution.run();
  } catch (error) {
    if (error instanceof BroughtDownError) beats.alone();
    const lastLines = log.tail();
    log.write(`--- ended: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`);
    throw toTemporalFailure(error, { point: point.id, log: log.path, lastLines, redact, context });
  } finally {
    beats.stop();
    await log.close();
  }
}

function secretsOf(host: ActivityHost, request: PointRequest): Record<string, string> {
  const names = new Set([...request.secrets, ...secretsIn(request.point.params as Json)]);
  const found = [...names].map((name) => [name, host.secret(name)] as const);
  return Object.fromEntries(found.filter((entry): entry is [string, string] => Boolean(entry[1])));
}

interface Tools {
  secrets: Record<string, string>;
  redactor: Redactor;
  log: PointLog;
  beats: Heartbeats;
  seat: Seat | undefined;
}

class PointExecution {
  private readonly saving = new CheckpointCosts();
  /** A result that is not whole any more. */
  private damaged: PointRecord | null = null;

  constructor(
    private readonly host: ActivityHost,
    private readonly request: PointRequest,
    private readonly context: PointContext,
    private readonly tools: Tools,
  ) {}

  async run(): Promise<PointOutcome> {
    const { host, request, context } = this;
    const { log, beats } = this.tools;
    const { store } = host.deps;
    const { key } = request.point;
    const before = await this.accepted();
    if (before !== null) return before;
    const attempt = await takeTurn({
      store,
      key,
      execution: context.execution,
      stallSeconds: request.stallSeconds,
      signal: context.signal,
      onProgress: () => beats.moved(),
      log: (line) => log.write(line),
    }).catch((error) => {
      throw context.signal.aborted ? new StoppedError('stopped while another run computed the point') : error;
    });
    // Whoever was waited for may have been accepted.
    const meanwhile = await this.accepted();
    if (meanwhile !== null) return meanwhile;
    let ended: 'suspended' | 'ended' = 'ended';
    const work = await host.makeWorkDirectory();
    try {
      const outcome = await this.compute(attempt, work.path);
      if (outcome.status === 'suspended') ended = 'suspended';
      return outcome;
    } finally {
      await attempt.end(ended).catch(() => undefined);
      await work.remove().catch(() => undefined);
    }
  }

  /** The outcome, if there is an accepted result whose artifacts are whole. */
  private async accepted(): Promise<PointOutcome | null> {
    const { host, request, context } = this;
    const { store } = host.deps;
    const found = await lookUpResult(store, request.point.key);
    if (found.state === 'absent') return null;
    if (found.state === 'invalid') {
      this.tools.log.write(`There is a result, but ${found.why}. Computing it again.`);
      this.damaged = found.record ?? null;
      return null;
    }
    await deleteCheckpoints(store, request.point.key);
    // An earlier attempt of this very activity may have been accepted and then been lost before it could say so.
    const own = context.attempt > 1 && found.record.run.id === request.run.id;
    return outcomeOf(found.record, !own);
  }

  private async compute(attempt: Attempt, workDirectory: string): Promise<PointOutcome> {
    const { host, request, context } = this;
    const { log, beats } = this.tools;
    log.write(
      `--- attempt ${attempt.tries} at ${request.point.id} (${request.kind}), ${request.point.key.slice(0, 12)}`,
    );
    this.kind(); // Before any work: a worker of another version must not compute this.
    const durable = await host.makeDurableDirectory(request.point.key);
    const resumed = await attempt.resume(join(workDirectory, 'resume'), (line) => log.write(line));
    if (resumed !== null) {
      log.write(`Going on from the checkpoint at step ${resumed.step}.`);
      beats.checkpoint(resumed.step);
    }
    const startedAt = performance.now();
    const ownSeconds = () => this.tools.seat?.seconds() ?? (performance.now() - startedAt) / 1000;
    const seconds = () => (resumed?.seconds ?? 0) + ownSeconds();
    const child = await this.runChild(attempt, workDirectory, durable.path, resumed, seconds);
    if (context.signal.aborted && child.type !== 'result') {
      const saved = beats.last.checkpointStep;
      throw new StoppedError(
        `Stopped (${context.stopReason()}); ${saved === null ? 'nothing to save' : `saved at step ${saved}`}.`,
      );
    }
    if (child.type === 'suspended') {
      log.write(`--- segment ended at step ${child.step} of ${child.total}`);
      return { status: 'suspended', key: request.point.key, done: child.step, total: child.total };
    }
    if (child.type === 'stopped') throw new SupersededError('a newer attempt has taken over');
    const record = await this.record(child, attempt, seconds());
    const { record: winner, created } = await acceptResult(host.deps.store, record);
    await deleteCheckpoints(host.deps.store, request.point.key);
    await durable.remove().catch(() => undefined);
    const took = `${record.seconds.toFixed(1)} s${this.saving.summary()}`;
    log.write(
      created ? `--- accepted after ${took}` : `--- done after ${took}; another attempt was accepted first`,
    );
    // What it computed was the run's own work all the same, if the other was an attempt of this activity.
    return outcomeOf(winner, !created && winner.run.id !== record.run.id);
  }

  private async runChild(
    attempt: Attempt,
    workDirectory: string,
    durableDirectory: string,
    resumed: Resumed | null,
    seconds: () => number,
  ) {
    const { host, request, context } = this;
    const { log, beats, secrets, seat } = this.tools;
    const { threads, stopGraceSeconds = 30, store } = host.deps;
    const onFile = () => beats.moved();
    const params = await materialiseParams(this.validParams(), host.artifacts, onFile);
    const run =
      request.readsRun === undefined
        ? undefined
        : await readRun(request, request.readsRun, store, host.artifacts, onFile);
    const salvaged = await this.salvaged(join(workDirectory, 'salvaged'));
    const checkpointSeconds =
      request.checkpointSeconds ?? (request.checkpointEvery === null ? CHECKPOINT_SECONDS : undefined);
    const replaced = new AbortController();
    let beatAt = performance.now();
    const stillOurs = () => {
      if (performance.now() - beatAt < BEAT_MS) return;
      beatAt = performance.now();
      attempt.beat().catch((error) => {
        if (error instanceof SupersededError) replaced.abort(error);
        else log.write(`The store did not take a sign of life: ${error.message}`);
      });
    };
    const options: SuperviseOptions = {
      entry: host.childEntry,
      job: {
        kind: request.kind,
        point: request.point.id,
        module: host.bodyOf(request.kind),
        params,
        seed: request.point.seed ?? 0,
        workDirectory,
        durableDirectory,
        cacheDirectory: await host.makeCacheDirectory(),
        threads,
        checkpointEvery: request.checkpointEvery,
        ...(checkpointSeconds === undefined ? {} : { checkpointSeconds }),
        segmentUnits: request.segmentUnits,
        resume: resumed === null ? null : { step: resumed.step, directory: resumed.directory },
        ...(run === undefined ? {} : { run }),
        ...(salvaged === null ? {} : { salvaged }),
      },
      environment: computeEnvironment({ threads, temporaryDirectory: workDirectory, secrets }),
      stallSeconds: request.stallSeconds,
      graceSeconds: stopGraceSeconds,
      signal: AbortSignal.any([context.signal, replaced.signal]),
      stopReason: () => (context.signal.aborted ? context.stopReason() : 'cancelled'),
      onProgress(done, total, metrics) {
        beats.progress(done, total, metrics);
        stillOurs();
      },
      onLog: (line) => log.write(line),
      onCheckpoint: async (step, directory, written) => {
        const startedAt = performance.now();
        const saved = await attempt.promote(step, directory, seconds(), request.checkpointKeep);
        const took = written + (performance.now() - startedAt) / 1000;
        host.deps.onCheckpoint?.(request.kind, took);
        const cost = this.saving.add(saved, took);
        log.write(`Checkpoint at step ${step}: ${cost}.`);
        beats.checkpoint(step);
      },
      onMoved() {
        beats.moved();
        stillOurs();
      },
    };
    return await (seat === undefined ? superviseChild(options) : seat.compute(options));
  }

  /** What a kind that can use it gets of a damaged result. */
  private async salvaged(directory: string): Promise<Record<string, string> | null> {
    if (this.damaged === null || !this.kind().salvages) return null;
    const { store } = this.host.deps;
    const left = await salvage(store, this.damaged, directory, () => this.tools.beats.moved());
    this.tools.log.write(
      `${left.lost} of its ${left.lost + left.whole} files are lost; the others are used.`,
    );
    return left.directories;
  }

  private async record(
    { result, environment, usage }: Extract<ChildOutcome, { type: 'result' }>,
    attempt: Attempt,
    seconds: number,
  ): Promise<PointRecord> {
    const { host, request } = this;
    const { run, point, kind, kindVersion } = request;
    const { redactor, beats } = this.tools;
    const kept = await keepOutputs(result, {
      kind: this.kind(),
      params: point.params,
      store: host.deps.store,
      redactor,
      from: point.id,
      onFile: () => beats.moved(),
    });
    return {
      key: point.key,
      kind,
      kindVersion,
      params: point.params as Json,
      seed: point.seed,
      run: { id: run.id, experiment: run.experiment, step: point.step, point: point.id },
      environment: { ...environment, plumbline: host.deps.commit ?? null },
      usage,
      startedAt: attempt.startedAt,
      finishedAt: new Date().toISOString(),
      seconds: Math.round(seconds * 1000) / 1000,
      attempts: attempt.tries,
      dollars: result.dollars ?? 0,
      ...kept,
    };
  }

  /** With defaults; what only the run could tell (a selected layer, say) is checked here for the first time. */
  private validParams(): PointRequest['point']['params'] {
    const { kind, point } = this.request;
    const { params, problems } = this.host.registry.validateParameters(
      kind,
      point.params as Record<string, Json>,
    );
    const [first] = problems;
    if (first === undefined) return params;
    const each = problems.map(({ path, message }) => (path === '' ? message : `\`${path}\`: ${message}`));
    throw new ComputeError(
      'bad-parameter',
      `${point.id}: ${each.join('; ')}`,
      first.hint === undefined ? {} : { hint: first.hint },
    );
  }

  private kind() {
    const { kind: name, kindVersion } = this.request;
    const kind = this.host.registry.kinds.get(name);
    if (kind?.version === kindVersion) return kind;
    const here = kind === undefined ? 'does not know' : `has version ${kind.version} of`;
    throw new ComputeError(
      'version-mismatch',
      `The plan asks for version ${kindVersion} of ${name}; this worker ${here} it.`,
      {
        retryable: true,
        hint: 'Start workers of the version that made the plan, or run the experiment again with this one.',
      },
    );
  }
}

function outcomeOf(record: PointRecord, cached: boolean): PointOutcome {
  const { key, seconds, dollars, outputs, metrics } = record;
  return { status: 'accepted', key, cached, seconds, dollars, outputs, metrics };
}
