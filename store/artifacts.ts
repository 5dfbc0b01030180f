import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { canonicalJson } from './canonical.ts';
import { checkFile, sha256 } from './digest.ts';
import { StoreError } from './error.ts';
import type { ArtifactFile, ArtifactManifest, ArtifactRef, ArtifactType, BlobState, Store } from './types.ts';

/** Artifacts: directories of files, stored as blobs and one manifest, `artifacts/<digest>`. */

const documentOf = (digest: string) => `artifacts/${digest}`;

export interface PutOptions {
  /** Which step and point made it, for people. */
  from?: string;
  /** Move the files instead of copying them. */
  consume?: boolean;
  /** Called after each stored file. */
  onFile?: (path: string, file: ArtifactFile) => void;
}

/** Stores the files below `directory` as an artifact: blobs first, the manifest last. */
export async function putArtifact(
  store: Store,
  type: ArtifactType,
  directory: string,
  options: PutOptions = {},
): Promise<ArtifactRef> {
  const paths = await filesBelow(directory);
  if (paths.length === 0) {
    throw new StoreError(
      'missing',
      `No files in ${directory}: there is no ${type} to store.`,
      'Write its files first.',
    );
  }
  const files: Record<string, ArtifactFile> = {};
  for (const path of paths) {
    const file = await store.putBlob(join(directory, path), { consume: options.consume ?? false });
    files[path] = file;
    options.onFile?.(path, file);
  }
  const manifest: ArtifactManifest = { type, files };
  const digest = digestOfManifest(manifest);
  const { value, created } = await store.putDocumentIfAbsent(documentOf(digest), manifest);
  // A manifest changed from outside is worth nothing: its name says what it must be.
  if (!created && digestOrNull(value) !== digest) await store.writeDocument(documentOf(digest), manifest);
  return { $artifact: type, digest, ...(options.from === undefined ? {} : { from: options.from }) };
}

/** @throws StoreError `missing`, or `corrupt` when it is not what its digest says */
export async function readManifest(store: Store, ref: ArtifactRef): Promise<ArtifactManifest> {
  const manifest = await store.readDocument<ArtifactManifest>(documentOf(ref.digest));
  if (manifest === null) {
    throw new StoreError('missing', `${nameOf(ref)} is not in the store ${store.location}.`, whatToDo(ref));
  }
  if (digestOrNull(manifest) !== ref.digest) {
    throw new StoreError('corrupt', `The manifest of ${nameOf(ref)} was changed.`, whatToDo(ref));
  }
  return manifest;
}

/** Whether manifest and every blob are there; `full` also reads every byte (once a process). */
export async function checkArtifact(
  store: Store,
  ref: ArtifactRef,
  depth: 'quick' | 'full',
): Promise<{ state: BlobState; what: string }> {
  let manifest: ArtifactManifest;
  try {
    manifest = await readManifest(store, ref);
  } catch (error) {
    if (error instanceof StoreError && (error.code === 'missing' || error.code === 'corrupt')) {
      return { state: error.code, what: error.message };
    }
    throw error;
  }
  for (const [path, file] of Object.entries(manifest.files)) {
    const state = await store.checkBlob(file, depth);
    if (state !== 'ok') return { state, what: `${path} of ${nameOf(ref)} is ${state}` };
  }
  return { state: 'ok', what: nameOf(ref) };
}

/**
 * Read-only directories of artifacts on this host, shared by all who need the same one. A directory appears whole or not
 * at all; what was changed or lost since is made again.
 */
export class ArtifactCache {
  private readonly underWay = new Map<string, Promise<string>>();

  constructor(
    private readonly store: Store,
    private readonly directory: string,
  ) {}

  /** The directory with the files of the artifact. `onFile` is called as files arrive. */
  async materialise(ref: ArtifactRef, onFile?: () => void): Promise<string> {
    const running = this.underWay.get(ref.digest);
    if (running !== undefined) return running;
    const started = this.make(ref, onFile).finally(() => this.underWay.delete(ref.digest));
    this.underWay.set(ref.digest, started);
    return started;
  }

  private async make(ref: ArtifactRef, onFile?: () => void): Promise<string> {
    const manifest = await readManifest(this.store, ref);
    const target = join(this.directory, ref.digest);
    for (let round = 0; round < 3; round++) {
      const state = await this.look(target, manifest);
      if (state === 'ok') return target;
      const fresh = `${target}.${process.pid}-${randomBytes(6).toString('hex')}`;
      try {
        if (state === 'corrupt') await rename(target, `${fresh}-old`).catch(ignoreAbsent);
        for (const [path, file] of Object.entries(manifest.files)) {
          const to = join(fresh, safePath(path));
          await mkdir(dirname(to), { recursive: true });
          await this.store.getBlob(file.sha256, to);
          onFile?.();
        }
        // Fails when another process was faster; the next round finds its directory.
        await rename(fresh, target).catch(ignorePresent);
      } catch (error) {
        throw error instanceof StoreError && (error.code === 'missing' || error.code === 'corrupt')
          ? new StoreError(error.code, `${nameOf(ref)}: ${error.message}`, whatToDo(ref), { cause: error })
          : error;
      } finally {
        await rm(fresh, { recursive: true, force: true });
        await rm(`${fresh}-old`, { recursive: true, force: true });
      }
    }
    if ((await this.look(target, manifest)) === 'ok') return target;
    throw new StoreError(
      'unavailable',
      `${target} keeps changing while it is made.`,
      'See what else writes there.',
    );
  }

  private async look(directory: string, manifest: ArtifactManifest): Promise<BlobState> {
    if ((await stat(directory).catch(() => null)) === null) return 'missing';
    for (const [path, file] of Object.entries(manifest.files)) {
      if ((await checkFile(join(directory, safePath(path)), file, 'full')) !== 'ok') return 'corrupt';
    }
    return 'ok';
  }
}

/** Relative POSIX paths of the regular files below a directory, sorted by UTF-16 code units. */
export async function filesBelow(directory: string): Promise<string[]> {
  const found: string[] = [];
  const walk = async (below: string) => {
    for (const entry of await readdir(join(directory, below), { withFileTypes: true })) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) await walk(path);
      else if (entry.isFile()) found.push(safePath(path));
      else
        throw new StoreError(
          'bad-name',
          `${join(directory, path)} is neither a file nor a directory.`,
          'Artifacts hold plain files only, no links.',
        );
    }
  };
  const info = await stat(directory).catch(() => null);
  if (info?.isDirectory()) await walk('');
  return found.sort();
}

/** Refuses paths that would leave the artifact's directory or that other systems cannot hold. */
function safePath(path: string): string {
  const parts = path.split('/');
  const bad = (part: string) => part === '' || part === '.' || part === '..' || /\\|\p{Cc}/u.test(part);
  if (parts.some(bad)) {
    throw new StoreError(
      'bad-name',
      `${JSON.stringify(path)} cannot be a path in an artifact.`,
      'Use plain relative paths.',
    );
  }
  return path;
}

function digestOfManifest(manifest: ArtifactManifest): string {
  return sha256(canonicalJson({ type: manifest.type, files: manifest.files as never }));
}

/** The digest that a manifest must be named by; null when it is none. */
export function digestOrNull(manifest: unknown): string | null {
  try {
    return digestOfManifest(manifest as ArtifactManifest);
  } catch {
    return null;
  }
}

function nameOf(ref: ArtifactRef): string {
  return `${ref.$artifact} ${ref.digest.slice(0, 12)}…${ref.from === undefined ? '' : ` (made by ${ref.from})`}`;
}

function whatToDo(ref: ArtifactRef): string {
  return `Run the same command again: ${ref.from ?? 'the step that made it'} is then found incomplete and runs again.`;
}

function ignoreAbsent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

function ignorePresent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
}
