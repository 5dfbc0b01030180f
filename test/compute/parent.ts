import { computeEnvironment } from '../../compute/environment.ts';
import { superviseChild } from '../../compute/supervise.ts';

/** A process whose only work is to supervise one child: `parent.js CHILD BODY ACT DIRECTORY`. */
const [entry = '', module = '', act, directory = ''] = process.argv.slice(2);

await superviseChild({
  entry,
  job: {
    kind: 'test.act',
    point: 'orphan',
    module,
    params: { act },
    seed: 0,
    workDirectory: directory,
    durableDirectory: directory,
    cacheDirectory: directory,
    threads: 1,
    checkpointEvery: null,
    segmentUnits: null,
    resume: null,
  },
  environment: computeEnvironment({ threads: 1, temporaryDirectory: directory, secrets: {} }),
  stallSeconds: 600,
  graceSeconds: 60,
  signal: new AbortController().signal,
  stopReason: () => 'cancelled',
  onProgress: () => process.stdout.write('working\n'),
  onLog: (line) => process.stderr.write(`${line}\n`),
  onCheckpoint: async () => undefined,
});
