/**
 * Keeps the loops of one process at the same step, so that a batch which one of them has read serves all: the next step is
 * always one of those furthest behind. That also brings those together that go on from checkpoints at different steps.
 *
 * Members are numbers. One counts as long as it is getting ready or in its loop: nobody begins before all are ready.
 */
export class Lockstep {
  private readonly gettingReady: Set<number>;
  /** The step that each is at. */
  private readonly steps = new Map<number, number>();
  private readonly waiting = new Map<number, () => void>();

  constructor(members: number) {
    this.gettingReady = new Set(Array.from({ length: members }, (_, member) => member));
  }

  /** Resolves when `member` may begin `step`, or when it is released. */
  async turn(member: number, step: number): Promise<void> {
    this.gettingReady.delete(member);
    this.steps.set(member, step);
    const turn = new Promise<void>((resolve) => this.waiting.set(member, resolve));
    this.wake();
    await turn;
  }

  /** Lets a waiting member go ahead: to stop. */
  release(member: number): void {
    this.waiting.get(member)?.();
    this.waiting.delete(member);
  }

  /** The others do not wait for `member` any more. */
  leave(member: number): void {
    this.gettingReady.delete(member);
    this.steps.delete(member);
    this.release(member);
    this.wake();
  }

  private wake(): void {
    if (this.gettingReady.size > 0) return;
    const first = Math.min(...this.steps.values());
    for (const member of [...this.waiting.keys()]) if (this.steps.get(member) === first) this.release(member);
  }
}
