import { plainLines, type Seen } from './plain.ts';
import type { Snapshot } from './snapshot.ts';
import { stageLines } from './stages.ts';

/** Where the progress of a run is shown. */
export interface Display {
  show(snapshot: Snapshot): void;
  /** A sentence that stays, such as that the server was restarted. */
  say(line: string): void;
  /** Leaves the terminal as it should be. */
  close(): void;
}

export function display(out: NodeJS.WriteStream): Display {
  return out.isTTY && process.env['TERM'] !== 'dumb' ? new LiveDisplay(out) : new PlainDisplay(out);
}

/** Redraws one line a stage in place. */
class LiveDisplay implements Display {
  private drawn = 0;
  private lines: string[] = [];

  constructor(private readonly out: NodeJS.WriteStream) {}

  show(snapshot: Snapshot): void {
    this.lines = stageLines(snapshot, this.out.columns ?? 80);
    this.draw();
  }

  say(line: string): void {
    this.erase();
    this.out.write(`${line}\n`);
    this.draw();
  }

  close(): void {
    this.draw();
    this.drawn = 0;
    this.lines = [];
  }

  private draw(): void {
    this.erase();
    this.out.write(this.lines.map((line) => `${line}\n`).join(''));
    this.drawn = this.lines.length;
  }

  private erase(): void {
    if (this.drawn > 0) this.out.write(`\r\u001b[${this.drawn}A\u001b[J`);
    this.drawn = 0;
  }
}

/** A line for each point that starts or ends: for logs. */
class PlainDisplay implements Display {
  private readonly seen: Seen = { started: new Map(), decided: new Set(), spokenAt: 0 };

  constructor(private readonly out: NodeJS.WriteStream) {}

  show(snapshot: Snapshot): void {
    for (const line of plainLines(snapshot, this.seen)) this.say(line);
  }

  say(line: string): void {
    this.out.write(`${line}\n`);
  }

  close(): void {
    // Nothing to put right: lines are only added.
  }
}
