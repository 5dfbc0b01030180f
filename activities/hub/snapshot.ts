import { existsSync, statSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ComputeError } from '../../ml/failure.ts';
import { HubCache } from './cache.ts';
import { matches } from './checksum.ts';
import { download } from './download.ts';
import { Interrupted } from './interrupted.ts';
import { get, persistently, reasonOf } from './request.ts';
import type { HubFile, HubRequest, HubSettings, Snapshot } from './types.ts';

/**
 * The chosen files of a repository at one commit, in the cache that Hugging Face's tools use too: what is there is used
 * (once its checksum is right), what is missing is fetched.
 * @throws ComputeError whose code begins with `hub-`
 */
export async function fetchSnapshot(request: HubRequest, settings: HubSettings): Promise<Snapshot> {
  const cache = new HubCache(settings.cache, request.type, request.repository);
  if (settings.offline) return cachedSnapshot(request, cache);
  const { commit, files } = await listing(request, settings);
  cache.keepRef(request.revision, commit);
  const byPath = new Map(files.map((file) => [file.path, file]));
  const fetched = new Fetcher(request, settings, cache, commit);
  const chosen = await request.choose([...byPath.keys()], async (path) => {
    await fetched.ensure([byPath.get(path) as HubFile]);
    return readFile(join(cache.snapshot(commit), path), 'utf8');
  });
  await fetched.ensure(chosen.map((path) => byPath.get(path) as HubFile));
  return { commit, directory: cache.snapshot(commit), files: chosen };
}

async function cachedSnapshot(request: HubRequest, cache: HubCache): Promise<Snapshot> {
  const commit = cache.commitOf(request.revision);
  const absent = (what: string) =>
    new ComputeError('hub-offline', `HF_HUB_OFFLINE is set, and ${cache.root} lacks ${what}`, {
      hint: `Run once without HF_HUB_OFFLINE, or copy a cache that has ${request.repository}, or set HF_HOME to it.`,
    });
  if (commit === null) throw absent(`revision ${request.revision}`);
  const directory = cache.snapshot(commit);
  const there = cache.filesOf(commit);
  if (there.length === 0) throw absent(`the files of ${commit}`);
  const read = (path: string) => readFile(join(directory, path), 'utf8');
  const chosen = await request.choose(there, read);
  const missing = chosen.flatMap(withShards).filter((path) => !there.includes(path));
  if (missing.length > 0) throw absent(missing.join(', '));
  return { commit, directory, files: chosen };
}

/** Of `x-00001-of-00003.parquet` all three: without the hub's listing only the name tells that there are more. */
function withShards(path: string): string[] {
  const [name, digits, count] = /-(\d+)-of-(\d+)(?=\.)/.exec(path) ?? [];
  if (name === undefined || digits === undefined) return [path];
  const first = digits.length === 5 && path.includes('.safetensors') ? 1 : 0;
  return Array.from({ length: Number(count) }, (_, i) =>
    path.replace(name, `-${String(i + first).padStart(digits.length, '0')}-of-${count}`),
  );
}

class Fetcher {
  constructor(
    private readonly request: HubRequest,
    private readonly settings: HubSettings,
    private readonly cache: HubCache,
    private readonly commit: string,
  ) {}

  async ensure(files: readonly HubFile[]): Promise<void> {
    const total = files.reduce((sum, { size }) => sum + size, 0);
    let done = 0;
    for (const file of files) {
      const before = done;
      const target = this.cache.blob(file.etag);
      if (!(await this.isThere(target, file))) {
        const partial = this.cache.partial(file.etag, this.request.owner);
        await download(file, this.url(file), { partial, target }, this.settings, (n) => {
          done += n;
          this.settings.progress(Math.min(done, total), total);
        });
      }
      this.cache.link(this.commit, file);
      done = before + file.size;
      this.settings.progress(done, total);
    }
  }

  private async isThere(blob: string, file: HubFile): Promise<boolean> {
    if (!existsSync(blob)) return false;
    if (statSync(blob).size === file.size && (await matches(blob, file.etag))) return true;
    this.settings.log(`${file.path}: the cached bytes are damaged; fetching it anew`);
    await rm(blob);
    return false;
  }

  private url(file: HubFile): string {
    const { type, repository } = this.request;
    const path = file.path.split('/').map(encodeURIComponent).join('/');
    return `${this.settings.endpoint}/${type === 'dataset' ? 'datasets/' : ''}${repository}/resolve/${this.commit}/${path}`;
  }
}

interface Sibling {
  rfilename?: unknown;
  size?: unknown;
  blobId?: unknown;
  lfs?: { sha256?: unknown; size?: unknown };
}

/** The commit of a revision and all files there. */
function listing(
  { type, repository, revision }: HubRequest,
  settings: HubSettings,
): Promise<{ commit: string; files: HubFile[] }> {
  const url = `${settings.endpoint}/api/${type}s/${repository}/revision/${encodeURIComponent(revision)}?blobs=true`;
  return persistently(`${type} ${repository}`, settings, async () => {
    const { response, end } = await get(url, settings);
    let answer: { sha?: unknown; siblings?: Sibling[] };
    try {
      answer = (await response.json()) as typeof answer;
    } catch (error) {
      settings.signal.throwIfAborted();
      throw new Interrupted(`the answer is not JSON: ${reasonOf(error)}`);
    } finally {
      end();
    }
    if (
      typeof answer.sha !== 'string' ||
      !/^[0-9a-f]{40}$/.test(answer.sha) ||
      !Array.isArray(answer.siblings)
    )
      throw notHub(url, 'it names no commit and files');
    return { commit: answer.sha, files: answer.siblings.map((sibling) => hubFile(sibling, url)) };
  });
}

function hubFile({ rfilename, size, blobId, lfs }: Sibling, url: string): HubFile {
  const etag = lfs?.sha256 ?? blobId;
  const bytes = lfs?.size ?? size;
  // Names become paths of the cache: nothing may lead out of it.
  const isPath = typeof rfilename === 'string' && !/(^|[\\/])\.\.?([\\/]|$)|^[\\/]|\0|^$/.test(rfilename);
  if (!isPath) throw notHub(url, `it lists a file ${JSON.stringify(rfilename)}`);
  if (typeof etag !== 'string' || !/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(etag))
    throw notHub(url, `it gives no checksum of ${rfilename}`);
  if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 0)
    throw notHub(url, `it gives no size of ${rfilename}`);
  return { path: rfilename, size: bytes, etag };
}

const notHub = (url: string, why: string): ComputeError =>
  new ComputeError('hub-protocol', `${url} does not answer as the hub does: ${why}`, {
    hint: 'Check HF_ENDPOINT.',
  });
