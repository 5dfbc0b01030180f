/**
 * Named, seeded streams of random numbers: xoshiro128** (Blackman & Vigna, "Scrambled Linear Pseudorandom Number
 * Generators", 2021) seeded by splitmix32 over an FNV-1a hash of the name. Equal (seed, name) give equal draws on every machine;
 * different names give independent streams, so that a new consumer never shifts the draws of another.
 */

/** Serialisable state: four 32-bit words, then the spare normal draw (or null). */
export interface StreamState {
  words: [number, number, number, number];
  spare: number | null;
}

export interface RandomStream {
  /** Uniform in [0, 1), 53 random bits. */
  uniform(): number;
  /** Uniform integer in [0, n). */
  integer(n: number): number;
  /** Standard normal (polar Box-Muller). */
  normal(): number;
  /** A Float32Array of `length` normals scaled by `std`. */
  normals(length: number, std?: number): Float32Array;
  /** A permutation of 0..n-1 (Fisher-Yates). */
  permutation(n: number): Int32Array;
  /** One of the items. */
  choice<T>(items: readonly T[]): T;
  state(): StreamState;
  restore(state: StreamState): void;
}

function splitmix32(start: number): () => number {
  let a = start | 0;
  return () => {
    a = (a + 0x9e3779b9) | 0;
    let t = a ^ (a >>> 16);
    t = Math.imul(t, 0x21f0aaad);
    t ^= t >>> 15;
    t = Math.imul(t, 0x735a2d97);
    return (t ^ (t >>> 15)) >>> 0;
  };
}

function fnv1a(text: string): number {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) h = Math.imul(h ^ byte, 0x01000193);
  return h >>> 0;
}

const rotl = (x: number, k: number) => ((x << k) | (x >>> (32 - k))) >>> 0;

class Xoshiro128 implements RandomStream {
  private s: [number, number, number, number];
  private spare: number | null = null;

  constructor(words: [number, number, number, number]) {
    this.s = words;
  }

  private next(): number {
    const s = this.s;
    const result = Math.imul(rotl(Math.imul(s[1], 5) >>> 0, 7), 9) >>> 0;
    const t = (s[1] << 9) >>> 0;
    s[2] = (s[2] ^ s[0]) >>> 0;
    s[3] = (s[3] ^ s[1]) >>> 0;
    s[1] = (s[1] ^ s[2]) >>> 0;
    s[0] = (s[0] ^ s[3]) >>> 0;
    s[2] = (s[2] ^ t) >>> 0;
    s[3] = rotl(s[3], 11);
    return result;
  }

  uniform(): number {
    const high = this.next() >>> 5;
    const low = this.next() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  integer(n: number): number {
    if (!(n >= 1 && Number.isSafeInteger(n)))
      throw new RangeError(`integer(${n}): needs a whole number of at least 1`);
    return Math.floor(this.uniform() * n);
  }

  normal(): number {
    if (this.spare !== null) {
      const kept = this.spare;
      this.spare = null;
      return kept;
    }
    for (;;) {
      const u = 2 * this.uniform() - 1;
      const v = 2 * this.uniform() - 1;
      const r = u * u + v * v;
      if (r > 0 && r < 1) {
        const scale = Math.sqrt((-2 * Math.log(r)) / r);
        this.spare = v * scale;
        return u * scale;
      }
    }
  }

  normals(length: number, std = 1): Float32Array {
    const out = new Float32Array(length);
    for (let i = 0; i < length; i++) out[i] = this.normal() * std;
    return out;
  }

  permutation(n: number): Int32Array {
    const out = new Int32Array(n);
    for (let i = 0; i < n; i++) out[i] = i;
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const kept = out[i] as number;
      out[i] = out[j] as number;
      out[j] = kept;
    }
    return out;
  }

  choice<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError('choice: no items');
    return items[this.integer(items.length)] as T;
  }

  state(): StreamState {
    return { words: [...this.s], spare: this.spare };
  }

  restore(state: StreamState): void {
    this.s = [...state.words];
    this.spare = state.spare;
  }
}

/** The stream called `name` of experiment seed `seed`. */
export function stream(seed: number, name: string): RandomStream {
  const next = splitmix32((fnv1a(name) ^ Math.imul(seed | 0, 0x9e3779b9)) >>> 0);
  next();
  const words: [number, number, number, number] = [next(), next(), next(), next()];
  if (words.every((word) => word === 0)) words[0] = 1;
  return new Xoshiro128(words);
}
