import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActivityBody } from '../../compute/types.ts';
import { type Recovery, recover } from '../../ml/probes/evaluation/recovery.ts';
import type { ProbeFile } from '../../ml/probes/types.ts';
import type { ProbeRecoveryParameters } from '../../schemas/generated/parameters.ts';
import type { Metric } from '../../store/types.ts';
import { openLexicon } from '../feedback.ts';
import { aucTable, seedTable, wordTable } from '../recovery-tables.ts';

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as ProbeRecoveryParameters;
  const files = await Promise.all(
    params.probes.map(
      async ({ directory }) => JSON.parse(await readFile(join(directory, 'probe.json'), 'utf8')) as ProbeFile,
    ),
  );
  const given = params.given && (await openLexicon(params.given));
  const recovery = recover(files, {
    ...(params.inputs && { inputs: params.inputs }),
    rewarded: given ? (word) => given.has(word) : null,
    replicates: params.replicates,
    level: params.level,
    onProgress: (share) => job.progress(Math.round(100 * share), 100),
  });
  const tables = {
    table: aucTable(recovery),
    seeds: seedTable(recovery),
    words: wordTable(recovery),
  };
  const outputs = await Promise.all(
    Object.entries(tables).map(async ([name, table]) => {
      const artifact = job.artifact('table', name);
      await writeFile(join(artifact.directory, 'table.json'), `${JSON.stringify(table)}\n`);
      return [name, artifact] as const;
    }),
  );
  return { outputs: Object.fromEntries(outputs), metrics: metricsOf(recovery) };
};

function metricsOf({ aucs, claimed, found, foundFaithful, seeds, words }: Recovery): Record<string, Metric> {
  const rewarded = words.filter((word) => word.rewarded).length;
  return {
    ...Object.fromEntries(aucs.map(({ name, estimate }) => [`auc_${name}`, estimate])),
    ...(claimed && {
      claimed_faithful_rewarded: claimed.rewarded,
      claimed_faithful_unrewarded: claimed.unrewarded,
    }),
    found,
    ...(foundFaithful && { found_faithful: foundFaithful }),
    seeds: { value: seeds.length },
    words: { value: words.length },
    words_rewarded: { value: rewarded },
  };
}
