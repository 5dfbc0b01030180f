import { availableParallelism, loadavg } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryDirectory } from '../compute/build.ts';
import { type Built, buildChaos } from './build.ts';
import { Chaos } from './chaos.ts';
import { type Fault, inWords, type Scheduled, schedule } from './schedule.ts';

/** Another seed gives other faults; `npm run chaos` does many more of them. */
const SEED = Number(process.env['PLUMBLINE_CHAOS_SEED'] ?? 1);
const HEARTBEAT_SECONDS = 3;
const FAULTS = 6;

let built: Built;
let chaos: Chaos;
beforeAll(async () => {
  built = await buildChaos();
  chaos = new Chaos({
    directory: temporaryDirectory('chaos'),
    built,
    name: 'chaos',
    size: { walks: 16, trainings: 4, steps: 20, stepMs: 60 },
    hosts: 2,
    slots: 1,
    heartbeatSeconds: HEARTBEAT_SECONDS,
    handOverEvents: 40,
    say: (line) => process.stderr.write(`chaos, seed ${SEED}: ${line}\n`),
  });
  for (const [fault, why] of chaos.without) process.stderr.write(`SKIPPED the fault ${fault}: ${why}\n`);
  await chaos.undisturbed();
}, 120_000);
afterAll(() => {
  chaos?.close();
  built?.remove();
});

test('the same seed gives the same faults, and every kind is among them', () => {
  const first = (seed: number, count: number): Scheduled[] => {
    const without = new Set<Fault['do']>();
    const faults = schedule({ seed, hosts: 2, without, heartbeatSeconds: 3, quietSeconds: 1 });
    return Array.from({ length: count }, () => faults.next().value as Scheduled);
  };
  expect(first(SEED, 50)).toEqual(first(SEED, 50));
  expect(first(SEED, 50)).not.toEqual(first(SEED + 1, 50));
  const kinds = new Set(first(SEED, 20).map(({ fault }) => fault.do));
  expect([...kinds].sort()).toEqual(
    'cut fill-disk hand-over kill pause shoot silence skew-clock slow spot'.split(' '),
  );
});

test('under faults every point is accepted once, with the bytes of an undisturbed run', async () => {
  const faults = schedule({
    ...{ seed: SEED, hosts: 2, heartbeatSeconds: HEARTBEAT_SECONDS, quietSeconds: 1 },
    without: new Set(chaos.without.keys()),
  });
  const { problems, done, resumed } = await chaos.disturbed(faults, FAULTS);
  expect(problems).toEqual([]);
  expect(done.map(({ fault }) => inWords(fault)).length).toBe(FAULTS);
  const busy = Math.max(1, loadavg()[0]! / availableParallelism());
  for (const { point, seconds } of resumed)
    expect(seconds, `${point} goes on`).toBeLessThan(HEARTBEAT_SECONDS + 5 * busy);
}, 180_000);
