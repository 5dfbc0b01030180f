import { expect, test } from 'vitest';
import { Permits } from '../../worker/permits.ts';

const never = new AbortController().signal;

test('no more permits are out than there are, and they go to who asked first', async () => {
  const permits = new Permits(2);
  const order: string[] = [];
  let out = 0;
  let most = 0;
  const hold = async (name: string) => {
    const release = await permits.acquire(never);
    order.push(name);
    out += 1;
    most = Math.max(most, out);
    await new Promise((resolve) => setTimeout(resolve, 5));
    out -= 1;
    release();
  };
  await Promise.all(['a', 'b', 'c', 'd', 'e'].map(hold));
  expect(most).toBe(2);
  expect(order).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(permits.available).toBe(true);
});

test('giving a permit back twice gives back one', async () => {
  const permits = new Permits(1);
  const release = await permits.acquire(never);
  release();
  release();
  await permits.acquire(never);
  expect(permits.available).toBe(false);
});

test('who stops waiting leaves the queue, and the permit goes to the next', async () => {
  const permits = new Permits(1);
  const release = await permits.acquire(never);
  const impatient = new AbortController();
  const left = permits.acquire(impatient.signal);
  const next = permits.acquire(never);
  impatient.abort(new Error('cancelled'));
  await expect(left).rejects.toThrow('cancelled');
  release();
  await expect(next).resolves.toBeTypeOf('function');
});
