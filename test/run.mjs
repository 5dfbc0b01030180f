// `npm test` after set-up: types and lint (at the same time), then the tests. All run even when one fails, and the last
// line counts them. Arguments go to vitest: `node test/run.mjs test/ml`.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);

/** Runs a package's program; with `capture`, keeps its output instead of showing it. */
function run(name, bin, args, { capture }) {
  const manifest = require.resolve(`${name}/package.json`);
  const began = performance.now();
  const child = spawn(process.execPath, [join(dirname(manifest), bin), ...args], {
    cwd: root,
    stdio: ['ignore', capture ? 'pipe' : 'inherit', capture ? 'pipe' : 'inherit'],
  });
  let output = '';
  child.stdout?.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    output += chunk;
  });
  return new Promise((resolve) => {
    const end = (ok) => resolve({ ok, output, seconds: (performance.now() - began) / 1000 });
    child.on('error', (error) => {
      output += error.message;
      end(false);
    });
    child.on('close', (code) => end(code === 0));
  });
}

function show(name, { ok, output, seconds }) {
  if (!ok) process.stdout.write(`${output.trimEnd()}\n`);
  process.stdout.write(`${ok ? 'passed' : 'FAILED'}  ${name} (${seconds.toFixed(1)} s)\n`);
}

/** Counts of vitest's JSON report. A file that could not even be loaded has no tests: it counts as one failure. */
function count(file) {
  let report;
  try {
    report = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
  const broken = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  ).length;
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

const checks = await Promise.all([
  run('typescript', 'bin/tsc', ['-p', 'tsconfig.json', '--pretty', 'false'], { capture: true }),
  run('@biomejs/biome', 'bin/biome', ['check', '--max-diagnostics=50', '.'], { capture: true }),
]);
const names = ['types', 'lint'];
for (const [index, check] of checks.entries()) show(names[index], check);

const scratch = mkdtempSync(join(tmpdir(), 'plumbline-test-'));
const reportFile = join(scratch, 'report.json');
const vitest = await run(
  'vitest',
  'vitest.mjs',
  [
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${reportFile}`,
    ...process.argv.slice(2),
  ],
  { capture: false },
);
const tests = count(reportFile);
rmSync(scratch, { recursive: true, force: true });

const passed = checks.filter(({ ok }) => ok).length + (tests?.passed ?? 0);
let failed = checks.filter(({ ok }) => !ok).length + (tests?.failed ?? 1);
if (tests && tests.passed + tests.failed === 0) {
  process.stdout.write('FAILED  no test ran\n');
  failed += 1;
} else if (!vitest.ok && tests?.failed === 0) {
  process.stdout.write('FAILED  vitest itself (an error outside of any test, shown above)\n');
  failed += 1;
}
for (const [index, { ok }] of checks.entries())
  if (!ok) process.stdout.write(`FAILED  ${names[index]} (shown above)\n`);
if (tests?.skipped)
  process.stdout.write(`${tests.skipped} skipped: what they need is not on this machine, as each says\n`);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 && vitest.ok ? 0 : 1;
