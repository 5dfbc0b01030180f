import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { KindDefinition } from '../compiler/kinds/types.ts';
import type { validateParameters } from '../compiler/kinds/validate.ts';
import { ArtifactCache } from '../store/artifacts.ts';
import { TemporaryPaths } from '../store/atomic-file.ts';
import type { Digest } from '../store/types.ts';
import type { ActivityDependencies } from './types.ts';

/** The kinds that a worker offers, and the last gate before one of them runs. */
export interface KindRegistry {
  kinds: ReadonlyMap<string, KindDefinition>;
  validateParameters: typeof validateParameters;
}

/** The dependencies of activities with what all attempts on this host share. */
export class ActivityHost {
  readonly artifacts: ArtifactCache;
  private readonly scratch: TemporaryPaths;

  constructor(
    readonly deps: ActivityDependencies,
    readonly registry: KindRegistry,
  ) {
    this.artifacts = new ArtifactCache(deps.store, join(deps.directory, 'cache', 'artifacts'));
    this.scratch = new TemporaryPaths(join(deps.directory, 'work'));
  }

  get childEntry(): string {
    return join(this.deps.dist, 'compute', 'child.js');
  }

  bodyOf(kind: string): string {
    return join(this.deps.dist, 'activities', 'kinds', `${kind}.js`);
  }

  secret(name: string): string | undefined {
    return this.deps.secret === undefined ? process.env[name] : this.deps.secret(name);
  }

  /** Scratch space of one attempt; what a lost worker left is swept when the next one starts. */
  async makeWorkDirectory(): Promise<{ path: string; remove(): Promise<void> }> {
    const path = await this.scratch.path();
    await mkdir(path, { recursive: true });
    return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
  }

  async makeDurableDirectory(key: Digest): Promise<{ path: string; remove(): Promise<void> }> {
    const path = join(this.deps.directory, 'points', key);
    await mkdir(path, { recursive: true });
    return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
  }

  async makeCacheDirectory(): Promise<string> {
    const path = join(this.deps.directory, 'cache', 'bodies');
    await mkdir(path, { recursive: true });
    return path;
  }
}
