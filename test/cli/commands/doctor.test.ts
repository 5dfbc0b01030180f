import { chmodSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { doctor } from '../../../cli/commands/doctor.ts';
import { engineFinding } from '../../../cli/doctor/engine.ts';
import type { Finding } from '../../../cli/doctor/finding.ts';
import { nodeFinding } from '../../../cli/doctor/node.ts';
import { storeFinding } from '../../../cli/doctor/store.ts';
import { temporalFinding } from '../../../cli/doctor/temporal.ts';
import { scratchDirectory, write } from '../../infra/scratch-project.ts';

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

/** What the command prints, and its exit code. */
async function run(args: { json?: boolean; store?: string }): Promise<{ code: number; text: string }> {
  let text = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += chunk;
    return true;
  });
  const code = await doctor(args);
  vi.restoreAllMocks();
  return { code, text };
}

test('a machine that was set up is ready, and every part is reported with its facts', async () => {
  const { code, text } = await run({ json: true, store: join(scratchDirectory(), 'store') });
  const { ok, findings } = JSON.parse(text) as { ok: boolean; findings: Finding[] };
  const byName = Object.fromEntries(findings.map((finding) => [finding.name, finding]));
  expect(Object.keys(byName)).toEqual(['Node', 'engine', 'GPU', 'Temporal', 'store', 'memory', 'huge pages']);
  expect(findings.filter(({ status }) => status === 'error')).toEqual([]);
  expect([ok, code]).toEqual([true, 0]);
  expect(byName['Node']?.facts['version']).toBe(process.versions.node);
  if (byName['engine']?.facts['backend'] === 'tensorflow') {
    expect(byName['engine'].facts['version']).toMatch(/^2\.\d+\.\d+/);
    expect(byName['engine'].facts['threads']).toBeGreaterThan(0);
  }
  expect(byName['store']?.facts['free_bytes']).toBeGreaterThan(0);
  expect(byName['memory']?.facts['available_bytes']).toBeGreaterThan(0);
});

test('the text has a line for each part, and for each problem what mends it', async () => {
  vi.stubEnv('TEMPORAL_ADDRESS', '127.0.0.1:9');
  const { code, text } = await run({ store: scratchDirectory() });
  expect(code).toBe(1);
  expect(text).toMatch(
    /^problem +Temporal +the server at 127\.0\.0\.1:9 \(TEMPORAL_ADDRESS\) does not answer/m,
  );
  expect(text).toMatch(/to mend it: start it or correct the address/);
  expect(text).toMatch(/1 problem, \d+ warnings?\n$/);
});

test.each([
  ['20.2.9', 'error'],
  ['20.3.0', 'ok'],
  ['22.22.1', 'ok'],
  ['23.0.0', 'error'],
])('Node %s: %s', (version, status) => {
  expect(nodeFinding(version).status).toBe(status);
});

test('a folder where set-up has not run is told so', async () => {
  vi.stubEnv('TEMPORAL_ADDRESS', undefined);
  const finding = await temporalFinding(scratchDirectory());
  expect(finding).toMatchObject({ status: 'error', mend: expect.stringContaining('npm run setup') });
});

test('an engine that crashes when it loads is a problem, not a crash of doctor', async () => {
  const root = scratchDirectory();
  write(join(root, 'infra/setup/tensorflow-check.cjs'), "process.kill(process.pid, 'SIGSEGV')");
  const finding = await engineFinding(root);
  if (finding.facts['backend'] === 'wasm') return;
  expect(finding).toMatchObject({ status: 'error', text: expect.stringContaining('does not load') });
  expect(finding.mend).toContain('npm run setup');
});

test.skipIf(process.getuid?.() === 0)(
  'a store that may not be written is a problem (not as root)',
  async () => {
    const folder = join(scratchDirectory(), 'locked');
    mkdirSync(folder);
    chmodSync(folder, 0o555);
    expect(await storeFinding(join(folder, 'store'))).toMatchObject({
      status: 'error',
      mend: expect.stringContaining(folder),
    });
  },
);

test('a store that is not there yet is judged by the nearest folder that is, and not made', async () => {
  const folder = scratchDirectory();
  const finding = await storeFinding(join(folder, 'a', 'b'));
  expect(finding).toMatchObject({ facts: { exists: false, path: join(folder, 'a', 'b') } });
  expect(finding.text).toContain('made by the first run');
  expect(readdirSync(folder)).toEqual([]);
});
