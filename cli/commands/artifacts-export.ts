import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ArtifactCache } from '../../store/artifacts.ts';
import type { ArtifactRef, ArtifactType, PointRecord } from '../../store/types.ts';
import { UserError } from '../errors.ts';
import { EXPORTERS, type ExportFormat } from '../export/exporters.ts';
import { findResult, outputArtifacts, recordsOf } from '../results.ts';
import { openStoreOnly } from '../session.ts';

export interface ExportOptions {
  to: ExportFormat;
  /** Only what this run uses. */
  run?: string;
}

/** `plumb artifacts export WHAT --to FORMAT DIRECTORY`. The directory appears whole or not at all. */
export async function exportArtifact(
  what: string,
  directory: string,
  { to, run }: ExportOptions,
): Promise<number> {
  const { store } = openStoreOnly();
  const exporter = EXPORTERS[to];
  const record = resultOf(await recordsOf(store, run), what);
  const artifact = artifactOf(record, what, exporter.artifacts, to);
  const target = resolve(directory);
  const present = await readdir(target).catch(() => null);
  if (present !== null && present.length > 0)
    throw new UserError(`${directory} is there and not empty.`, 'Name a new directory.');
  await mkdir(dirname(target), { recursive: true });
  const stage = await mkdtemp(join(dirname(target), `.${basename(target)}-`));
  try {
    const source = await new ArtifactCache(store, stage).materialise(artifact);
    const written = join(stage, 'written');
    await mkdir(written);
    await exporter.write(source, written);
    // Over an empty directory, too.
    await rename(written, target);
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
  process.stdout.write(
    `${directory}: ${record.run.point} (${artifact.digest.slice(0, 12)}), for ${exporter.loads(directory, artifact.$artifact)}\n`,
  );
  return 0;
}

/** A result by point, key or digest; or by its step, where that has one point. */
function resultOf(records: PointRecord[], what: string): PointRecord {
  const ofStep = records.filter(({ run }) => run.step === what && run.point !== what);
  const points = [...new Set(ofStep.map(({ run }) => run.point))];
  if (points.length > 1)
    throw new UserError(
      `The step ${what} has ${points.length} points: ${points.slice(0, 5).join(', ')}${points.length > 5 ? ' ...' : ''}`,
      'Name one of them, in quotes.',
    );
  return ofStep.at(-1) ?? findResult(records, what);
}

function artifactOf(
  record: PointRecord,
  what: string,
  types: readonly ArtifactType[],
  format: string,
): ArtifactRef {
  const type = types.join(' or ');
  const all = outputArtifacts(record);
  const named = all.filter(([, { digest }]) => digest.startsWith(what));
  const fitting = (named.length > 0 ? named : all).filter(([, { $artifact }]) => types.includes($artifact));
  const [first] = fitting;
  if (first === undefined)
    throw new UserError(
      `${record.run.point} has no ${type} to export to ${format}: it made ${(named.length > 0 ? named : all).map(([name, ref]) => `${name} (${ref.$artifact})`).join(', ') || 'no artifact'}.`,
      `\`plumb artifacts list\` shows which results have a ${type}.`,
    );
  if (fitting.length > 1)
    throw new UserError(
      `${record.run.point} has ${fitting.length} artifacts of type ${type}.`,
      `Name one by its digest: ${fitting.map(([name, { digest }]) => `${name} is ${digest.slice(0, 12)}`).join(', ')}`,
    );
  return first[1];
}
