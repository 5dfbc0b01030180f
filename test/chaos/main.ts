import { existsSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildChaos } from './build.ts';
import { Chaos, type ChaosOptions, type Outcome } from './chaos.ts';
import { pointsOf } from './plan.ts';
import { crashMatrix, type Scheduled, schedule } from './schedule.ts';

const HELP = `npm run chaos [-- --seed N] [--minutes M] [--points P] [--only matrix|soak]

Computes P points on a Temporal server and three workers with two slots each, undisturbed and then under faults: workers,
compute children and the server killed and paused, networks cut, silent and slow, the disk full, clocks skewed, hosts taken
away with a notice. Checks that every point is accepted once, with the bytes of the undisturbed run; that at most one
checkpoint interval is done again; that points go on soon after their process was lost; that visibility counts what was
planned. Exits 0 only if all holds.

  --seed     of the faults and their moments: the same seed, the same faults (default 1)
  --minutes  rounds of P points are begun until so many have passed (default 10)
  --points   of one round (default 500)
  --only     the crash matrix (each named point, each process that may die there), or the random faults; else both
`;

const HEARTBEAT_SECONDS = 5;
const shared = { hosts: 3, slots: 2, heartbeatSeconds: HEARTBEAT_SECONDS };

/** @returns the exit code */
export async function main(args: readonly string[], scratch: string): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string', default: '1' },
      minutes: { type: 'string', default: '10' },
      points: { type: 'string', default: '500' },
      only: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const [seed, minutes, points] = [values.seed, values.minutes, values.points].map(Number);
  const numbers = [seed, minutes, points].every((value) => Number.isFinite(value) && value! >= 0);
  if (values.help || !numbers || points! < 20 || ![undefined, 'matrix', 'soak'].includes(values.only)) {
    console.log(HELP);
    return values.help ? 0 : 2;
  }
  const built = await buildChaos();
  try {
    let failed = 0;
    const options = { built, directory: scratch };
    if (values.only !== 'soak') failed += await matrix(options);
    if (values.only !== 'matrix') failed += await soak(options, seed!, minutes!, points!);
    console.log(failed === 0 ? 'all holds' : `${failed} PROBLEMS`);
    return failed === 0 ? 0 : 1;
  } finally {
    built.remove();
  }
}

type Given = Pick<ChaosOptions, 'built' | 'directory'>;

/** Every named point, with every process that may die there. */
async function matrix(given: Given): Promise<number> {
  const cells = crashMatrix();
  // The fan-in comes once a run, and an order for it is one file: a run for each of its victims.
  const last = cells.filter((fault) => fault.do === 'shoot' && fault.at === 'in-fan-in');
  const others = cells.filter((fault) => !last.includes(fault));
  let failed = 0;
  for (const [i, fanIn] of last.entries()) {
    const share = others.filter((_cell, at) => at % last.length === i);
    const faults = [fanIn, ...share].map((fault): Scheduled => ({ fault, afterSeconds: 0.5 }));
    const size = { walks: 45, trainings: 9, steps: 40, stepMs: 60 };
    failed += await round({ ...given, name: `matrix-${i}`, size }, faults, (outcome) =>
      outcome.shots.length === faults.length
        ? []
        : [`${outcome.shots.length} of ${faults.length} named points were reached`],
    );
  }
  return failed;
}

async function soak(given: Given, seed: number, minutes: number, points: number): Promise<number> {
  const until = performance.now() + 60_000 * minutes;
  const trainings = Math.floor(points / 10);
  const size = { walks: points - trainings - 1, trainings, steps: 40, stepMs: 60 };
  let failed = 0;
  for (let rounds = 0; rounds === 0 || performance.now() < until; rounds++)
    failed += await round({ ...given, name: `soak-${seed + rounds}`, size }, seed + rounds);
  return failed;
}

/** @param faults a list, or the seed of random ones */
async function round(
  given: Given & Pick<ChaosOptions, 'name' | 'size'>,
  faults: Scheduled[] | number,
  further: (outcome: Outcome) => string[] = () => [],
): Promise<number> {
  const { name, size } = given;
  const random = typeof faults === 'number';
  const began = performance.now();
  const say = (line: string) =>
    console.log(`  ${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${line}`);
  const directory = join(given.directory, name);
  if (existsSync(directory)) throw new Error(`${directory} exists`);
  const chaos = new Chaos({ ...shared, ...given, directory, handOverEvents: 300, say });
  try {
    console.log(`${name}: ${pointsOf(size)} points${random ? `, seed ${faults}` : ''}`);
    for (const [fault, why] of chaos.without) console.log(`  SKIPPED ${fault}: ${why}`);
    console.log(`  undisturbed in ${(await chaos.undisturbed()).toFixed(1)} s`);
    const without = new Set(chaos.without.keys());
    const outcome = await chaos.disturbed(
      random
        ? schedule({
            seed: faults,
            without,
            hosts: shared.hosts,
            heartbeatSeconds: HEARTBEAT_SECONDS,
            quietSeconds: 6,
          })
        : faults,
    );
    const problems = [...outcome.problems, ...slowResumes(outcome), ...further(outcome)];
    for (const problem of problems) console.log(`  PROBLEM ${problem}`);
    console.log(`  ${summary(outcome)}`);
    if (problems.length > 0 && random) console.log(`  again: npm run chaos -- --only soak --seed ${faults}`);
    return problems.length;
  } finally {
    chaos.close();
  }
}

/** A machine that computes more than it has cores for is given as many times longer. */
function slowResumes({ resumed }: Outcome): string[] {
  const limit = HEARTBEAT_SECONDS + 5 * Math.max(1, loadavg()[0]! / availableParallelism());
  return resumed
    .filter(({ seconds }) => seconds > limit)
    .map(
      ({ point, seconds }) => `${point} stood still for ${seconds.toFixed(1)} s, limit ${limit.toFixed(1)}`,
    );
}

function summary({ done, shots, resumed, seconds }: Outcome): string {
  const kinds = new Map<string, number>();
  for (const { fault } of done) kinds.set(fault.do, (kinds.get(fault.do) ?? 0) + 1);
  const counts = [...kinds].map(([kind, count]) => `${count} ${kind}`).join(', ');
  const waits = resumed.map((one) => one.seconds).sort((a, b) => a - b);
  const middle = waits[Math.floor(waits.length / 2)];
  const went =
    middle === undefined
      ? 'no point to measure how soon they go on'
      : `${waits.length} points went on after ${middle.toFixed(1)} s, at most ${waits.at(-1)!.toFixed(1)} s`;
  const fired = shots.map(({ name, victim }) => `${name}/${victim}`).join(' ');
  return `${seconds.toFixed(0)} s, ${done.length} faults (${counts}); ${went}; died at ${fired || 'no named point'}`;
}
