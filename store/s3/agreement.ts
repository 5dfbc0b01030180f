import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreError } from '../error.ts';
import type { Bucket } from './bucket.ts';

/**
 * Creating an object unless it is there, on a server that has no conditional writes, only reads and lists that see every
 * earlier write. Writers agree on one value first, with Paxos over one disk (Gafni and Lamport, Disk Paxos, Distributed
 * Computing 16(1), 2003, section 3.2): each writes a claim of its own and reads those of all others, twice. Then whose value
 * it is writes the object.
 *
 * The object may be replaced later, by the one whose value it was; so nobody else may write it late. Its owner gives up when
 * it was not written within `PUBLISH_MS`; another writes it only when it is not there after twice that. Both count on their
 * own clocks running equally fast, and on nothing else.
 */
const PUBLISH_MS = 60_000;
const RESERVED = 'claims/';

type Ballot = [number: number, id: string];

interface Accepted {
  ballot: Ballot;
  owner: string;
  text: string;
}

interface Claim {
  promised: Ballot;
  accepted: Accepted | null;
}

/** @returns false when it was there, or another's value won */
export async function createByAgreement(
  bucket: Bucket,
  key: string,
  text: string,
  publishMs = PUBLISH_MS,
): Promise<boolean> {
  const id = randomBytes(12).toString('hex');
  const own = `${folderOf(key)}${id}`;
  const began = performance.now();
  const inTime = () => {
    if (performance.now() - began > publishMs) throw tooSlow(bucket, key);
  };
  let accepted: Accepted | null = null;
  for (let number = 1; ; ) {
    if ((await bucket.stat(key)) !== null) return false;
    const ballot: Ballot = [number, id];
    const seen = await claim(bucket, key, own, { promised: ballot, accepted });
    if (seen === null) {
      // The object and its claims were deleted meanwhile.
      accepted = null;
      inTime();
      continue;
    }
    const before = highest(seen.map(({ promised }) => promised));
    if (before !== null && compare(before, ballot) > 0) {
      number = await later(before);
      inTime();
      continue;
    }
    accepted = { ...(latest(seen) ?? { owner: id, text }), ballot };
    const after = await claim(bucket, key, own, { promised: ballot, accepted });
    const rival = after && highest(after.map(({ promised }) => promised));
    if (after === null || (rival && compare(rival, ballot) > 0)) {
      if (after === null) accepted = null;
      else number = await later(rival as Ballot);
      inTime();
      continue;
    }
    if (accepted.owner !== id) {
      await appear(bucket, key, accepted.text, publishMs);
      return false;
    }
    inTime();
    await bucket.put(key, Buffer.from(text));
    inTime();
    return true;
  }
}

/** Before the object itself is deleted, so that it can be created anew. */
export async function deleteClaims(bucket: Bucket, key: string): Promise<void> {
  for await (const { key: claimed } of bucket.list(folderOf(key))) await bucket.remove(claimed);
}

/** Claims to objects that are there since long: nobody is about to create these. @returns how many */
export async function removeOldClaims(bucket: Bucket, before: Date): Promise<number> {
  let removed = 0;
  for await (const { key, modified } of bucket.list(RESERVED)) {
    const object = key.slice(RESERVED.length, key.lastIndexOf('/'));
    if (modified >= before || (await bucket.stat(object)) === null) continue;
    await bucket.remove(key);
    removed += 1;
  }
  return removed;
}

const folderOf = (key: string) => `${RESERVED}${key}/`;

/** Writes our claim and reads all; null when ours is not among them. */
async function claim(bucket: Bucket, key: string, own: string, mine: Claim): Promise<Claim[] | null> {
  await bucket.put(own, Buffer.from(JSON.stringify(mine)));
  const keys: string[] = [];
  for await (const found of bucket.list(folderOf(key))) keys.push(found.key);
  if (!keys.includes(own)) return null;
  const claims = await Promise.all(keys.map((found) => bucket.get(found)));
  return claims.flatMap((bytes) => (bytes === null ? [] : [JSON.parse(bytes.toString()) as Claim]));
}

/** The number of the next ballot, after a while that grows, so that rivals do not outbid each other for ever. */
async function later([number]: Ballot): Promise<number> {
  await sleep(20 + Math.random() * Math.min(5000, 100 * 2 ** Math.min(number, 6)));
  return number + 1;
}

async function appear(bucket: Bucket, key: string, text: string, publishMs: number): Promise<void> {
  const until = performance.now() + 2 * publishMs;
  for (let wait = 20; (await bucket.stat(key)) === null; wait = Math.min(1000, wait * 2)) {
    if (performance.now() > until) return bucket.put(key, Buffer.from(text));
    await sleep(wait);
  }
}

function latest(claims: Claim[]): Accepted | null {
  let found: Accepted | null = null;
  for (const { accepted } of claims)
    if (accepted !== null && (found === null || compare(accepted.ballot, found.ballot) > 0)) found = accepted;
  return found;
}

function highest(ballots: Ballot[]): Ballot | null {
  return ballots.reduce<Ballot | null>((a, b) => (a === null || compare(b, a) > 0 ? b : a), null);
}

function compare([a, idA]: Ballot, [b, idB]: Ballot): number {
  return a - b || (idA < idB ? -1 : idA > idB ? 1 : 0);
}

function tooSlow(bucket: Bucket, key: string): StoreError {
  return new StoreError(
    'unavailable',
    `${bucket.address.location}: it took too long to agree with others on ${key}.`,
    'It is tried again; a server that knows conditional writes (If-None-Match) needs no agreement.',
  );
}
