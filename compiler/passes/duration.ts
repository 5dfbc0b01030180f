const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `1h30m` in seconds. The text has been checked by the schema. */
export function durationSeconds(text: string): number {
  let seconds = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)([smhd])/g))
    seconds += Number(amount) * UNITS[unit!]!;
  return seconds;
}

/** `16GiB` in bytes. */
export function memoryBytes(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(MiB|GiB)$/.exec(text) ?? [];
  return Number(amount) * (unit === 'GiB' ? 2 ** 30 : 2 ** 20);
}
