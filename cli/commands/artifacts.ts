import pc from 'picocolors';
import { readManifest } from '../../store/artifacts.ts';
import { isArtifactRef } from '../../store/results.ts';
import type { PointRecord } from '../../store/types.ts';
import { verifyStore } from '../../store/verify.ts';
import { findResult, outputArtifacts, recordsOf } from '../results.ts';
import { openStoreOnly } from '../session.ts';

export interface ListOptions {
  /** Only what this run uses. */
  run?: string;
  json?: boolean;
}

/** `plumb artifacts list`: every result of the store, with the artifacts that it names. */
export async function listArtifacts({ run, json = false }: ListOptions = {}): Promise<number> {
  const { store } = openStoreOnly();
  const records = await recordsOf(store, run);
  if (json) process.stdout.write(`${JSON.stringify(records, null, 2)}\n`);
  for (const record of json ? [] : records) {
    const artifacts = outputArtifacts(record).map(
      ([name, ref]) => `${name}=${ref.$artifact}:${ref.digest.slice(0, 12)}`,
    );
    process.stdout.write(
      `${record.key.slice(0, 12)}  ${record.kind.padEnd(20)} ${record.run.point.padEnd(32)} ${pc.dim(artifacts.join(' '))}\n`,
    );
  }
  return 0;
}

/** `plumb artifacts show WHAT`: a result or artifact by (the beginning of) its key or digest, or a point by its id. */
export async function showArtifact(what: string): Promise<number> {
  const { store } = openStoreOnly();
  const records = await recordsOf(store, undefined);
  const record = findResult(records, what);
  const lines = [
    pc.bold(`${record.run.point}  ${record.kind} version ${record.kindVersion}`),
    `key        ${record.key}`,
    `made by    ${record.run.id}, ${record.finishedAt}, ${record.seconds.toFixed(1)} s in ${record.attempts} attempt${record.attempts === 1 ? '' : 's'}${record.dollars > 0 ? `, $${record.dollars.toFixed(2)}` : ''}`,
    `seed       ${record.seed ?? 'none'}`,
    'parameters',
    ...indented(JSON.stringify(record.params, null, 2)),
    'made from',
    ...lineage(record, records),
    'metrics',
    ...Object.entries(record.metrics).map(([name, { value, ci_low, ci_high }]) => {
      const interval = ci_low === undefined ? '' : `  [${ci_low}, ${ci_high}]`;
      return `  ${name} = ${value}${interval}`;
    }),
    'outputs',
  ];
  for (const [name, value] of Object.entries(record.outputs)) {
    if (!isArtifactRef(value)) lines.push(`  ${name} = ${JSON.stringify(value)}`);
  }
  for (const [name, ref] of outputArtifacts(record)) {
    lines.push(`  ${name}: ${ref.$artifact} ${ref.digest}`);
    const { files } = await readManifest(store, ref);
    for (const [path, { size, sha256 }] of Object.entries(files)) {
      lines.push(pc.dim(`    ${path}  ${size} bytes  ${sha256.slice(0, 12)}`));
    }
  }
  process.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}

/** `plumb artifacts verify`: reads every byte of the store, or of what a run uses. @returns 1 when anything is missing or damaged */
export async function verifyArtifacts({ run }: { run?: string } = {}): Promise<number> {
  const { store } = openStoreOnly();
  const keys = run === undefined ? null : (await recordsOf(store, run)).map(({ key }) => key);
  const checked = { results: 0, artifacts: 0, blobs: 0 };
  let bad = 0;
  for await (const found of verifyStore(store, keys)) {
    if (found.state === 'ok') checked[found.of] += 1;
    else {
      bad += 1;
      process.stdout.write(`${pc.red(found.state)}  ${found.what}\n`);
    }
  }
  const { results, artifacts, blobs } = checked;
  const others = run === undefined ? `, ${blobs} other files` : '';
  const text = `${artifacts} artifacts of ${results} results${others}: ${bad === 0 ? 'all whole' : `${bad} not whole`}`;
  process.stdout.write(`${bad === 0 ? pc.green(text) : pc.red(text)}\n`);
  if (bad > 0) process.stdout.write('What is not whole is computed again by the next run that needs it.\n');
  return bad === 0 ? 0 : 1;
}

/** The results whose artifacts the parameters name, and theirs. */
function lineage(record: PointRecord, all: PointRecord[], depth = 1, seen = new Set<string>()): string[] {
  return digestsIn(record.params).flatMap((digest) => {
    const maker = all.find((other) => outputArtifacts(other).some(([, ref]) => ref.digest === digest));
    const name = maker
      ? `${maker.run.point}  ${pc.dim(`${maker.kind} ${maker.key.slice(0, 12)}`)}`
      : digest.slice(0, 12);
    if (maker === undefined || seen.has(maker.key)) return [`${'  '.repeat(depth)}${name}`];
    seen.add(maker.key);
    return [`${'  '.repeat(depth)}${name}`, ...lineage(maker, all, depth + 1, seen)];
  });
}

function digestsIn(value: unknown): string[] {
  if (isArtifactRef(value)) return [value.digest];
  if (typeof value !== 'object' || value === null) return [];
  return [...new Set(Object.values(value).flatMap(digestsIn))];
}

function indented(text: string): string[] {
  return text.split('\n').map((line) => `  ${line}`);
}
