import fc from 'fast-check';

type Change =
  | { type: 'set'; at: number; value: number }
  | { type: 'cut'; at: number }
  | { type: 'insert'; at: number; bytes: Uint8Array }
  | { type: 'remove'; at: number; length: number }
  | { type: 'word'; at: number; value: number };

const AT = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

/** Numbers that lengths and offsets are made wrong with. */
const WORDS = [0, 1, 0x7f, 0xff, 0x7fff_ffff, 0xffff_ffff, 0x8000_0000];

const CHANGE: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ type: fc.constant('set' as const), at: AT, value: fc.nat(255) }),
  fc.record({ type: fc.constant('cut' as const), at: AT }),
  fc.record({
    type: fc.constant('insert' as const),
    at: AT,
    bytes: fc.uint8Array({ minLength: 1, maxLength: 9 }),
  }),
  fc.record({ type: fc.constant('remove' as const), at: AT, length: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ type: fc.constant('word' as const), at: AT, value: fc.constantFrom(...WORDS) }),
);

/** The bytes with up to four changes, at places anywhere in them. */
export function mutated(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  return fc
    .array(CHANGE, { minLength: 1, maxLength: 4 })
    .map((changes) => changes.reduce<Uint8Array>(apply, bytes));
}

function apply(bytes: Uint8Array, change: Change): Uint8Array {
  const at = Math.floor(change.at * bytes.length);
  const copy = Buffer.from(bytes);
  switch (change.type) {
    case 'set':
      if (copy.length > 0) copy[at] = change.value;
      return copy;
    case 'cut':
      return copy.subarray(0, at);
    case 'insert':
      return Buffer.concat([copy.subarray(0, at), change.bytes, copy.subarray(at)]);
    case 'remove':
      return Buffer.concat([copy.subarray(0, at), copy.subarray(at + change.length)]);
    case 'word':
      if (at + 4 <= copy.length) copy.writeUInt32LE(change.value, at);
      return copy;
  }
}

/** A JSON document with some of its values replaced by others. */
export function mutatedJson<T>(document: T): fc.Arbitrary<T> {
  const junk = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom<unknown>(-1, 2 ** 53, 1e308, '', '__proto__', '\u0000', [], {}, [[[]]], 'a'.repeat(1000)),
  );
  const change = fc.record({ at: AT, value: junk, remove: fc.boolean() });
  return fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) => {
    const copy = structuredClone(document);
    for (const { at, value, remove } of changes) {
      const places = placesIn(copy);
      const place = places[Math.floor(at * places.length)];
      if (!place) continue;
      if (remove && !Array.isArray(place.of)) delete place.of[place.key];
      else place.of[place.key] = structuredClone(value);
    }
    return copy;
  });
}

interface Place {
  of: Record<string, unknown>;
  key: string;
}

/** Of long lists and maps, the vocabulary above all, only the first few. */
function placesIn(value: unknown): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  const of = value as Record<string, unknown>;
  return Object.keys(of)
    .slice(0, 30)
    .flatMap((key) => [{ of, key }, ...placesIn(of[key])]);
}
