/**
 * Which features are dead: those that did not fire on the last `window` tokens (positions, summed over batches). A feature
 * fires when its activation is above 0. The packages use a window of 10 million tokens.
 */
export class DeadLatents {
  /** Tokens since each feature last fired; stops counting at `window`. */
  private readonly quiet_F: Int32Array;

  constructor(
    readonly features: number,
    readonly window: number,
  ) {
    this.quiet_F = new Int32Array(features);
  }

  /** Takes in one batch of `tokens` rows: 1 for each feature that fired on any of them. */
  observe(fired_F: Uint8Array, tokens: number): void {
    const { quiet_F, window } = this;
    for (let f = 0; f < quiet_F.length; f++) {
      quiet_F[f] = fired_F[f] ? 0 : Math.min(window, quiet_F[f]! + tokens);
    }
  }

  /** Indices of dead features, ascending. */
  dead(): Int32Array {
    const dead: number[] = [];
    for (let f = 0; f < this.quiet_F.length; f++) if (this.quiet_F[f]! >= this.window) dead.push(f);
    return Int32Array.from(dead);
  }

  /** Counts them as if they had just fired: after they were started anew. */
  revive(features: Int32Array): void {
    for (const f of features) this.quiet_F[f] = 0;
  }

  state(): Int32Array {
    return this.quiet_F.slice();
  }

  restore(state: Int32Array): void {
    this.quiet_F.set(state);
  }
}

/** What `observe` takes in, from what each row kept: values of 0 did not fire. */
export function firedOf(features: number, indices: Int32Array, values: Float32Array): Uint8Array {
  const fired_F = new Uint8Array(features);
  for (let i = 0; i < indices.length; i++) if (values[i]! > 0) fired_F[indices[i]!] = 1;
  return fired_F;
}

/** What `observe` takes in, from how often each feature fired, or the sum of its activations, none of them negative. */
export const firedWhere = (sums_F: ArrayLike<number>): Uint8Array =>
  Uint8Array.from(sums_F, (sum) => (sum > 0 ? 1 : 0));
