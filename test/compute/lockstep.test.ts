import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Lockstep } from '../../compute/lockstep.ts';

/** Members that do steps [from, to), writing down what they do. */
async function walk(lockstep: Lockstep, done: string[], member: number, from: number, to: number) {
  for (let step = from; step < to; step++) {
    await lockstep.turn(member, step);
    done.push(`${member}:${step}`);
    await setImmediate();
  }
  lockstep.leave(member);
}

test('all members do a step before any does the next', async () => {
  const lockstep = new Lockstep(3);
  const done: string[] = [];
  await Promise.all([0, 1, 2].map((member) => walk(lockstep, done, member, 0, 4)));
  const steps = done.map((entry) => Number(entry.split(':')[1]));
  expect(steps).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]);
});

test('whoever is furthest behind goes first, until all are at the same step', async () => {
  const lockstep = new Lockstep(3);
  const done: string[] = [];
  await Promise.all([
    walk(lockstep, done, 0, 5, 8),
    walk(lockstep, done, 1, 0, 8),
    walk(lockstep, done, 2, 3, 6),
  ]);
  const steps = done.map((entry) => Number(entry.split(':')[1]));
  expect(steps).toEqual([...steps].sort((a, b) => a - b));
  expect(done).toHaveLength(3 + 8 + 3);
  expect(done.slice(0, 4)).toEqual(['1:0', '1:1', '1:2', expect.stringMatching(/^[12]:3$/)]);
});

test('nobody begins before all are ready, and one that never loops is no obstacle', async () => {
  const lockstep = new Lockstep(2);
  const done: string[] = [];
  const walking = walk(lockstep, done, 0, 0, 2);
  await setImmediate();
  expect(done).toEqual([]);
  lockstep.leave(1);
  await walking;
  expect(done).toEqual(['0:0', '0:1']);
});

test('one that is told to stop need not wait for the others', async () => {
  const lockstep = new Lockstep(2);
  const turns: number[] = [];
  void lockstep.turn(0, 100).then(() => turns.push(0));
  void lockstep.turn(1, 0).then(() => turns.push(1));
  await setImmediate();
  expect(turns).toEqual([1]);
  lockstep.release(0);
  await setImmediate();
  expect(turns).toEqual([1, 0]);
});
