import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { freemem } from 'node:os';
import { join } from 'node:path';
import { S3Store } from '../store/s3/store.ts';
import { ACCESS_KEY, S3Server, SECRET_KEY } from '../test/servers/s3-server.ts';
import { Rclone } from './store/rclone.ts';
import type { Benchmark } from './types.ts';

const BYTES = 1_000_000_000;
const ROUNDS = 5;
/** Of the peer's rate. */
const BAR = 0.8;

/** Three copies of the file at once, and some room. */
const MEMORY = 6e9;

/** A disk's pace would hide the clients': files in memory, where there is enough. */
function scratch(directory: string): string {
  const shared = '/dev/shm';
  if (!existsSync(shared)) return directory;
  const { bavail, bsize } = statfsSync(shared);
  return Math.min(bavail * bsize, freemem()) > MEMORY ? mkdtempSync(join(shared, 'plumb-bench-')) : directory;
}

/** One file of 1 GB to the same S3 server on this machine and back, by turns; the median of the rounds. */
export const benchmark: Benchmark = {
  summary: '1 GB to an S3 store and back, with every byte checked, beside rclone',
  async run({ cache, directory: given, say }) {
    const directory = scratch(given);
    say(`files are in ${directory}`);
    const server = await S3Server.start({ directory: join(directory, 's3') });
    try {
      const bucket = await server.makeBucket('bench');
      const rclone = Rclone.open(
        cache,
        { endpoint: server.endpoint, accessKey: ACCESS_KEY, secretKey: SECRET_KEY },
        say,
      );
      const source = join(directory, 'source');
      writeRandom(source);
      const target = join(directory, 'target');
      const rates = { up: { ours: [0], peer: [0] }, down: { ours: [0], peer: [0] } };
      for (const direction of Object.values(rates)) direction.ours.length = direction.peer.length = 0;
      for (let round = 0; round <= ROUNDS; round++) {
        const store = new S3Store(`s3://bench/ours-${round}`, { env: server.env });
        const remote = `plumb:bench/peer-${round}`;
        let digest = '';
        const sides = {
          up: {
            ours: async () => {
              digest = (await store.putBlob(source)).sha256;
            },
            peer: async () => rclone.copy(source, remote),
          },
          down: {
            ours: () => store.getBlob(digest, target),
            peer: async () => rclone.copy(remote, target),
          },
        };
        for (const direction of ['up', 'down'] as const) {
          // Who comes first changes: the disk may be busy with what the one before has written.
          for (const who of round % 2 ? (['ours', 'peer'] as const) : (['peer', 'ours'] as const)) {
            rmSync(target, { force: true });
            const began = performance.now();
            await sides[direction][who]();
            const rate = BYTES / 1e3 / (performance.now() - began);
            // The first round is to warm up.
            if (round > 0) rates[direction][who].push(rate);
            say(`round ${round}, ${direction}, ${who}: ${rate.toFixed(0)} MB/s`);
          }
        }
        rmSync(join(bucket, `ours-${round}`), { recursive: true, force: true });
        rmSync(join(bucket, `peer-${round}`), { force: true });
      }
      return (['up', 'down'] as const).map((direction) => {
        const [ours, peer] = [median(rates[direction].ours), median(rates[direction].peer)];
        return {
          name: direction === 'up' ? '1 GB to the store' : '1 GB from the store',
          ...{ ours, peer, unit: 'MB/s', better: 'higher' as const, bar: BAR * peer },
          peerVersion: rclone.version,
        };
      });
    } finally {
      await server.close();
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

function writeRandom(path: string): void {
  const file = openSync(path, 'w');
  for (let written = 0; written < BYTES; written += 10_000_000) writeSync(file, randomBytes(10_000_000));
  closeSync(file);
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
