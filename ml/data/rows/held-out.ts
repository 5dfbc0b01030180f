import { hash64 } from './hash.ts';

/**
 * Whether a group of rows is held out: a share of all groups, told by a hash of the seed and the group's name alone. So a
 * group is never on both sides, and rows added later do not move those that were there.
 */
export function isHeldOut(group: string, share: number, seed: number): boolean {
  return Number(hash64(`${seed}\n${group}`) >> 11n) / 2 ** 53 < share;
}
