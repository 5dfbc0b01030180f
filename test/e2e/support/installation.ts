import { type ChildProcess, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { PointRecord } from '../../../store/types.ts';
import { embeddedLayout } from '../../../worker/embedded/layout.ts';
import { findProcesses, isAlive } from '../../../worker/embedded/processes.ts';
import { findServer } from '../../../worker/embedded/server.ts';
import { findWorker } from '../../../worker/embedded/worker.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');

/** The build of these sources, in a place of its own: what is built meanwhile does not touch a test that runs. */
export class Installation {
  private constructor(readonly root: string) {}

  static async make(): Promise<Installation> {
    const { build } = (await import(pathToFileURL(join(ROOT, 'infra/setup/build.mjs')).href)) as {
      build(root: string): Promise<unknown>;
    };
    await build(ROOT);
    const root = mkdtempSync(join(tmpdir(), 'plumbline-e2e-'));
    cpSync(join(ROOT, 'dist'), join(root, 'dist'), { recursive: true });
    for (const name of ['package.json', 'node_modules', 'schemas', 'ml', 'report', 'specs']) {
      symlinkSync(join(ROOT, name), join(root, name));
    }
    return new Installation(root);
  }

  /** An empty directory to run experiments in. */
  project(name: string): Project {
    const directory = join(this.root, 'projects', name);
    mkdirSync(directory, { recursive: true });
    return new Project(directory, join(this.root, 'dist', 'cli', 'main.cjs'));
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

export interface Finished {
  code: number | null;
  output: string;
  seconds: number;
}

/** A directory with a `.plumb` of its own, and the processes that work for it. */
export class Project {
  private readonly layout;

  constructor(
    readonly directory: string,
    private readonly cli: string,
  ) {
    this.layout = embeddedLayout(join(directory, '.plumb'));
  }

  start(args: string[], more: Record<string, string> = {}): { child: ChildProcess; done: Promise<Finished> } {
    const began = performance.now();
    const { TEMPORAL_ADDRESS: _address, ...env } = process.env;
    const child = spawn(process.execPath, [this.cli, ...args], {
      cwd: this.directory,
      // A dead worker is noticed sooner than usual, or the test would mostly wait.
      env: { ...env, PLUMBLINE_HEARTBEAT_SECONDS: '5', ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const gather = (chunk: Buffer) => {
      output += chunk;
    };
    child.stdout.on('data', gather);
    child.stderr.on('data', gather);
    const done = new Promise<Finished>((resolve) => {
      child.on('close', (code) => resolve({ code, output, seconds: (performance.now() - began) / 1000 }));
    });
    return { child, done };
  }

  plumb(...args: string[]): Promise<Finished> {
    return this.start(args).done;
  }

  /** Process ids of the parts that work for this project now. */
  get processes(): { server: number[]; worker: number[]; children: number[] } {
    const worker = findWorker(this.layout)?.process.pid;
    return {
      server: [findServer(this.layout)?.pid].filter((pid) => pid !== undefined),
      worker: worker === undefined ? [] : [worker],
      // A compute child is told its worker's process id.
      children:
        worker === undefined
          ? []
          : findProcesses(
              (args) => args[1]?.endsWith('compute/child.js') === true && parentOf(args) === worker,
            ).map(({ pid }) => pid),
    };
  }

  get serverPort(): number | null {
    const address = findServer(this.layout)?.address;
    return address === undefined ? null : Number(address.split(':')[1]);
  }

  /** Results by key, as `plumb artifacts list --json` gives them. */
  async results(run: string): Promise<Map<string, PointRecord>> {
    const { output } = await this.plumb('artifacts', 'list', '--run', run, '--json');
    return new Map((JSON.parse(output) as PointRecord[]).map((record) => [record.key, record]));
  }

  /** The logs of all points of all runs, by point. */
  logs(): Map<string, string> {
    const folder = join(this.directory, '.plumb', 'logs');
    if (!existsSync(folder)) return new Map();
    const runs = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return new Map(
      runs.flatMap(({ name }) =>
        readdirSync(join(folder, name)).map((file): [string, string] => [
          file.replace(/\.log$/, ''),
          readFileSync(join(folder, name, file), 'utf8'),
        ]),
      ),
    );
  }

  async close(): Promise<void> {
    await this.plumb('down');
    const left = this.processes;
    for (const pid of Object.values(left).flat()) kill(pid);
  }
}

const parentOf = (args: string[]): number => Number(args[2]);

/** SIGKILL, and until it is gone. */
export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    return;
  }
  for (let looks = 0; isAlive(pid) && looks < 1e6; looks++);
}
