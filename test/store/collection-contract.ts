import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { putArtifact } from '../../store/artifacts.ts';
import { beginAttempt } from '../../store/checkpoints.ts';
import { collectGarbage } from '../../store/collect.ts';
import { sha256 } from '../../store/digest.ts';
import { acceptResult, lookUpResult } from '../../store/results.ts';
import type { ArtifactRef, PointRecord } from '../../store/types.ts';
import { verifyStore } from '../../store/verify.ts';
import { temporaryDirectory } from '../compute/build.ts';
import { type Backend, text } from './contract.ts';

const HOUR = 3600_000;

function record(key: string, outputs: PointRecord['outputs']): PointRecord {
  return {
    ...{ key, kind: 'test', kindVersion: 1, params: { rate: 0.25 }, seed: 0 },
    run: { id: 'r', experiment: 'e', step: 's', point: 'p' },
    ...{ environment: {}, usage: { peakMemoryBytes: 1e6, cpuSeconds: 1 } },
    ...{ startedAt: '', finishedAt: '', seconds: 1, attempts: 1, dollars: 0 },
    ...{ outputs, metrics: { auc: { value: 0.875, ci_low: 0.5 } } },
  };
}

/** What collecting garbage and verifying must do on every store. */
export function collectionContract(make: () => Promise<Backend>): void {
  let backend: Backend;
  let directory: string;
  beforeEach(async () => {
    directory = temporaryDirectory('artifact');
    backend = await make();
  });

  let made = 0;
  async function artifact(content: string): Promise<ArtifactRef> {
    const folder = join(directory, String(made++));
    mkdirSync(folder);
    writeFileSync(join(folder, 'table.json'), content);
    return putArtifact(backend.store, 'table', folder);
  }
  const accepted = async (key: string, content: string) =>
    acceptResult(backend.store, record(sha256(key), { table: await artifact(content) }));
  const collect = () => collectGarbage(backend.open(), { olderThanMs: 2 * HOUR });
  const has = (content: string) => backend.open().hasBlob(sha256(content));
  const damaged = async () => {
    const found: string[] = [];
    for await (const { state, what } of verifyStore(backend.open(), null))
      if (state !== 'ok') found.push(what);
    return found;
  };

  describe('collecting garbage', () => {
    test('keeps what results, runs and histories lead to, and what is young', async () => {
      await accepted('a', 'of a result');
      const planned = await artifact('of a plan');
      await backend.store.writeDocument('runs/r/plan', { inputs: [planned] });
      const payload = await backend.store.putBytes(text('of a history'));
      await backend.store.putDocumentIfAbsent(`payloads/${payload.sha256}`, {
        size: payload.size,
        owner: 'r',
      });
      const replaced = record(sha256('b'), { table: await artifact('of a report that is kept') });
      await backend.store.writeDocument('replaced/g/b', replaced);
      await artifact('orphan');
      await artifact('young');
      const old = ['of a result', 'of a plan', 'of a history', 'of a report that is kept', 'orphan'];
      for (const content of old) await backend.age(sha256(content), 3);

      const dry = await collectGarbage(backend.open(), { olderThanMs: 2 * HOUR, dryRun: true });
      expect(dry.quarantined).toEqual({ count: 1, bytes: 6 });
      expect(await has('orphan')).toBe(true);

      const done = await collect();
      expect(done).toMatchObject({
        kept: { count: 5 },
        quarantined: { count: 1, bytes: 6 },
        deleted: { count: 0 },
      });
      expect(await has('orphan')).toBe(false);
      for (const content of [...old.slice(0, -1), 'young']) expect(await has(content)).toBe(true);
      expect(await damaged()).toEqual([]);
    });

    test('brings back what is needed after all, and deletes for good only what was long in quarantine', async () => {
      const back = await artifact('back');
      await artifact('gone');
      for (const content of ['back', 'gone']) await backend.age(sha256(content), 3);
      await collect();
      expect(await has('back')).toBe(false);
      await backend.store.writeDocument('runs/r/plan', { inputs: [back] });
      expect(await collect()).toMatchObject({ restored: { count: 1 }, deleted: { count: 0 } });
      expect(Buffer.from(await backend.open().readBytes(sha256('back'))).toString()).toBe('back');
      await backend.ageQuarantined(sha256('gone'), 3);
      expect(await collect()).toMatchObject({ restored: { count: 0 }, deleted: { count: 1 } });
      for await (const left of backend.store.listQuarantine()) expect(left).toBeNull();
    });

    test('a result that is accepted while it goes on keeps its files', async () => {
      await artifact('late');
      await backend.age(sha256('late'), 3);
      const store = backend.open();
      // Between the first look at the roots and the end: after the blob was taken, as late as can be.
      const take = store.quarantine.bind(store);
      store.quarantine = async (digest, before) => {
        const document = record(sha256('late'), { table: await artifactWithout('late') });
        const taken = await take(digest, before);
        await backend.store.writeDocument(`results/${sha256('late')}`, document);
        return taken;
      };
      expect(await collectGarbage(store, { olderThanMs: 2 * HOUR })).toMatchObject({
        quarantined: { count: 0 },
      });
      expect(await has('late')).toBe(true);
    });

    /** A reference to an artifact that is stored, without putting it again. */
    async function artifactWithout(content: string): Promise<ArtifactRef> {
      const names = await backend.store.listDocuments('artifacts/');
      for (const name of names) {
        const manifest = await backend.store.readDocument(name);
        if (JSON.stringify(manifest).includes(sha256(content)))
          return { $artifact: 'table', digest: name.slice('artifacts/'.length) };
      }
      throw new Error('there is none');
    }

    test('a file that is put again while it is old is young again', async () => {
      await artifact('again');
      await backend.age(sha256('again'), 30);
      await artifact('again');
      expect(await collect()).toMatchObject({ kept: { count: 1 }, quarantined: { count: 0 } });
      expect(await backend.open().quarantine(sha256('again'), new Date(Date.now() - 2 * HOUR))).toBe(false);
      expect(await has('again')).toBe(true);
      expect(await backend.open().quarantine(sha256('never'), new Date())).toBe(false);
    });

    test('while runs are writing, everything that was accepted stays whole', async () => {
      // The same few contents over and over, each old when it is met again, as garbage of an earlier run is.
      const contents = Array.from({ length: 6 }, (_, i) => `content ${i}`);
      for (const content of contents) {
        await artifact(content);
        await backend.age(sha256(content), 30);
      }
      let writing = true;
      const collections = (async () => {
        let count = 0;
        for (; writing || count === 0; count++) await collect();
        return count;
      })();
      const keys: string[] = [];
      for (let round = 0; round < 5; round++) {
        await Promise.all(
          contents.map(async (content, i) => {
            const key = `${round}/${i}`;
            // A file may be gone when its result is to be accepted: the point is then tried again.
            for (;;) {
              const done = await accepted(key, content).catch((error) => {
                if (error.code !== 'missing') throw error;
                return null;
              });
              if (done !== null) break;
            }
            keys.push(sha256(key));
          }),
        );
      }
      writing = false;
      expect(await collections).toBeGreaterThan(0);
      const last = backend.open();
      for (const key of keys) expect((await lookUpResult(last, key)).state).toBe('accepted');
      expect(await damaged()).toEqual([]);
    });

    test('checkpoints go when their point is accepted or nobody owns them, and else stay', async () => {
      const save = async (key: string) => {
        const attempt = await beginAttempt(backend.store, sha256(key), 'x', { number: 0, record: null });
        const folder = join(directory, key);
        mkdirSync(folder);
        writeFileSync(join(folder, 'state'), `state of ${key}`);
        await attempt?.promote(1, folder, 1);
        return `checkpoints/${sha256(key)}/00000001`;
      };
      const [unfinished, done, orphan, young] = [
        await save('u'),
        await save('d'),
        await save('o'),
        await save('y'),
      ];
      await accepted('d', 'result of d');
      await accepted('y', 'result of y');
      await backend.store.deleteDocument(orphan);
      for (const [name, key] of [
        [unfinished, 'u'],
        [done, 'd'],
        [orphan, 'o'],
      ] as const)
        await backend.age(sha256(`state of ${key}`), 3, name);
      expect((await collect()).checkpoints.count).toBe(2);
      const left = (await backend.store.listDisposable()).map(({ name }) => name).sort();
      expect(left).toEqual([unfinished, young].sort());
      expect(await backend.store.listDocuments('checkpoints/')).toEqual([unfinished, young].sort());
    });

    test('stops, taking nothing, when a document that may need anything was changed', async () => {
      await accepted('a', 'content');
      await artifact('orphan');
      await backend.age(sha256('orphan'), 3);
      await backend.age(sha256('content'), 3);
      const name = `results/${sha256('a')}`;
      const whole = JSON.stringify(await backend.store.readDocument(name));
      for (const changed of [
        whole.replace('0.875', '0.975'),
        whole.slice(0, -1),
        whole.replace(/"digest":"[0-9a-f]{4}/, '"digest":"0000'),
      ]) {
        await backend.overwriteDocument(name, changed);
        await expect(collect()).rejects.toMatchObject({
          code: 'corrupt',
          message: expect.stringContaining(name),
        });
      }
      expect(await has('orphan')).toBe(true);
      expect(await has('content')).toBe(true);
    });

    test('what is old enough to be taken leaves writers their time', async () => {
      await expect(collectGarbage(backend.store, { olderThanMs: HOUR })).rejects.toThrow(/too little time/);
    });
  });

  test('verifying finds every flipped bit', async () => {
    const content = 'numbers: 1 2 3';
    await accepted('a', content);
    const { sha256: payload } = await backend.store.putBytes(text('a payload'));
    const record = await backend.store.readDocument<PointRecord>(`results/${sha256('a')}`);
    const table = record?.outputs['table'] as ArtifactRef;
    const blobs: [string, string][] = [
      [sha256(content), content],
      [payload, 'a payload'],
    ];
    const documents = [`results/${sha256('a')}`, `artifacts/${table.digest}`];
    const texts = await Promise.all(
      documents.map(async (name) => `${JSON.stringify(await backend.store.readDocument(name), null, 1)}\n`),
    );
    expect(await damaged()).toEqual([]);
    const flipped = (whole: string, at: number) => {
      const bytes = Buffer.from(whole);
      const byte = Math.floor(at * bytes.length);
      bytes[byte] = (bytes[byte] as number) ^ (1 << Math.floor(((at * bytes.length) % 1) * 8));
      return bytes;
    };
    await fc.assert(
      fc.asyncProperty(
        fc.nat(3),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        async (which, at) => {
          if (which < 2) {
            const [digest, whole] = blobs[which] as [string, string];
            await backend.damage(digest, flipped(whole, at));
            expect(await damaged()).not.toEqual([]);
            await backend.damage(digest, whole);
          } else {
            const name = documents[which - 2] as string;
            const whole = texts[which - 2] as string;
            const changed = flipped(whole, at);
            await backend.overwriteDocument(name, changed);
            // White space, and 1e5 written as 1E5, mean the same.
            if (!sameJson(changed.toString(), whole)) expect(await damaged()).not.toEqual([]);
            await backend.overwriteDocument(name, whole);
          }
        },
      ),
      { numRuns: 150, seed: 1 },
    );
    expect(await damaged()).toEqual([]);
  });
}

function sameJson(a: string, b: string): boolean {
  try {
    return JSON.stringify(JSON.parse(a)) === JSON.stringify(JSON.parse(b));
  } catch {
    return false;
  }
}
