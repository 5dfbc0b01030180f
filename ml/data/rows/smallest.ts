/**
 * Uniform sampling without replacement in one pass: every row draws a key, and those with the `count` smallest keys are the
 * sample. Tells of each key whether its row may still belong to it; holds `count` numbers (a binary max-heap).
 */
export class Smallest {
  private readonly heap: number[] = [];

  constructor(private readonly count: number) {}

  /** @returns whether the key is among the `count` smallest so far */
  offer(key: number): boolean {
    const { heap } = this;
    if (heap.length < this.count) {
      heap.push(key);
      this.rise(heap.length - 1);
      return true;
    }
    if (key >= (heap[0] as number)) return false;
    heap[0] = key;
    this.sink();
    return true;
  }

  private rise(from: number): void {
    const { heap } = this;
    for (let at = from; at > 0; ) {
      const above = (at - 1) >> 1;
      if ((heap[above] as number) >= (heap[at] as number)) return;
      this.swap(above, at);
      at = above;
    }
  }

  private sink(): void {
    const { heap } = this;
    for (let at = 0; ; ) {
      let largest = at;
      for (const below of [2 * at + 1, 2 * at + 2])
        if (below < heap.length && (heap[below] as number) > (heap[largest] as number)) largest = below;
      if (largest === at) return;
      this.swap(largest, at);
      at = largest;
    }
  }

  private swap(i: number, j: number): void {
    const kept = this.heap[i] as number;
    this.heap[i] = this.heap[j] as number;
    this.heap[j] = kept;
  }
}
