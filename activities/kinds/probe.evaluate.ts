import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ActivityBody, MaterialisedArtifact } from '../../compute/types.ts';
import { evaluateProbes } from '../../ml/probes/evaluation/evaluate.ts';
import { gapTable, missingControls } from '../../ml/probes/evaluation/gap-table.ts';
import { measureTable } from '../../ml/probes/evaluation/measure-table.ts';
import { probeMetrics } from '../../ml/probes/evaluation/metrics.ts';
import { reliabilityTable } from '../../ml/probes/evaluation/reliability-table.ts';
import { mainTable, predictionTable } from '../../ml/probes/evaluation/tables.ts';
import type { ProbeFile } from '../../ml/probes/types.ts';
import type { ProbeEvaluateParameters } from '../../schemas/generated/parameters.ts';
import type { Table } from '../../store/table.ts';

export const run: ActivityBody = async (job) => {
  const params = job.params as unknown as ProbeEvaluateParameters;
  const files = await Promise.all(params.probes.map(readProbe));
  const { replicates, level } = params;
  const evaluation = evaluateProbes(files, {
    replicates,
    level,
    onProgress: (share) => job.progress(Math.round(100 * share), 100),
  });
  const metrics = probeMetrics(evaluation);
  if (!metrics.tau_tuned) {
    job.log(
      'There is no corrected ridge probe of role `tuned`: its metrics are missing, the table has the others.',
    );
  }
  const missing = missingControls(evaluation);
  if (missing.length > 0) job.log(`The corrected probes are not compared with: ${missing.join(', ')}.`);
  const tables: Record<string, Table> = {
    table: mainTable(evaluation, params['bug-compatible']),
    gaps: gapTable(evaluation),
    measures: measureTable(evaluation),
    reliability: reliabilityTable(evaluation),
    predictions: predictionTable(evaluation),
  };
  const outputs = await Promise.all(
    Object.entries(tables).map(async ([name, table]) => {
      const artifact = job.artifact('table', name);
      await writeFile(join(artifact.directory, 'table.json'), `${JSON.stringify(table)}\n`);
      return [name, artifact] as const;
    }),
  );
  return { outputs: Object.fromEntries(outputs), metrics };
};

async function readProbe({ directory }: MaterialisedArtifact): Promise<ProbeFile> {
  return JSON.parse(await readFile(join(directory, 'probe.json'), 'utf8')) as ProbeFile;
}
