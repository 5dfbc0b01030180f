/** How many inputs are tried: `PLUMBLINE_FUZZ=50` tries fifty times as many. */
const FACTOR = Math.max(1, Number(process.env['PLUMBLINE_FUZZ']) || 1);

export const runs = (count: number) => ({ numRuns: count * FACTOR });

/** A test may take this long. */
export const PATIENCE = 20_000 * FACTOR;
