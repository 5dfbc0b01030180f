import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KINDS } from '../compiler/kinds/registry.ts';
import type { KindDefinition } from '../compiler/kinds/types.ts';
import { outsideKey } from '../compiler/passes/outside-key.ts';
import { keyedParams } from '../compiler/plan/key.ts';
import { differenceOf, freeParameters, lengthsOf } from '../compiler/training-state.ts';
import { CHECKPOINT_FORMAT, writeCheckpoint } from '../compute/checkpoint-files.ts';
import {
  ComputeError,
  type Job,
  type LocalArtifact,
  type LoopOptions,
  type MaterialisedArtifact,
} from '../compute/types.ts';
import { schemas } from '../schemas/generated/schemas.js';
import { canonicalJson } from '../store/canonical.ts';
import type { Json } from '../store/types.ts';

/** `training.json` of a `training-state`: whose state it is. Beside it lies a checkpoint, as the loop writes it. */
export interface TrainingStateFile {
  /** Of the checkpoint. */
  format: number;
  kind: string;
  version: number;
  seed: number;
  /** Steps done. */
  step: number;
  /** What a training must have in common with this one to go on from it: all that is in a key but `freeParameters`. */
  parameters: Record<string, Json>;
}

const FILE = 'training.json';

/**
 * `job.loop` for kinds with `continue` and `keep-state`: begins where the given training ended, and keeps the last state.
 *
 * @returns the output `state`, where it is asked for
 * @throws ComputeError bad-state, bad-parameter
 */
export async function trainingLoop(job: Job, options: LoopOptions): Promise<{ state?: LocalArtifact }> {
  const { directory } = (job.params.continue ?? {}) as Partial<MaterialisedArtifact>;
  const start = directory !== undefined && {
    step: await stepToStartAt(job, directory, options.total),
    directory,
  };
  const step = await job.loop({ ...options, ...(start && { start }) });
  if (job.params['keep-state'] !== true) return {};
  const state = job.artifact('training-state', 'state');
  await writeCheckpoint(state.directory, step, await options.save());
  const file = `${canonicalJson({ ...identityOf(job), step } satisfies TrainingStateFile as unknown as Json)}\n`;
  await writeFile(join(state.directory, FILE), file);
  return { state };
}

function identityOf(job: Job): Omit<TrainingStateFile, 'step'> {
  const definition = definitionOf(job);
  const { kind, seed } = job;
  const params = job.params as Record<string, Json>;
  const outside = outsideKey(params, schemas.kinds[kind] ?? {}, null);
  const notInKey = [...(definition.notInKey ?? []), ...outside, ...freeParameters(definition)];
  const parameters = keyedParams(params, notInKey);
  return { format: CHECKPOINT_FORMAT, kind, version: definition.version, seed, parameters };
}

function definitionOf({ kind }: Job): KindDefinition {
  const definition = KINDS.get(kind);
  if (!definition) throw new Error(`There is no kind ${kind}`);
  return definition;
}

/** Checks that the state in a directory is one that this training can go on from. */
async function stepToStartAt(job: Job, directory: string, total: number): Promise<number> {
  const theirs = JSON.parse(await readFile(join(directory, FILE), 'utf8')) as TrainingStateFile;
  const ours = identityOf(job);
  if (theirs.kind !== ours.kind)
    throw badState(
      `a training with ${theirs.kind}; ${ours.kind} cannot go on from it`,
      'Give a `state` of the same kind of step.',
    );
  if (theirs.version !== ours.version || theirs.format !== ours.format)
    throw badState(
      `a training with another version of ${ours.kind} (${theirs.version}, format ${theirs.format}; here ${ours.version}, format ${ours.format})`,
      'Run the step that it comes from again, with this version.',
    );
  if (theirs.seed !== ours.seed)
    throw badState(
      `a training with the seed ${theirs.seed}; here it is ${ours.seed}`,
      'Give the `state` that the same seed made.',
    );
  const definition = definitionOf(job);
  const other = differenceOf(theirs.parameters, ours.parameters, definition);
  if (other) throw new ComputeError('bad-state', other.message, { hint: other.hint });
  if (total > theirs.step) return theirs.step;
  throw new ComputeError(
    'bad-parameter',
    `\`continue\` is a training of ${theirs.step} steps; this one has ${total} in all, which leaves nothing to do.`,
    {
      hint: `Raise ${lengthsOf(definition)}: steps count from the beginning of the training that is continued.`,
    },
  );
}

const badState = (what: string, hint: string) =>
  new ComputeError('bad-state', `\`continue\` is the state of ${what}.`, { hint });
