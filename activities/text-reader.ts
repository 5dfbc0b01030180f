import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { ComputeError } from '../ml/failure.ts';

const NEWLINE = 10;

/** The texts of a `texts` artifact one by one, in any order: 8 bytes of memory a text, however long they are. */
export class TextReader {
  private constructor(
    private readonly path: string,
    private readonly descriptor: number,
    /** Where each line begins that holds a text, and where the next one does. */
    private readonly starts: Float64Array,
    private readonly ends: Float64Array,
  ) {}

  static async open(directory: string): Promise<TextReader> {
    const path = join(directory, 'texts.jsonl');
    const starts = new Offsets();
    const ends = new Offsets();
    let at = 0;
    let start = 0;
    // A line without a character besides white space is none, as for json-lines.ts.
    let empty = true;
    const end = () => {
      if (!empty) {
        starts.push(start);
        ends.push(at);
      }
      empty = true;
    };
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      for (const byte of chunk) {
        if (byte === NEWLINE) {
          end();
          start = at + 1;
        } else if (byte > 32) empty = false;
        at++;
      }
    }
    end();
    return new TextReader(path, openSync(path, 'r'), starts.values(), ends.values());
  }

  get total(): number {
    return this.starts.length;
  }

  /** @throws ComputeError bad-data naming the row without a text */
  text(index: number): string {
    const start = this.starts[index] as number;
    const bytes = Buffer.alloc((this.ends[index] as number) - start);
    for (let read = 0; read < bytes.length; ) {
      const count = readSync(this.descriptor, bytes, read, bytes.length - read, start + read);
      if (count === 0) throw new ComputeError('bad-data', `${this.path} became shorter while it was read`);
      read += count;
    }
    let row: { text?: unknown };
    try {
      row = JSON.parse(bytes.toString('utf8'));
    } catch (error) {
      throw new ComputeError(
        'bad-data',
        `${this.path}: row ${index + 1} is not JSON: ${(error as Error).message}`,
      );
    }
    if (typeof row.text !== 'string') {
      throw new ComputeError('bad-data', `${this.path}: row ${index + 1} has no string \`text\``);
    }
    return row.text;
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

/** Numbers beyond 2^32, as many as come. */
class Offsets {
  private numbers = new Float64Array(1024);
  private used = 0;

  push(value: number): void {
    if (this.used === this.numbers.length) {
      const longer = new Float64Array(2 * this.used);
      longer.set(this.numbers);
      this.numbers = longer;
    }
    this.numbers[this.used++] = value;
  }

  values(): Float64Array {
    return this.numbers.subarray(0, this.used);
  }
}
