import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { sha256 } from '../../store/digest.ts';
import { fingerprintPath } from '../../store/fingerprint.ts';
import { openStore } from '../../store/open.ts';
import type { Store } from '../../store/types.ts';
import { temporaryDirectory } from '../compute/build.ts';
import { codeOf, contract, text } from './contract.ts';
import { fileSystemBackend } from './file-system-backend.ts';

let directory: string;
let store: Store;
beforeEach(() => {
  directory = temporaryDirectory('store');
  store = openStore(join(directory, 'store'));
});

const blobPath = (digest: string) => join(store.location, 'blobs', digest.slice(0, 2), digest);
function file(content: string | Uint8Array, name = 'file'): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

/** As a careless program or a failing disk would. */
function overwrite(path: string, content: string): void {
  chmodSync(path, 0o644);
  writeFileSync(path, content);
}

describe('in a directory', () => {
  contract(async () => fileSystemBackend());

  test('blobs are read-only', async () => {
    const { sha256: digest } = await store.putBytes(text('x'));
    expect(statSync(blobPath(digest)).mode & 0o222).toBe(0);
  });

  test('writing through a fetched copy is found out', async () => {
    const stored = await store.putBytes(text('content'));
    const target = join(directory, 'copy');
    await store.getBlob(stored.sha256, target);
    overwrite(target, 'contenT');
    expect(['ok', 'corrupt']).toContain(await store.checkBlob(stored, 'full'));
    // Whether the copy shares its bytes with the store or not, the store never gives out wrong ones.
    const again = await codeOf(store.readBytes(stored.sha256));
    if (again === 'no error')
      expect(Buffer.from(await store.readBytes(stored.sha256)).toString()).toBe('content');
    else expect(again).toBe('corrupt');
  });
});

describe('opening', () => {
  test('creates nothing', async () => {
    expect(await store.readDocument('results/x')).toBeNull();
    expect(await store.listDocuments('results/')).toEqual([]);
    expect(existsSync(store.location)).toBe(false);
  });

  test('refuses what it cannot use, saying why', () => {
    expect(() => openStore('ftp://key:secret@host/prefix')).toThrow(
      /ftp:\/\/ addresses are not supported \(ftp:\/\/host\/prefix\)/,
    );
    expect(() => openStore(file('x'))).toThrow(/is a file, not a directory/);
    expect(() => openStore('')).toThrow(/needs a directory/);
  });

  test('refuses a store of another format', async () => {
    await store.writeDocument('runs/a', 1);
    expect(() => openStore(store.location)).not.toThrow();
    writeFileSync(join(store.location, 'store.json'), '{"format":2}');
    expect(() => openStore(store.location)).toThrow(/format 2, and this version reads format 1/);
  });

  test('sweeps what processes that are gone have left, and only that', async () => {
    await store.putBytes(text('x'));
    const tmp = join(store.location, 'tmp');
    const { thisProcess } = await import('../../store/process-identity.ts');
    const { host, pid, started } = thisProcess();
    const names = {
      dead: `${host}-4194300-1-aa`,
      reused: `${host}-${pid}-${Number(started) + 1}-aa`,
      living: `${host}-${pid}-${started}-aa`,
      elsewhere: 'aaaaaaaaaaaa-1-1-aa',
      forgotten: 'bbbbbbbbbbbb-1-1-aa',
    };
    for (const name of Object.values(names)) writeFileSync(join(tmp, name), '');
    const past = new Date(Date.now() - 3 * 24 * 3600 * 1000);
    for (const name of [names.forgotten, names.living]) utimesSync(join(tmp, name), past, past);
    await openStore(store.location).putBytes(text('y'));
    expect(readdirSync(tmp).sort()).toEqual([names.elsewhere, names.living].sort());
  });
});

describe('fingerprints of local paths', () => {
  test('follow the content and the names, not the place', async () => {
    const make = (name: string, content: string) => {
      mkdirSync(join(directory, name, 'sub'), { recursive: true });
      writeFileSync(join(directory, name, 'config.json'), content);
      writeFileSync(join(directory, name, 'sub', 'weights'), 'w');
      return join(directory, name);
    };
    const [a, b, c] = [make('a', '{}'), make('b', '{}'), make('c', '{ }')];
    expect(await fingerprintPath(a)).toBe(await fingerprintPath(b));
    expect(await fingerprintPath(a)).not.toBe(await fingerprintPath(c));
    writeFileSync(join(b, '.cache'), 'ignored');
    linkSync(join(b, 'config.json'), join(b, 'sub', 'more'));
    expect(await fingerprintPath(a)).not.toBe(await fingerprintPath(b));
    expect(await fingerprintPath(join(a, 'config.json'))).toBe(sha256('{}'));
    expect(await codeOf(fingerprintPath(join(directory, 'nowhere')))).toBe('missing');
  });
});
