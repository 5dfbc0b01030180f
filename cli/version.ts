import { readFileSync } from 'node:fs';

/** Of package.json, beside the sources and beside dist/. */
export const version: string = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
).version;
