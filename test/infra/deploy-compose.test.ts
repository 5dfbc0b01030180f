import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { settingsFromEnvironment } from '../../worker/settings.ts';
import { deployTool, INFRA, runTool } from './deploy-tools.ts';
import { scratchDirectory } from './scratch-project.ts';

const COMPOSE = join(INFRA, 'compose');
const compose = deployTool('docker-compose');

interface Service {
  image: string;
  command: string[] | null;
  environment?: Record<string, string>;
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: object;
  ports?: { host_ip?: string; published: string; target: number }[];
  stop_grace_period?: string;
  user?: string;
  read_only?: boolean;
  cap_drop?: string[];
  volumes?: { type: string; source: string }[];
  build?: { target: string };
  deploy?: { resources?: { reservations?: { devices?: object[] } } };
}

/** The folder as a person has it who copied the example and changed nothing. */
function folder(env = readFileSync(join(COMPOSE, 'env.example'), 'utf8')): string {
  const path = join(scratchDirectory(), 'infra', 'compose');
  cpSync(COMPOSE, path, { recursive: true });
  writeFileSync(join(path, '.env'), env);
  return path;
}

/** docker-compose's own reading of the file: its schema, its interpolation, its checks. */
function configured(cwd: string, profiles: string[] = []) {
  const args = [...profiles.flatMap((name) => ['--profile', name]), 'config', '--format', 'json'];
  return runTool(compose!, args, { cwd, env: { PATH: process.env['PATH'], HOME: cwd } });
}

function services(profiles: string[] = []): Record<string, Service> {
  const { code, stdout, stderr } = configured(folder(), profiles);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return (JSON.parse(stdout) as { services: Record<string, Service> }).services;
}

test.skipIf(!compose)(
  'docker compose takes the file; images are versions, ports are open to this host only',
  () => {
    const all = services(['gpu']);
    expect(Object.keys(all).sort()).toEqual([
      'gpu-worker',
      'namespace',
      'postgresql',
      'schema',
      'store',
      'temporal',
      'ui',
      'worker',
    ]);
    for (const [name, { image, ports = [] }] of Object.entries(all)) {
      expect(image, name).toMatch(/:v?\d+\.\d+(\.\d+)?(-\w+)?$/);
      for (const { host_ip } of ports) expect(host_ip, name).toBe('127.0.0.1');
    }
    const [server, tools] = [all['temporal'], all['schema']].map((each) => each?.image.split(':')[1]);
    expect(server).toBe(tools);
    expect(Object.keys(services())).not.toContain('gpu-worker');
  },
);

test.skipIf(!compose)('each service waits until what it needs works', () => {
  const all = services();
  for (const [name, { depends_on = {} }] of Object.entries(all)) {
    for (const [needed, { condition }] of Object.entries(depends_on)) {
      const ends = ['schema', 'namespace'].includes(needed);
      expect(condition, `${name} ${needed}`).toBe(
        ends ? 'service_completed_successfully' : 'service_healthy',
      );
      if (!ends) expect(all[needed]?.healthcheck, needed).toBeDefined();
    }
  }
  expect(Object.keys(all['worker']?.depends_on ?? {}).sort()).toEqual(['namespace', 'store']);
});

test.skipIf(!compose)('workers may do little, and have the time to save checkpoints', () => {
  for (const name of ['worker', 'gpu-worker']) {
    const worker = services(['gpu'])[name]!;
    expect(worker.read_only).toBe(true);
    expect(worker.cap_drop).toEqual(['ALL']);
    expect(worker.stop_grace_period).toBe('1m30s');
    expect(worker.volumes?.filter(({ type }) => type === 'bind') ?? []).toEqual([]);
  }
  expect(services(['gpu'])['gpu-worker']?.deploy?.resources?.reservations?.devices).toEqual([
    { driver: 'nvidia', count: 1, capabilities: ['gpu'] },
  ]);
});

test.skipIf(!compose)('without passwords nothing starts, and the message says what to do', () => {
  const { code, stderr } = configured(folder('POSTGRES_PASSWORD=x\n'));
  expect(code).not.toBe(0);
  expect(stderr).toContain('copy env.example to .env');
});

test.skipIf(!compose)('what client.sh sets is the same store and namespace, by addresses of the host', () => {
  const cwd = folder(
    'POSTGRES_PASSWORD=p\nSTORE_ACCESS_KEY=a\nSTORE_SECRET_KEY=s\nSTORE_BUCKET=results\nTEMPORAL_PORT=17233\n',
  );
  const { stdout } = configured(cwd);
  const all = (JSON.parse(stdout) as { services: Record<string, Service> }).services;
  const sourced = runTool('sh', ['-ec', '. ./client.sh; env -0'], {
    cwd,
    env: { PATH: process.env['PATH'] },
  });
  expect(sourced.stderr).toBe('');
  const client = Object.fromEntries(
    sourced.stdout
      .split('\0')
      .filter(Boolean)
      .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  );
  const worker = all['worker']?.environment ?? {};
  const here = settingsFromEnvironment(client, cwd);
  const there = settingsFromEnvironment(worker, cwd);
  expect(here.temporal).toEqual({ address: '127.0.0.1:17233', namespace: 'plumbline' });
  expect(there.temporal).toEqual({ address: 'temporal:7233', namespace: 'plumbline' });
  expect(all['temporal']?.ports?.[0]).toMatchObject({ published: '17233', target: 7233 });
  expect(client['PLUMBLINE_STORE']).toBe('s3://results');
  expect(worker['PLUMBLINE_STORE']).toBe('s3://results');
  expect(all['store']?.environment).toMatchObject({
    BUCKET: 'results',
    ROOT_ACCESS_KEY_ID: client['AWS_ACCESS_KEY_ID'],
    ROOT_SECRET_ACCESS_KEY: worker['AWS_SECRET_ACCESS_KEY'],
  });
});

/** A program that writes its arguments to `calls`, and ends as `then` (shell) says. */
function fake(name: string, then: string): { path: string; calls(): string[] } {
  const cwd = scratchDirectory();
  mkdirSync(join(cwd, 'bin'));
  const program = join(cwd, 'bin', name);
  writeFileSync(program, `#!/bin/sh\necho "$*" >> ${cwd}/calls\n${then.replaceAll('@', cwd)}\n`);
  chmodSync(program, 0o755);
  return {
    path: join(cwd, 'bin'),
    calls: () => readFileSync(join(cwd, 'calls'), 'utf8').trim().split('\n'),
  };
}

test('the schema is made and brought up to date for both databases, and a failure stops', () => {
  const tool = fake('temporal-sql-tool', 'exit 0');
  const env = { PATH: `${tool.path}:${process.env['PATH']}`, SCHEMAS: '/schemas' };
  expect(runTool('sh', [join(COMPOSE, 'temporal-schema.sh')], { env }).code).toBe(0);
  expect(tool.calls()).toEqual([
    '--database temporal create-database',
    '--database temporal setup-schema --version 0.0',
    '--database temporal update-schema --schema-dir /schemas/postgresql/v12/temporal/versioned',
    '--database temporal_visibility create-database',
    '--database temporal_visibility setup-schema --version 0.0',
    '--database temporal_visibility update-schema --schema-dir /schemas/postgresql/v12/visibility/versioned',
  ]);
  const broken = fake('temporal-sql-tool', 'exit 3');
  const failed = runTool('sh', [join(COMPOSE, 'temporal-schema.sh')], {
    env: { PATH: `${broken.path}:${process.env['PATH']}` },
  });
  expect(failed.code).toBe(3);
  expect(broken.calls()).toHaveLength(1);
});

test('the namespace is made once the server answers, and left as it is when it is there', () => {
  const env = { TEMPORAL_ADDRESS: 't:7233', TEMPORAL_NAMESPACE: 'plumbline', RETENTION: '30d' };
  const script = join(COMPOSE, 'temporal-namespace.sh');
  // Not there; the first try to make it meets a server that does not answer yet.
  const starting = fake(
    'temporal',
    'case "$*" in\n*describe*) exit 1 ;;\n*create*) [ -e @/tried ] || { touch @/tried; exit 1; } ;;\nesac',
  );
  const made = runTool('sh', [script], {
    env: { ...env, PATH: `${starting.path}:${process.env['PATH']}` },
  });
  expect(made.code).toBe(0);
  const create = 'operator namespace create --namespace plumbline --retention 30d';
  expect(starting.calls().filter((call) => call === create)).toHaveLength(2);
  expect(starting.calls().at(-1)).toBe('workflow list --namespace plumbline --limit 1');
  const there = fake('temporal', 'exit 0');
  expect(
    runTool('sh', [script], { env: { ...env, PATH: `${there.path}:${process.env['PATH']}` } }).code,
  ).toBe(0);
  expect(there.calls().filter((call) => call.includes('create'))).toEqual([]);
});
