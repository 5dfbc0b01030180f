import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Store } from '../../store/types.ts';
import { FILES, inWords, type Kill } from './kills.ts';
import type { Accepted, Params, PointOptions, World } from './world.ts';

/** A part of a file. */
const SOME_BYTES = 1000;

/** Does a point whose compute child is killed again and again, with SIGKILL; each attempt goes on from what the last left. */
export async function killedAgainAndAgain(
  world: World,
  kind: string,
  params: Params,
  options: Omit<PointOptions, 'attempt' | 'store'>,
  kills: readonly Kill[],
): Promise<Accepted> {
  for (const [i, kill] of kills.entries()) {
    const killer = new Killer(world, kill);
    const attempt = world.point(kind, params, { ...options, attempt: i + 1, store: killer.store });
    const watching = killer.watch();
    try {
      await attempt;
    } catch (error) {
      if ((error as { type?: string }).type !== 'lost-child' || !killer.killed) throw error;
      continue;
    } finally {
      killer.over = true;
      await watching;
    }
    throw new Error(`${kind} ended before it could be killed (${inWords(kill)})`);
  }
  order(world, null);
  return world.point(kind, params, { ...options, attempt: kills.length + 1 });
}

/** Says what is to happen to the next child. */
export function order(world: World, kill: Kill | null): void {
  for (const name of [FILES.child, FILES.ready]) rmSync(join(world.control, name), { force: true });
  writeFileSync(join(world.control, FILES.kill), JSON.stringify(kill));
}

class Killer {
  killed = false;
  over = false;
  readonly store: Store;

  constructor(
    private readonly world: World,
    private readonly kill: Kill,
  ) {
    order(world, kill);
    this.store = kill.how === 'being stored' ? this.deadlyStore() : world.store;
  }

  /** Until the child is killed or the attempt is over. */
  async watch(): Promise<void> {
    while (!this.over && !this.killed) {
      const ready = this.read<{ fifo?: string }>(FILES.ready);
      if (ready !== null) {
        if (ready.fifo === undefined) this.shoot();
        else await this.shootWriter(ready.fifo);
      }
      await sleep(1);
    }
  }

  private shoot(): void {
    if (this.killed) return;
    const child = this.read<{ pid: number }>(FILES.child);
    if (child === null) throw new Error('the compute child did not say which process it is');
    process.kill(child.pid, 'SIGKILL');
    this.killed = true;
  }

  private read<T>(name: string): T | null {
    const path = join(this.world.control, name);
    return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as T) : null;
  }

  /** The child writes into this pipe; of the tensors some are read, of the rest nothing. The pipe must outlive the child. */
  private async shootWriter(fifo: string): Promise<void> {
    if (this.kill.how !== 'writing tensors') {
      while (!existsSync(join(dirname(fifo), 'state.safetensors')) && !this.over) await sleep(1);
      await sleep(100); // Until it waits for a reader.
      this.shoot();
      return;
    }
    const pipe = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      for (let read = 0; read < SOME_BYTES && !this.over; ) {
        try {
          read += readSync(pipe, Buffer.alloc(SOME_BYTES));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
        }
        await sleep(1);
      }
      if (!this.over) this.shoot();
      await sleep(50);
    } finally {
      closeSync(pipe);
    }
  }

  /** Kills the child as soon as the first file of the checkpoint is to be stored. */
  private deadlyStore(): Store {
    const { store } = this.world;
    return Object.assign(Object.create(store) as Store, {
      disposable: (name: string) => {
        const blobs = store.disposable(name);
        return Object.assign(Object.create(blobs) as typeof blobs, {
          putBlob: (file: string, options?: { consume?: boolean }) => {
            if (file.includes(`${sep}checkpoints${sep}${this.kill.at}${sep}`)) this.shoot();
            return blobs.putBlob(file, options);
          },
        });
      },
    });
  }
}
