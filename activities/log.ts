import { createHash } from 'node:crypto';
import { createWriteStream, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { finished } from 'node:stream/promises';

/** Where the lines of all attempts at a point of a run are kept, below the state directory. */
export function logFile(directory: string, runId: string, pointId: string): string {
  return join(directory, 'logs', fileName(runId), `${fileName(pointId)}.log`);
}

/** Readable and unique: what file systems do not take becomes `_`, and then a digest tells names apart. */
function fileName(id: string): string {
  const name = id
    .replace(/[^\w\-=,.[\]@+]/g, '_')
    .replace(/^\./, '_')
    .slice(0, 180);
  return name === id ? id : `${name}-${createHash('sha256').update(id).digest('hex').slice(0, 8)}`;
}

const TAIL_LINES = 20;
const LINE_LENGTH = 300;

/** The log of one attempt, appended to those before. A log that cannot be written never fails the work. */
export class PointLog {
  private readonly lines: string[] = [];
  private readonly stream;

  constructor(
    readonly path: string,
    private readonly redact: (text: string) => string,
    /** Told of every line as it is kept. */
    private readonly onLine: (line: string) => void = () => undefined,
  ) {
    try {
      mkdirSync(dirname(path), { recursive: true });
    } catch {
      // The stream's error says the same.
    }
    this.stream = createWriteStream(path, { flags: 'a' });
    this.stream.on('error', () => undefined);
  }

  write(text: string): void {
    for (const raw of text.split('\n')) {
      const line = this.redact(raw);
      this.lines.push(line.length > LINE_LENGTH ? `${line.slice(0, LINE_LENGTH)}…` : line);
      if (this.lines.length > TAIL_LINES) this.lines.shift();
      this.stream.write(`${new Date().toISOString()} ${line}\n`);
      this.onLine(line);
    }
  }

  /** The last lines, shortened, for messages. */
  tail(): string[] {
    return [...this.lines];
  }

  async close(): Promise<void> {
    this.stream.end();
    await finished(this.stream).catch(() => undefined);
  }
}
