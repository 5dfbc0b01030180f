// What checks the files to deploy (infra/docker, compose, kubernetes, github-action): hadolint, docker-compose and shellcheck
// from their wheels, Kubernetes' schemas, helm and actionlint built with Go. Tests that miss one are skipped and say so, so
// that the absence of any never stops set-up.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDirectory, demandSpace, provide } from './cache.mjs';
import { run, which } from './command.mjs';
import { lastLines, SetupFailure } from './failure.mjs';
import { bothLocks } from './lock.mjs';
import { host } from './machine.mjs';
import { binaryFromWheel, unzip, wheel } from './python.mjs';
import { readStamp, writeStamp } from './stamps.mjs';
import { CHECKERS, GO_CHECKERS, KUBERNETES, KUBERNETES_SCHEMAS } from './versions.mjs';

const GO_MODULE = fileURLToPath(new URL('../deploy-tools', import.meta.url));
const MEGABYTES = 1500;

/** Every tool, by the cache entry that holds it. */
const ENTRIES = {
  ...Object.fromEntries(
    Object.entries(CHECKERS).flatMap(([name, builds]) =>
      builds[host] ? [[name, `${name}-${builds[host].version}-${host}`]] : [],
    ),
  ),
  'kubernetes-schemas': `kubernetes-schemas-${KUBERNETES}-${KUBERNETES_SCHEMAS.version}`,
  ...Object.fromEntries(
    Object.entries(GO_CHECKERS).map(([name, { version }]) => [name, `${name}-${version}-${host}`]),
  ),
};

/** Whether each tool is in place, or could not be had and Go has not come since. */
export function deployToolsSettled(root) {
  const stamp = readStamp(root, 'deploy-tools');
  if (JSON.stringify(stamp?.wanted) !== JSON.stringify(ENTRIES)) return false;
  const there = Object.values(stamp.tools).every((path) => existsSync(path));
  return there && !(stamp.needGo && which('go'));
}

/** @returns {Promise<string>} one line for the report */
export async function provideDeployTools(root, { lock, doing, packagesReady }) {
  const tools = {};
  const missing = {};
  for (const [name, entry] of Object.entries(ENTRIES)) {
    try {
      const { path } = await provide(
        entry,
        (stage, own) => make(name, stage, { locks: bothLocks(own, lock), doing }),
        (pid) => doing(`waiting for another set-up (process ${pid})`),
      );
      tools[name] = name === 'kubernetes-schemas' ? path : join(path, name);
    } catch (error) {
      if (!(error instanceof SetupFailure) || error.kind === 'disk') throw error;
      missing[name] = error.message;
    }
  }
  await packagesReady; // npm empties node_modules, and with it the stamps
  const needGo = Object.keys(GO_CHECKERS).some((name) => missing[name]) && !which('go');
  writeStamp(root, 'deploy-tools', { tools, missing, needGo, wanted: ENTRIES });
  const reasons = [...new Set(Object.values(missing))].join(' ');
  const names = Object.keys(tools).join(', ');
  return reasons === ''
    ? names
    : `${names || 'none'} (without ${Object.keys(missing).join(', ')}: ${reasons})`;
}

async function make(name, stage, { locks, doing }) {
  if (name in GO_CHECKERS) return await fromGo(name, join(stage, name), { locks, doing });
  doing(`downloading ${name}`);
  if (name !== 'kubernetes-schemas')
    return await binaryFromWheel(CHECKERS[name][host], join(stage, name), locks);
  const { file, discard } = await wheel(KUBERNETES_SCHEMAS, locks);
  const folder = `kubernetes_validate/kubernetes-json-schema/v${KUBERNETES}-local-strict/`;
  await unzip(file, stage, { strip: folder, prefixes: [folder], lock: locks });
  discard();
}

async function fromGo(name, target, { locks, doing }) {
  const go = which('go');
  if (!go)
    throw new SetupFailure('Go, which builds them, is missing.', 'install Go; npm run setup -- --for test');
  await demandSpace(cacheDirectory(), MEGABYTES);
  doing(`building ${name} with Go`);
  const flags = ['-mod=readonly', '-trimpath', '-ldflags=-s -w', '-o', target];
  const { code, output } = await run(go, ['build', '-C', GO_MODULE, ...flags, GO_CHECKERS[name].main], {
    lock: locks,
  });
  if (code !== 0)
    throw new SetupFailure(`Go could not build ${name}.`, 'npm run setup -- --for test', {
      detail: lastLines(output, 4),
    });
}
