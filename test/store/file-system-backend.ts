import { chmodSync, existsSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '../../store/open.ts';
import { temporaryDirectory } from '../compute/build.ts';
import type { Backend } from './contract.ts';

export function fileSystemBackend(): Backend {
  const store = openStore(join(temporaryDirectory('store'), 'store'));
  const pathOf = (digest: string, folder = 'blobs') =>
    join(store.location, folder, digest.slice(0, 2), digest);
  let ticks = 0;
  return {
    store,
    open: () => openStore(store.location),
    async damage(digest, content) {
      chmodSync(pathOf(digest), 0o644);
      writeFileSync(pathOf(digest), content);
      // Some kernels give times by the tick, in which a test writes twice.
      const time = new Date(Date.now() + ++ticks);
      utimesSync(pathOf(digest), time, time);
    },
    async lose(digest) {
      rmSync(pathOf(digest));
    },
    async overwriteDocument(name, content) {
      writeFileSync(join(store.location, `${name}.json`), content);
    },
    async age(digest, hours, set) {
      const time = new Date(Date.now() - hours * 3600_000);
      utimesSync(pathOf(digest, set === undefined ? 'blobs' : `disposable/${set}`), time, time);
    },
    async ageQuarantined(digest, hours) {
      const time = new Date(Date.now() - hours * 3600_000);
      utimesSync(pathOf(digest, 'quarantine'), time, time);
    },
    async unfinished() {
      const tmp = join(store.location, 'tmp');
      return existsSync(tmp) ? readdirSync(tmp).length : 0;
    },
  };
}
