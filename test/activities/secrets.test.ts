import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Redactor, secretsIn } from '../../activities/secrets.ts';
import { temporaryDirectory } from '../compute/build.ts';

const secret = 'pa"ss/wörd&more';
const redactor = new Redactor({
  TOKEN: secret,
  KEY: '-----BEGIN\nabcdefgh\nijklmnop\n-----END',
  TINY: 'abc',
});

describe('a secret', () => {
  test.each([
    ['as it is', `token ${secret} here`],
    ['in JSON', JSON.stringify({ token: secret })],
    ['in a URL', `https://x.org/?t=${encodeURIComponent(secret)}`],
    ['in base64', Buffer.from(secret).toString('base64')],
    ['by one of its lines', 'key: ijklmnop'],
  ])('is found and blotted out %s', (_where, text) => {
    expect(redactor.findIn(text)).toMatch(/TOKEN|KEY/);
    const clean = redactor.redact(text);
    expect(clean).toMatch(/\[secret (TOKEN|KEY)\]/);
    expect(redactor.findIn(clean)).toBeNull();
  });

  test('too short to be told from other text is left alone', () => {
    expect(redactor.redact('abc abcd')).toBe('abc abcd');
  });

  test('is found in a file across the borders of what is read at once', async () => {
    const path = join(temporaryDirectory('secret'), 'file');
    for (const offset of [0, 100, (1 << 20) - 3, (1 << 20) - secret.length, (3 << 20) - 1]) {
      writeFileSync(path, `${'x'.repeat(offset)}${secret}${'y'.repeat(50)}`);
      expect(await redactor.findInFile(path)).toBe('TOKEN');
    }
    writeFileSync(path, 'x'.repeat(2 << 20));
    expect(await redactor.findInFile(path)).toBeNull();
  });
});

test('names of secrets are found anywhere in parameters', () => {
  expect(secretsIn({ a: [{ b: { $secret: 'X' } }], c: { $secret: 'Y' }, d: null, e: 'z' })).toEqual([
    'X',
    'Y',
  ]);
});
