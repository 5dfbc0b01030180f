/**
 * How much the reward of each prompt rises with the dose: the least-squares slope over the doses and the intact model (dose 0).
 * A direction that does anything to the reward *by its sense* has a slope; one that only disturbs has the same effect on both
 * sides, and none.
 *
 * @param at one entry a dose, 0 among them; values aligned by prompt
 */
export function doseSlopes(at: readonly { dose: number; values: ArrayLike<number> }[]): Float64Array {
  const mean = at.reduce((sum, { dose }) => sum + dose, 0) / at.length;
  const squares = at.reduce((sum, { dose }) => sum + (dose - mean) ** 2, 0);
  if (!(squares > 0)) throw new RangeError('doseSlopes: needs at least two different doses');
  const slopes = new Float64Array(at[0]?.values.length ?? 0);
  for (const { dose, values } of at)
    for (let i = 0; i < slopes.length; i++)
      slopes[i] = (slopes[i] as number) + ((dose - mean) * (values[i] as number)) / squares;
  return slopes;
}
