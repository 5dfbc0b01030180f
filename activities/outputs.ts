import { join } from 'node:path';
import type { KindDefinition, ValueType } from '../compiler/kinds/types.ts';
import { isLocalArtifact } from '../compute/protocol.ts';
import { type BodyResult, ComputeError, type LocalArtifact } from '../compute/types.ts';
import { filesBelow, putArtifact } from '../store/artifacts.ts';
import type { ArtifactRef, Json, PointOutputs, Store } from '../store/types.ts';
import type { Redactor } from './secrets.ts';

/** Results travel through payloads and histories, which have limits: data belongs into artifacts. */
const MOST_BYTES = 200_000;

export interface KeepOptions {
  kind: KindDefinition;
  params: Readonly<Record<string, unknown>>;
  store: Store;
  redactor: Redactor;
  /** Names what made the artifacts. */
  from: string;
  onFile: () => void;
}

/** Checks a body's result against what its kind declares, and stores its artifacts. */
export async function keepOutputs(result: BodyResult, options: KeepOptions): Promise<PointOutputs> {
  const { kind, redactor } = options;
  checkDeclared(result, kind, options.params);
  const outputs: PointOutputs['outputs'] = {};
  for (const [name, value] of Object.entries(result.outputs)) {
    if (isLocalArtifact(value)) outputs[name] = await keepArtifact(value, options);
    else if (Array.isArray(value) && value.some(isLocalArtifact)) {
      const refs: ArtifactRef[] = [];
      for (const item of value as LocalArtifact[]) refs.push(await keepArtifact(item, options));
      outputs[name] = refs;
    } else outputs[name] = value as Json;
  }
  const kept: PointOutputs = JSON.parse(JSON.stringify({ outputs, metrics: result.metrics }));
  const text = JSON.stringify(kept);
  if (text.length > MOST_BYTES) {
    throw wrong(kind, `a result of ${text.length} bytes, more than the ${MOST_BYTES} that fit a payload`);
  }
  refuseSecret(redactor.findIn(text), 'its result');
  return kept;
}

async function keepArtifact(local: LocalArtifact, options: KeepOptions): Promise<ArtifactRef> {
  const { store, redactor, from, onFile, kind } = options;
  const paths = await filesBelow(local.directory);
  if (paths.length === 0) throw wrong(kind, `a ${local.$local} artifact without files`);
  for (const path of paths) refuseSecret(await redactor.findInFile(join(local.directory, path)), path);
  return putArtifact(store, local.$local, local.directory, { from, consume: true, onFile });
}

function refuseSecret(name: string | null, where: string): void {
  if (name === null) return;
  throw new ComputeError('secret-leak', `The secret ${name} was found in ${where}, which was not stored.`, {
    hint: 'Nothing that a step writes may hold a secret.',
  });
}

function checkDeclared(result: BodyResult, kind: KindDefinition, params: KeepOptions['params']): void {
  for (const name of Object.keys(kind.outputs)) {
    const parameter = kind.outputsWith?.[name];
    const due = parameter === undefined || (params[parameter] ?? false) !== false;
    if (due && !(name in result.outputs)) throw wrong(kind, `no output ${name}`);
  }
  for (const [name, value] of Object.entries(result.outputs)) {
    const type = kind.outputs[name];
    if (type === undefined) throw wrong(kind, `an output ${name}, which it does not declare`);
    if (!conforms(value, type)) throw wrong(kind, `an output ${name} that is not ${describe(type)}`);
  }
  for (const name of Object.keys(result.metrics)) {
    if (!(name in kind.metrics)) throw wrong(kind, `a metric ${name}, which it does not declare`);
  }
}

function conforms(value: unknown, type: ValueType): boolean {
  switch (type.type) {
    case 'artifact':
      return isLocalArtifact(value) && value.$local === type.artifact;
    case 'list':
      return Array.isArray(value) && value.every((item) => conforms(item, type.of));
    case 'integer':
      return Number.isSafeInteger(value);
    case 'number':
    case 'string':
    case 'boolean':
      return typeof value === type.type;
    default:
      return !isLocalArtifact(value);
  }
}

function describe(type: ValueType): string {
  if (type.type === 'artifact') return `an artifact of type ${type.artifact}`;
  if (type.type === 'list') return `a list, each item ${describe(type.of)}`;
  return `of type ${type.type}`;
}

function wrong(kind: KindDefinition, what: string): ComputeError {
  return new ComputeError('internal', `${kind.name} returned ${what}.`, {
    hint: 'This is a mistake in the kind, not in the experiment.',
  });
}
