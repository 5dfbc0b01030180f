import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { validateParameters } from '../../compiler/kinds/validate.ts';
import { createJob } from '../../compute/job.ts';
import type { ActivityBody, LocalArtifact, MaterialisedArtifact } from '../../compute/types.ts';
import { sha256 } from '../../store/digest.ts';
import type { Json, Metric } from '../../store/types.ts';

/** What a step left, as the next one takes it. */
export interface Done {
  artifact(output: string): MaterialisedArtifact;
  value(output: string): Json;
  metrics: Record<string, Metric>;
}

/**
 * The real steps, one after the other in this process: no server, no store, no start of TensorFlow for each. An artifact is
 * the directory that its step wrote, and is called by that directory in place of a digest of what is in it.
 */
export class Steps {
  private count = 0;

  constructor(
    readonly directory: string,
    private readonly seed: number,
    private readonly threads: number,
  ) {}

  /** @throws Error when the parameters are not those of the kind; whatever the body throws */
  async run(kind: string, body: ActivityBody, given: Record<string, unknown>): Promise<Done> {
    const { params, problems } = validateParameters(kind, given as Record<string, Json>);
    if (problems.length > 0) throw new Error(`${kind}: ${JSON.stringify(problems)}`);
    const workDirectory = join(this.directory, `${this.count++}-${kind}`);
    mkdirSync(workDirectory, { recursive: true });
    const { job } = createJob(
      {
        ...{ kind, point: kind, module: '', params, seed: this.seed, threads: this.threads },
        ...{ workDirectory, durableDirectory: workDirectory, cacheDirectory: workDirectory },
        ...{ checkpointEvery: null, segmentUnits: null, resume: null },
      },
      { send: () => undefined, store: async () => undefined, signal: new AbortController().signal },
    );
    const { outputs, metrics } = await body(job);
    return {
      metrics,
      value: (output) => outputs[output] as Json,
      artifact: (output) => {
        const { $local, directory } = outputs[output] as LocalArtifact;
        return { $artifact: $local, digest: sha256(directory), directory };
      },
    };
  }
}
