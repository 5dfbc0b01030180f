import { sizeOf } from '../../search/space.ts';
import type { Pruner, Sampler, Space, Trial, Value } from '../../search/types.ts';
import { canonicalJson } from '../../store/canonical.ts';
import type { ArtifactRef, Json } from '../../store/types.ts';
import { identityOf, type SearchBase, trialPoint } from './expand.ts';
import { looksBack, prunerFor, samplerFor } from './methods.ts';
import { objectivesOf, RUNG_AXIS, rungsOf, searchOf, TRIAL_AXIS } from './trials.ts';
import type { ExpandedPoint, PlanSearch, PlanStep, PointState } from './types.ts';

/** Proposals that repeat an earlier trial are asked for again so often; then the first values that are left are taken. */
const TRIES = 16;
/** Spaces up to this size are counted out to find what is left. */
const COUNTABLE = 10_000;
/** Digits of a number that is tried: so the last bits of a logarithm, which differ between machines, make no other point. */
const DIGITS = 6;

interface Entry {
  trial: Trial & { state: Trial['state']; objectives: readonly number[] | null };
  rungs: (number | null)[];
  /** Index into `rungs` of the part that runs or is to run. */
  at: number;
  /** `waiting`: its next part may start. */
  status: 'waiting' | 'in-flight' | 'ended';
  /** The state of the training after the part before. */
  state: Json | null;
}

/**
 * One search: what it tries next, given what became of the points so far. Pure, so that a replayed workflow, a run that is
 * submitted again, and `plumb plan` all come to the same trials. What a trial tries depends on the results of those at least
 * `lag` before it, and on nothing that has to do with time.
 */
export class Search {
  readonly name: string;
  private readonly search: PlanSearch;
  private readonly sampler: Sampler;
  private readonly pruner: Pruner;
  private readonly looksBack: boolean;
  private readonly entries: Entry[] = [];
  private readonly tried = new Set<string>();
  /** What trials of an earlier part of the run tried, by number: not worked out again, which takes long for some samplers. */
  private readonly remembered = new Map<number, Record<string, Value>>();
  private exhausted = false;

  constructor(
    private readonly base: SearchBase,
    private readonly step: PlanStep,
    /** What became of points in an earlier part of the run, by id: it is not run again. */
    private readonly known: ReadonlyMap<string, PointState>,
  ) {
    this.search = step.search!;
    this.sampler = samplerFor(this.search.sampler);
    this.pruner = prunerFor(this.search);
    this.looksBack = looksBack(this.search);
    const { axes, seed } = identityOf(base.scope, step, base.combination);
    this.name = searchOf(step, axes, seed);
    for (const state of known.values()) {
      if (searchOf(step, state.axes, state.seed) !== this.name) continue;
      const values = this.search.space.map(({ name }) => [name, state.axes[name] as Value] as const);
      this.remembered.set(Number(state.axes[TRIAL_AXIS]), Object.fromEntries(values));
    }
  }

  /** No trial is left to propose, and none has anything left to run. */
  get finished(): boolean {
    return this.complete && this.entries.every(({ status }) => status === 'ended');
  }

  /** What may start now: points that can run, and trials for which a parameter has no value. Each is given once. */
  next(): ExpandedPoint[] {
    const started: ExpandedPoint[] = [];
    for (;;) {
      const entry = this.entries.find(({ status }) => status === 'waiting') ?? this.propose();
      if (!entry) return started;
      entry.status = 'in-flight';
      const point = this.pointOf(entry);
      started.push(point);
      const state = this.alreadyDecided(point);
      if (state) this.decide(state);
    }
  }

  /** Takes in what became of a point; also of one that had failed and was tried again. */
  decide(state: PointState): void {
    const entry = this.entries[Number(state.axes[TRIAL_AXIS])];
    if (!entry || (state.axes[RUNG_AXIS] ?? null) !== entry.rungs[entry.at]) return;
    const objectives = objectivesOf(this.search, state);
    if (!objectives) {
      this.end(entry, 'failed', null);
      return;
    }
    const length = entry.rungs[entry.at] ?? 1;
    entry.trial = {
      ...entry.trial,
      reports: [...entry.trial.reports, { step: length, value: objectives[0]! }],
    };
    if (entry.at === entry.rungs.length - 1) {
      this.end(entry, 'complete', objectives);
      return;
    }
    const { direction } = this.search.objectives[0]!;
    const others = this.before(entry.trial.number);
    if (this.pruner.decide(entry.trial, [...others, entry.trial], direction) === 'stop') {
      this.end(entry, 'pruned', objectives);
      return;
    }
    entry.state = stateOutput(state);
    entry.at += 1;
    entry.status = 'waiting';
  }

  private end(entry: Entry, state: Trial['state'], objectives: readonly number[] | null): void {
    entry.trial = { ...entry.trial, state, objectives };
    entry.status = 'ended';
  }

  private get complete(): boolean {
    return this.exhausted || this.entries.length >= this.search.trials;
  }

  private propose(): Entry | null {
    const { search, entries } = this;
    const number = entries.length;
    if (this.complete) return null;
    if (entries.filter(({ status }) => status !== 'ended').length >= search.parallel) return null;
    const mustKnow = this.looksBack ? Math.max(0, number - search.lag + 1) : 0;
    if (entries.slice(0, mustKnow).some(({ status }) => status !== 'ended')) return null;
    const values = search.first[number] ?? this.remembered.get(number) ?? this.untried(this.before(number));
    if (!values) {
      this.exhausted = true;
      return null;
    }
    this.tried.add(canonicalJson(values));
    const entry: Entry = {
      trial: { number, values, state: 'running', objectives: null, reports: [] },
      rungs: rungsOf(search, number),
      at: 0,
      status: 'waiting',
      state: null,
    };
    entries.push(entry);
    return entry;
  }

  /** The trials before one, as far as it may know them: those less than `lag` before it count as running. */
  private before(number: number): Trial[] {
    return this.entries
      .slice(0, number)
      .map(({ trial }) =>
        this.looksBack && trial.number <= number - this.search.lag
          ? trial
          : { ...trial, state: 'running' as const, objectives: null, reports: [] },
      );
  }

  /** Values that no trial has had; null when there are none left. */
  private untried(trials: readonly Trial[]): Record<string, Value> | null {
    const { space, objectives } = this.search;
    const directions = objectives.map(({ direction }) => direction);
    const size = space.reduce((product, dimension) => product * sizeOf(dimension), 1);
    if (this.tried.size >= size) return null;
    // Seeds of trainings are small numbers: those of second tries are not among them.
    const seed = this.base.scope.seed ?? this.base.scope.lookup.plan.seeds[0] ?? 0;
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const proposed = this.sampler.propose(space, directions, trials, seed + attempt * 2 ** 24);
      const values = rounded(space, proposed);
      if (!this.tried.has(canonicalJson(values))) return values;
    }
    if (size > COUNTABLE) return rounded(space, this.sampler.propose(space, directions, trials, seed));
    return combinationsOf(space).find((values) => !this.tried.has(canonicalJson(values))) ?? null;
  }

  private pointOf(entry: Entry): ExpandedPoint {
    const { trial, rungs, at, state } = entry;
    const rung = rungs[at] ?? null;
    const { parts } = this.search;
    const change: Record<string, Json> =
      rung === null || !parts
        ? {}
        : { [parts.parameter]: rung, 'keep-state': true, ...(state !== null && { continue: state }) };
    return trialPoint(this.base, this.step, { number: trial.number, values: trial.values, rung }, change);
  }

  private alreadyDecided(point: ExpandedPoint): PointState | null {
    if (point.status === 'ready') {
      const state = this.known.get(point.point.id);
      return state && 'key' in state && state.key === point.point.key ? state : null;
    }
    const { id, axes, seed } = point;
    if (point.status === 'skipped') return { status: 'skipped', id, axes, seed, why: point.why };
    return { status: 'failed', id, key: null, axes, seed, error: point.error };
  }
}

/** What the next part of a training goes on from. */
function stateOutput(state: PointState): Json | null {
  if (state.status !== 'accepted') return null;
  const output = state.outputs.state as ArtifactRef | undefined;
  return output ? ({ ...output, from: `${state.id}.state` } as unknown as Json) : null;
}

/** Numbers as people can write them, within their bounds. */
function rounded(space: Space, proposed: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(
    space.map((dimension): [string, Value] => {
      const value = proposed[dimension.name];
      if (value === undefined) throw new Error(`the sampler gave no ${dimension.name}`);
      if (dimension.type !== 'real') return [dimension.name, value];
      const short = Number(Number(value).toPrecision(DIGITS));
      return [dimension.name, Math.min(Math.max(short, dimension.low), dimension.high)];
    }),
  );
}

/** All values of a space without real dimensions. */
function combinationsOf(space: Space): Record<string, Value>[] {
  let all: Record<string, Value>[] = [{}];
  for (const dimension of space) {
    const values: Value[] =
      dimension.type === 'categorical'
        ? dimension.choices
        : Array.from({ length: sizeOf(dimension) }, (_, i) =>
            dimension.type === 'integer' ? dimension.low + i * dimension.step : dimension.low,
          );
    all = all.flatMap((one) => values.map((value) => ({ ...one, [dimension.name]: value })));
  }
  return all;
}
