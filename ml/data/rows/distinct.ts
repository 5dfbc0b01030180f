import { hash64 } from './hash.ts';

/**
 * Which texts were seen before, by a 64-bit hash: 12 to 24 bytes a text, however long the texts are. Of n texts the chance
 * that any two different ones are taken for one is n² / 2⁶⁵: 3e-6 for ten million.
 */
export class Distinct {
  private slots = new BigUint64Array(1024);
  private used = 0;

  /** @returns whether the text is new */
  add(text: string): boolean {
    if (this.used * 4 >= this.slots.length * 3) this.grow();
    const isNew = this.insert(this.slots, hash64(text));
    if (isNew) this.used++;
    return isNew;
  }

  private insert(slots: BigUint64Array, hash: bigint): boolean {
    const mask = slots.length - 1;
    let at = Number(hash & 0xffffffffn) & mask;
    for (; slots[at] !== 0n; at = (at + 1) & mask) if (slots[at] === hash) return false;
    slots[at] = hash;
    return true;
  }

  private grow(): void {
    const larger = new BigUint64Array(this.slots.length * 2);
    for (const hash of this.slots) if (hash !== 0n) this.insert(larger, hash);
    this.slots = larger;
  }
}
