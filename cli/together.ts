/**
 * Like `Promise.all`, but waits for all to settle before it fails: a call to Temporal that is left behind waits for its next
 * try, and ends the process when its connection was closed meanwhile.
 * @throws what the first of them, in their order, failed with
 */
export async function together<T extends readonly unknown[] | []>(
  calls: T,
): Promise<{ -readonly [I in keyof T]: Awaited<T[I]> }> {
  await Promise.allSettled(calls);
  return await Promise.all(calls);
}
