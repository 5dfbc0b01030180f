/**
 * Positions of padded rows: the number of real tokens before each one (0 for leading padding), as `transformers` counts
 * them: cumsum(mask) - 1, not below 0. `seen` holds the count of real tokens fed before, and is moved on.
 */
export function maskedPositions(
  mask: ArrayLike<number>,
  batch: number,
  length: number,
  seen: Int32Array = new Int32Array(batch),
): Int32Array {
  const positions = new Int32Array(batch * length);
  for (let row = 0; row < batch; row++) {
    let count = seen[row] as number;
    for (let column = 0; column < length; column++) {
      if (mask[row * length + column]) count++;
      positions[row * length + column] = Math.max(0, count - 1);
    }
    seen[row] = count;
  }
  return positions;
}

/** Whether every token is real. */
export const isUnpadded = (mask: ArrayLike<number>): boolean => !Array.prototype.includes.call(mask, 0);
