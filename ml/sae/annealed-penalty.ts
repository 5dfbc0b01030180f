/**
 * The exponent of an Lp penalty and its coefficient, step by step (dictionary_learning's PAnnealTrainer). There are `updates`
 * values of p, evenly from 1 to `end.p`, and as many steps, evenly from `start` to `end`, after which they hold: the first has
 * the p from before, 1. When p_i is followed by p_{i+1}, the coefficient is multiplied by
 *
 *   mean of P_{p_i} / mean of P_{p_{i+1}}
 *
 * over the last `window` steps, both of the same features. The package also averages over steps before the last update where
 * updates are closer than the window, though those compare other exponents; here the window ends there.
 */
export interface AnnealingOptions {
  /** The last p, above 0. */
  pEnd: number;
  /** Steps (0-based) after which p first is counted as annealed, and has its last value. */
  annealStart: number;
  annealEnd: number;
  /** At least 2. */
  updates: number;
  /** In steps. */
  window: number;
}

export interface AnnealedPenaltyState {
  coefficient: number;
  /** P with p and with the next p, of the last steps. */
  recent: [number, number][];
}

export class AnnealedPenalty {
  private coefficient: number;
  private recent: [number, number][] = [];

  constructor(
    coefficient: number,
    private readonly options: AnnealingOptions,
  ) {
    this.coefficient = coefficient;
  }

  /** What holds at `step`. `next` is null before annealing, and when p has its last value. */
  at(step: number): { p: number; next: number | null; coefficient: number } {
    const { updates } = this.options;
    let done = 0;
    while (done < updates && this.updateStep(done) < step) done++;
    return {
      p: this.exponent(Math.max(0, done - 1)),
      next: done === 0 || done === updates ? null : this.exponent(done),
      coefficient: this.coefficient,
    };
  }

  /** Takes in the step's mean P, and with the next p where there is one. */
  observe(step: number, value: number, upcoming: number | null): void {
    if (upcoming === null) return;
    this.recent.push([value, upcoming]);
    this.recent = this.recent.slice(-this.options.window);
    if (!this.isUpdate(step)) return;
    const sum = (which: 0 | 1) => this.recent.reduce((total, pair) => total + pair[which], 0);
    // Features that are all silent say nothing about the coefficient.
    if (sum(1) > 0) this.coefficient *= sum(0) / sum(1);
    this.recent = [];
  }

  state(): AnnealedPenaltyState {
    return { coefficient: this.coefficient, recent: this.recent };
  }

  restore({ coefficient, recent }: AnnealedPenaltyState): void {
    this.coefficient = coefficient;
    this.recent = recent;
  }

  private isUpdate(step: number): boolean {
    for (let i = 0; i < this.options.updates; i++) if (this.updateStep(i) === step) return true;
    return false;
  }

  private updateStep(i: number): number {
    const { annealStart, annealEnd, updates } = this.options;
    return Math.floor(annealStart + ((annealEnd - annealStart) * i) / (updates - 1));
  }

  private exponent(i: number): number {
    return 1 + ((this.options.pEnd - 1) * i) / (this.options.updates - 1);
  }
}
