import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { canonicalJson } from '../../store/canonical.ts';
import { lookUpResult } from '../../store/results.ts';
import type { Json, Store } from '../../store/types.ts';
import type { ExperimentResult } from '../../workflows/types.ts';
import type { Done } from './disturber.ts';
import { INTERVAL, pointsOf, type Size } from './plan.ts';

/** A step that a body did. */
interface StepLine {
  point: string;
  pid: number;
  step: number;
  at: number;
}

/** A result that a worker put into the store. */
interface AcceptedLine {
  name: string;
  how: 'created' | 'replaced';
  at: number;
}

/** A process that died at a named point. */
export interface Shot {
  name: string;
  victim: 'self' | 'worker' | 'server';
  pid: number;
  at: number;
}

/** How long a child takes from its point's beginning to its first step, at most, on a machine that may be busy. */
const CHILD_STARTS_MS = 10_000;

export interface RunRecord {
  steps: StepLine[];
  accepted: AcceptedLine[];
  shots: Shot[];
}

export function readRecord(control: string): RunRecord {
  return {
    steps: lines<StepLine>(join(control, 'steps')),
    accepted: lines<AcceptedLine>(join(control, 'accepted')),
    shots: lines<Shot>(join(control, 'shots')),
  };
}

function lines<T>(file: string): T[] {
  if (!existsSync(file)) return [];
  const texts = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return texts.map((text) => JSON.parse(text) as T);
}

/** Every result of a store, whole to the last byte, by key. @throws when one is not */
export async function resultsOf(store: Store): Promise<Map<string, string>> {
  const results = new Map<string, string>();
  for (const name of await store.listDocuments('results/')) {
    const found = await lookUpResult(store, name.slice('results/'.length));
    if (found.state !== 'accepted')
      throw new Error(`${name}: ${found.state === 'invalid' ? found.why : 'gone'}`);
    const { key, run, outputs, metrics } = found.record;
    results.set(key, `${run.point} ${canonicalJson({ outputs, metrics } as unknown as Json)}`);
  }
  return results;
}

/** The results are those of an undisturbed run, byte for byte, and as many as the plan has points. */
export function checkResults(
  size: Size,
  expected: ReadonlyMap<string, string>,
  found: ReadonlyMap<string, string>,
  result: ExperimentResult,
): string[] {
  const { total, computed, cached, failed, blocked, skipped } = result.counts;
  const planned = pointsOf(size);
  const problems = [...expected].flatMap(([key, text]) => {
    const other = found.get(key);
    if (other === text) return [];
    return [other === undefined ? `no result: ${text}` : `another result: ${other}, undisturbed ${text}`];
  });
  if (found.size !== planned) problems.push(`${found.size} results of ${planned} points`);
  if (total !== planned || computed + cached !== planned || failed + blocked + skipped > 0)
    problems.push(`of ${planned} points the run counts ${JSON.stringify(result.counts)}`);
  return problems;
}

/** Every point was accepted once, began never after that, and repeated at most one interval each time that it was lost. */
export function checkRecord({ steps, accepted }: RunRecord, size: Size): string[] {
  const problems: string[] = [];
  const times = new Map<string, number>();
  for (const { name, how } of accepted) {
    if (how === 'replaced') problems.push(`${name} was replaced`);
    times.set(name, (times.get(name) ?? 0) + 1);
  }
  for (const [name, count] of times) if (count > 1) problems.push(`${name} was accepted ${count} times`);
  // One may have died between the store's work and its own line; every other one has its line.
  if (times.size > pointsOf(size)) problems.push(`${times.size} results were accepted`);
  for (const [point, attempts] of attemptsOf(steps)) {
    if (point === 'all') continue;
    attempts.slice(1).forEach((attempt, i) => {
      const reached = Math.max(
        ...attempts.slice(0, i + 1).flatMap((before) => before.stepsUntil(attempt.beganAt)),
      );
      const repeated = reached - attempt.from + 1;
      if (repeated > INTERVAL) problems.push(`${point} did ${repeated} steps again from ${attempt.from} on`);
      if (repeated < 0) problems.push(`${point} left out ${-repeated} steps before ${attempt.from}`);
    });
    const all = new Set(attempts.flatMap((attempt) => attempt.stepsUntil(Number.POSITIVE_INFINITY)));
    if (all.size !== size.steps) problems.push(`${point} did ${all.size} of ${size.steps} steps`);
  }
  return problems;
}

/** One process that worked on a point. */
class Work {
  constructor(
    readonly pid: number,
    private readonly lines: StepLine[],
  ) {}

  get from(): number {
    return this.lines[0]!.step;
  }
  get beganAt(): number {
    return this.lines[0]!.at;
  }
  get endedAt(): number {
    return this.lines.at(-1)!.at;
  }

  stepsUntil(at: number): number[] {
    return this.lines.filter((line) => line.at < at).map(({ step }) => step);
  }
}

/** Point -> those that worked on it, in the order in which they began. */
function attemptsOf(steps: StepLine[]): Map<string, Work[]> {
  const points = grouped(steps, ({ point }) => point);
  return new Map(
    [...points].map(([point, lines]) => [
      point,
      [...grouped(lines, ({ pid }) => pid)]
        .map(([pid, own]) => new Work(pid, own))
        .sort((a, b) => a.beganAt - b.beganAt),
    ]),
  );
}

function grouped<K, V>(values: readonly V[], keyOf: (value: V) => K): Map<K, V[]> {
  const groups = new Map<K, V[]>();
  for (const value of values) {
    const group = groups.get(keyOf(value));
    if (group) group.push(value);
    else groups.set(keyOf(value), [value]);
  }
  return groups;
}

export interface Resumed {
  point: string;
  /** From the death of its worker or child to the first step of its successor. */
  seconds: number;
}

/** How long each point stood still that lost its process, where no other fault fell into that time. */
export function resumes({ steps, shots }: RunRecord, done: readonly Done[]): Resumed[] {
  const deaths = [
    ...done.filter(({ killed }) => killed.length > 0).map(({ to }) => to),
    ...shots.filter(({ victim }) => victim !== 'server').map(({ at }) => at),
  ];
  const faults = [
    ...done.map(({ from, to }) => ({ from, to })),
    ...shots.map(({ at }) => ({ from: at, to: at })),
  ];
  return deaths.flatMap((death) =>
    [...attemptsOf(steps)].flatMap(([point, attempts]) => {
      const lost = attempts.findIndex((work) => work.beganAt <= death && work.endedAt > death - 500);
      const next = attempts[lost + 1];
      if (lost < 0 || next === undefined || next.beganAt < death) return [];
      const others = faults.filter(({ from, to }) => to > death + 1 && from < next.beganAt);
      if (others.length > 0) return [];
      return [{ point, seconds: (next.beganAt - death) / 1000 }];
    }),
  );
}

/** No point began after it was accepted. @param pointOf the point of a key */
export function checkBeginnings({ steps, accepted }: RunRecord, pointOf: (name: string) => string): string[] {
  const attempts = attemptsOf(steps);
  return accepted.flatMap(({ name, at }) => {
    const late = (attempts.get(pointOf(name)) ?? []).filter(({ beganAt }) => beganAt > at + CHILD_STARTS_MS);
    return late.map(
      ({ beganAt }) => `${pointOf(name)} began ${(beganAt - at).toFixed(0)} ms after it was accepted`,
    );
  });
}

/** What visibility counts is what was planned, and no run's history is long. */
export async function checkVisibility(client: Client, run: string, size: Size): Promise<string[]> {
  const expected = { experiment: 1, sweep: size.trainings > 1 ? 2 : 1, training: size.trainings };
  // It follows the histories by a moment.
  for (let looks = 1; ; looks++) {
    const problems = await visibilityProblems(client, run, expected);
    if (problems.length === 0 || looks === 20) return problems;
    await sleep(500);
  }
}

async function visibilityProblems(
  client: Client,
  run: string,
  expected: Record<string, number>,
): Promise<string[]> {
  const problems: string[] = [];
  const counts: Record<string, number> = {};
  const query = `WorkflowId = "${run}" OR WorkflowId STARTS_WITH "${run}/"`;
  for await (const { workflowId, type, status, historyLength } of client.workflow.list({ query })) {
    if (historyLength > 4096) problems.push(`${workflowId} has ${historyLength} events`);
    if (status.name === 'CONTINUED_AS_NEW') continue;
    if (status.name !== 'COMPLETED') problems.push(`${workflowId} is ${status.name}`);
    counts[type] = (counts[type] ?? 0) + 1;
  }
  for (const type of new Set([...Object.keys(expected), ...Object.keys(counts)]))
    if (counts[type] !== expected[type])
      problems.push(`visibility counts ${counts[type] ?? 0} of ${expected[type] ?? 0} workflows "${type}"`);
  return problems;
}
