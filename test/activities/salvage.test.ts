import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { salvage } from '../../activities/salvage.ts';
import { putArtifact, readManifest } from '../../store/artifacts.ts';
import { openStore } from '../../store/open.ts';
import type { PointRecord } from '../../store/types.ts';
import { temporaryDirectory } from '../compute/build.ts';

test('of a damaged artifact the files that are whole are found, and no others', async () => {
  const directory = temporaryDirectory('salvage');
  const store = openStore(join(directory, 'store'));
  const files = join(directory, 'files');
  mkdirSync(files);
  for (const name of ['a', 'b', 'c', 'd']) writeFileSync(join(files, name), `content of ${name}`);
  const ref = await putArtifact(store, 'activations', files);
  const gone = { ...ref, digest: '0'.repeat(64) };
  const { files: stored } = await readManifest(store, ref);
  const blob = (name: string) => {
    const { sha256 } = stored[name]!;
    const found = readdirSync(join(directory, 'store'), { recursive: true, withFileTypes: true }).find(
      (entry) => entry.name === sha256,
    )!;
    return join(found.parentPath, found.name);
  };
  rmSync(blob('b'));
  chmodSync(blob('c'), 0o644);
  writeFileSync(blob('c'), 'content of X');

  const record = { outputs: { activations: ref, gone, number: 3 } } as unknown as PointRecord;
  const left = await salvage(store, record, join(directory, 'left'), () => undefined);
  expect(left).toEqual({
    directories: { activations: join(directory, 'left/activations') },
    whole: 2,
    lost: 2,
  });
  expect(readdirSync(left.directories.activations!).sort()).toEqual(['a', 'd']);
  expect(readFileSync(join(left.directories.activations!, 'd'), 'utf8')).toBe('content of d');
});
