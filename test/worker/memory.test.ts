import { expect, test } from 'vitest';
import { memoryBytes } from '../../worker/memory.ts';

test('a container has the memory of its limit, not of its machine', () => {
  expect(memoryBytes(64e9, 8e9)).toBe(8e9);
  // What the system says where there is no limit: 0, or more than there is.
  expect(memoryBytes(64e9, 0)).toBe(64e9);
  expect(memoryBytes(64e9, 2 ** 64)).toBe(64e9);
});
