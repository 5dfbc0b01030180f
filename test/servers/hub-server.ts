import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What happens to one request for a file's bytes in place of the right answer. */
export type Trouble =
  | { kind: 'status'; status: number; headers?: Record<string, string> }
  /** Ends after so many bytes: by cutting the connection, or as if that were all. */
  | { kind: 'cut'; after: number; polite?: boolean }
  /** One byte is another one. */
  | { kind: 'flip' }
  | { kind: 'hang' };

export interface HubRepository {
  type: 'model' | 'dataset';
  id: string;
  commit: string;
  branches: string[];
  files: Record<string, Buffer>;
  /** Which files are stored as LFS, and so served by the other host. */
  lfs: string[];
  token?: string;
  gated?: boolean;
}

export interface HubServer {
  endpoint: string;
  /** Every request: host, path, and the headers that matter. */
  requests: { host: 'hub' | 'cdn'; path: string; range?: string; authorization?: string }[];
  /** Troubles to come, by path of the file (or `api`); each is used up by one request. */
  troubles: Record<string, Trouble[]>;
  /** Whether ranges are known. */
  ranges: boolean;
  repositories: HubRepository[];
  close(): Promise<void>;
}

export const gitSha1 = (bytes: Buffer): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Speaks the Hugging Face Hub's protocol: /api/{models,datasets}/ID/revision/REV and ID/resolve/REV/PATH. */
export async function hubServer(repositories: HubRepository[]): Promise<HubServer> {
  const requests: HubServer['requests'] = [];
  const note = (host: 'hub' | 'cdn', { url, headers }: IncomingMessage) => {
    const { range, authorization } = headers;
    requests.push({
      ...{ host, path: decodeURIComponent(url as string) },
      ...(range ? { range } : {}),
      ...(authorization ? { authorization } : {}),
    });
  };
  const cdn = createServer((request, response) => {
    note('cdn', request);
    const path = decodeURIComponent((request.url as string).slice(1));
    const found = server.repositories
      .flatMap(({ files }) => Object.entries(files))
      .find(([name]) => name === path);
    send(server, path, found?.[1] as Buffer, request, response);
  });
  const hub = createServer((request, response) => {
    note('hub', request);
    answer(server, request, response, `http://127.0.0.1:${(cdn.address() as AddressInfo).port}`);
  });
  for (const one of [cdn, hub]) await new Promise<void>((done) => one.listen(0, '127.0.0.1', done));
  const server: HubServer = {
    endpoint: `http://127.0.0.1:${(hub.address() as AddressInfo).port}`,
    ...{ requests, troubles: {}, ranges: true, repositories },
    async close() {
      for (const one of [cdn, hub]) {
        one.closeAllConnections();
        await new Promise((done) => one.close(done));
      }
    },
  };
  return server;
}

const PATHS =
  /^\/(?:api\/(models|datasets)\/(.+)\/revision\/([^?]+)\?blobs=true|(datasets\/)?(.+)\/resolve\/([^/]+)\/(.+))$/;

function answer(server: HubServer, request: IncomingMessage, response: ServerResponse, cdn: string): void {
  const [, kind, apiId, apiRevision, dataset, fileId, fileRevision, file] = (
    PATHS.exec(request.url as string) ?? []
  ).map((part) => (part === undefined ? undefined : decodeURIComponent(part)));
  const type = kind === 'datasets' || dataset ? 'dataset' : 'model';
  const found = server.repositories.find((one) => one.type === type && one.id === (apiId ?? fileId));
  const refuse = (status: number, code: string) =>
    response.writeHead(status, { 'X-Error-Code': code, 'X-Error-Message': `test: ${code}` }).end();
  const token = request.headers.authorization;
  if (apiId && trouble(server, 'api', response)) return;
  if (!found) return void refuse(401, 'RepoNotFound');
  if (found.token && token !== `Bearer ${found.token}`) {
    if (token) return void response.writeHead(401).end();
    return void refuse(401, 'RepoNotFound');
  }
  const revision = apiRevision ?? fileRevision;
  if (revision !== found.commit && !found.branches.includes(revision as string))
    return void refuse(404, 'RevisionNotFound');
  if (apiId) {
    const siblings = Object.entries(found.files).map(([rfilename, bytes]) => ({
      ...{ rfilename, size: bytes.length, blobId: gitSha1(bytes) },
      ...(found.lfs.includes(rfilename) ? { lfs: { sha256: sha256(bytes), size: bytes.length } } : {}),
    }));
    return void response.end(JSON.stringify({ sha: found.commit, siblings }));
  }
  if (found.gated) return void refuse(403, 'GatedRepo');
  const bytes = found.files[file as string];
  if (!bytes) return void refuse(404, 'EntryNotFound');
  if (found.lfs.includes(file as string))
    return void response.writeHead(302, { location: `${cdn}/${encodeURIComponent(file as string)}` }).end();
  send(server, file as string, bytes, request, response);
}

/** Makes the next trouble of a path, if there is one that is a whole answer. */
function trouble(server: HubServer, path: string, response: ServerResponse): boolean {
  const next = server.troubles[path]?.[0];
  if (next?.kind !== 'status' && next?.kind !== 'hang') return false;
  server.troubles[path]?.shift();
  if (next.kind === 'status') response.writeHead(next.status, next.headers).end();
  return true;
}

function send(
  server: HubServer,
  path: string,
  bytes: Buffer,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  if (trouble(server, path, response)) return;
  const start = server.ranges ? Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0) : 0;
  let rest = Buffer.from(bytes.subarray(start));
  const ranged = start > 0 ? { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {};
  const next = server.troubles[path]?.shift();
  if (next?.kind === 'flip') rest[rest.length - 1] = (rest.at(-1) as number) ^ 1;
  const length = rest.length;
  if (next?.kind === 'cut') rest = rest.subarray(0, next.after);
  const polite = next?.kind === 'cut' && next.polite;
  response.writeHead(start > 0 ? 206 : 200, { 'content-length': polite ? rest.length : length, ...ranged });
  if (next?.kind === 'cut' && !polite) response.write(rest, () => setTimeout(() => response.destroy(), 20));
  else response.end(rest);
}
