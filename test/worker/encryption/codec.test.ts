import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EncryptionCodec } from '../../../worker/encryption/codec.ts';
import { keysFromEnvironment } from '../../../worker/encryption/keys.ts';

const key = (byte: number) => Buffer.alloc(32, byte).toString('base64');
const codec = (text: string) => new EncryptionCodec(keysFromEnvironment({ PLUMBLINE_PAYLOAD_KEYS: text })!);
const old = codec(`old=${key(1)}`);
const rotated = codec(`new=${key(2)},old=${key(1)}`);

const payloads = (value: unknown): Payload[] => [defaultPayloadConverter.toPayload(value)!];
const values = (of: Payload[]) => of.map((payload) => defaultPayloadConverter.fromPayload(payload));

test('any value comes back, and what is sent holds nothing of it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), async (value) => {
      const sent = await old.encode(payloads(['a long and plain text', value]));
      expect(Buffer.from(sent[0]!.data!).includes('plain text')).toBe(false);
      expect(Object.keys(sent[0]!.metadata!)).toEqual(['encoding', 'encryption-key-id']);
      expect(values(await old.decode(sent))).toEqual(values(payloads(['a long and plain text', value])));
    }),
    { numRuns: 100 },
  );
});

test('after a rotation the new key encrypts, and what the old one encrypted is still read', async () => {
  const before = await old.encode(payloads('before'));
  const after = await rotated.encode(payloads('after'));
  expect(Buffer.from(after[0]!.metadata!['encryption-key-id']!).toString()).toBe('new');
  expect(values(await rotated.decode([...before, ...after]))).toEqual(['before', 'after']);
  await expect(old.decode(after)).rejects.toThrow(
    'encrypted with the key "new", which is not among PLUMBLINE_PAYLOAD_KEYS (old)',
  );
});

test('what was never encrypted is read as it is', async () => {
  expect(values(await rotated.decode(payloads({ plain: 1 })))).toEqual([{ plain: 1 }]);
});

test('the same value twice is not the same bytes', async () => {
  const [a, b] = await old.encode([...payloads('x'), ...payloads('x')]);
  expect(Buffer.from(a!.data!).equals(Buffer.from(b!.data!))).toBe(false);
});

test('every flipped bit, and every cut, is noticed; so is another id for the same key', async () => {
  const [sent] = await old.encode(payloads('x'));
  const data = sent!.data!;
  for (let bit = 0; bit < data.length * 8; bit++) {
    const changed = Buffer.from(data);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    await expect(old.decode([{ ...sent, data: changed }])).rejects.toThrow('is damaged');
  }
  for (let length = 0; length < data.length; length++)
    await expect(old.decode([{ ...sent, data: data.subarray(0, length) }])).rejects.toThrow('is damaged');
  const twin = codec(`old=${key(1)} alias=${key(1)}`);
  const metadata = { ...sent!.metadata, 'encryption-key-id': Buffer.from('alias') };
  await expect(twin.decode([{ metadata, data }])).rejects.toThrow('is damaged');
});

test('keys come from a file too, with comments; mistakes are named without quoting a key', () => {
  const path = join(mkdtempSync(join(tmpdir(), 'plumbline-keys-')), 'keys');
  writeFileSync(path, `# rotated in autumn\nnew=${key(2)}\n\nold=${key(1)} # until winter\n`);
  expect(keysFromEnvironment({ PLUMBLINE_PAYLOAD_KEYS_FILE: path })).toMatchObject({ first: 'new' });
  expect(keysFromEnvironment({})).toBeNull();
  const wrong: [NodeJS.ProcessEnv, RegExp][] = [
    [{ PLUMBLINE_PAYLOAD_KEYS: 'canary-canary-canary' }, /key 1 is not ID=KEY with 32 bytes/],
    [{ PLUMBLINE_PAYLOAD_KEYS: `a=${key(1)} b=Y2FuYXJ5` }, /key 2 is not ID=KEY/],
    [{ PLUMBLINE_PAYLOAD_KEYS: `a=${key(1)} a=${key(2)}` }, /the id a is there twice/],
    [{ PLUMBLINE_PAYLOAD_KEYS: ' , ' }, /holds no key/],
    [{ PLUMBLINE_PAYLOAD_KEYS_FILE: '/nowhere' }, /\/nowhere, which cannot be read/],
    [{ PLUMBLINE_PAYLOAD_KEYS: `a=${key(1)}`, PLUMBLINE_PAYLOAD_KEYS_FILE: path }, /are both set/],
  ];
  for (const [env, message] of wrong) {
    const error = caught(() => keysFromEnvironment(env));
    expect(error.message).toMatch(message);
    expect(error.message).not.toMatch(/canary|Y2FuYXJ5/);
  }
});

function caught(body: () => unknown): Error {
  try {
    body();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}
