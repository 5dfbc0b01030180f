import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { allowed, productionLicences } from '../../infra/licences/licences.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

test('every package that a user installs has a licence that is known and allowed', () => {
  const all = productionLicences(ROOT);
  expect(all.length).toBeGreaterThan(100);
  expect(all.filter(({ licence }) => licence === null || !allowed(licence))).toEqual([]);
});

test.each([
  ['MIT', true],
  ['GPL-3.0-only', false],
  ['UNLICENSED', false],
  ['SEE LICENSE IN LICENSE.md', false],
  ['(MIT OR GPL-3.0-only)', true],
  ['MIT AND GPL-3.0-only', false],
  ['(MIT AND (ISC OR AGPL-3.0-only))', true],
  ['(MIT OR ISC) AND (GPL-2.0-only)', false],
  ['', false],
])('%j allowed: %j', (expression, verdict) => {
  expect(allowed(expression)).toBe(verdict);
});
