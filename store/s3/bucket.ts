import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import { rootCertificates } from 'node:tls';
import type { Client, ClientOptions } from 'minio';
import { StoreError } from '../error.ts';
import type { S3Address } from './address.ts';
import { CredentialChain } from './credentials.ts';
import { isAbsent, isEmptyRange, isPresent, judge } from './failure.ts';
import { PATIENCE, type Patience, persistently } from './persistence.ts';
import { transport } from './transport.ts';

export interface BucketOptions {
  patience?: Patience;
  /** A request on which nothing moves for so long is given up, and tried again. */
  idleMs?: number;
  env?: NodeJS.ProcessEnv;
}

export interface ObjectInfo {
  key: string;
  size: number;
  etag: string;
  modified: Date;
}

export interface Piece {
  chunks: Buffer[];
  object: ObjectInfo;
}

const IDLE_MS = 30_000;
const CONNECTIONS = 32;
/** Names the write that made an object, for the writer whose answer was lost. */
const WRITE_HEADER = 'x-amz-meta-plumb-write';

/**
 * Requests to one bucket, each tried again until it succeeds, cannot, or patience ends; failures are StoreErrors. Keys are
 * relative to the address's prefix. Bytes go out with their MD5, which the server checks and the signature covers, also
 * where nothing is encrypted.
 */
export class Bucket {
  private readonly credentials: CredentialChain;
  private opened: Promise<Client> | null = null;
  /** How far the server's clock is ahead of ours. */
  private skewSeconds = 0;

  constructor(
    readonly address: S3Address,
    private readonly options: BucketOptions = {},
  ) {
    this.credentials = new CredentialChain(options.env);
  }

  stat(key: string): Promise<ObjectInfo | null> {
    return this.orAbsent(`look at ${key}`, async (client) => {
      const headers = (await this.drained(client, { method: 'HEAD', ...this.named(key) })).headers;
      return infoOf(key, headers, Number(headers['content-length']));
    });
  }

  /** The whole of a small object. */
  get(key: string): Promise<Buffer | null> {
    return this.orAbsent(`read ${key}`, async (client) => {
      const { region } = this.address;
      const response = await client.makeRequestAsync(
        { method: 'GET', ...this.named(key) },
        '',
        [200],
        region,
      );
      return Buffer.concat(await bodyOf(response));
    });
  }

  /** Some bytes of an object; fewer where it ends before. */
  piece(key: string, from: number, length: number, etag?: string): Promise<Piece | null> {
    return this.orAbsent(`read ${key}`, async (client) => {
      const range = `bytes=${from}-${from + length - 1}`;
      const headers = { range, ...(etag !== undefined && { 'if-match': etag }) };
      let response: http.IncomingMessage;
      try {
        const request = { method: 'GET', ...this.named(key), headers };
        response = await client.makeRequestAsync(request, '', [200, 206], this.address.region);
      } catch (error) {
        if (from > 0 || !isEmptyRange(error)) throw error;
        return { chunks: [], object: infoOf(key, {}, 0) };
      }
      const chunks = await bodyOf(response);
      const received = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      const total = response.headers['content-range']?.split('/')[1];
      if (total === undefined && from > 0)
        throw new StoreError(
          'unsupported',
          `${this.address.location}: the server does not know ranges.`,
          'Use another S3 server.',
        );
      const object = infoOf(key, response.headers, total === undefined ? received : Number(total));
      if (total !== undefined && received !== Math.min(length, object.size - from))
        throw Object.assign(new Error('the answer ended too early'), { code: 'ECONNRESET' });
      return { chunks, object };
    });
  }

  async put(key: string, bytes: Buffer): Promise<void> {
    await this.tried(`write ${key}`, (client) => this.send(client, { ...this.named(key) }, bytes));
  }

  /**
   * Creates an object unless it is there. @returns false when it is. Where an answer was lost, our own write is known by its
   * name.
   */
  async putIfAbsent(key: string, bytes: Buffer): Promise<boolean> {
    const write = randomBytes(12).toString('hex');
    return this.tried(`create ${key}`, async (client, tries) => {
      const headers = { 'if-none-match': '*', [WRITE_HEADER]: write };
      try {
        await this.send(client, { ...this.named(key), headers }, bytes);
        return true;
      } catch (error) {
        if (!isPresent(error)) throw error;
        if (tries === 1) return false;
        const found = await this.drained(client, { method: 'HEAD', ...this.named(key) });
        return found.headers[WRITE_HEADER] === write;
      }
    });
  }

  /** Copies within the bucket; the copy, or the object itself, is then as new. @returns false when there is nothing to copy */
  async copy(from: string, to: string): Promise<boolean> {
    const { bucket, prefix } = this.address;
    const source = `/${bucket}/${prefix}${from}`.split('/').map(encodeURIComponent).join('/');
    const copied = await this.orAbsent(`copy ${from}`, async (client) => {
      // An object is copied onto itself only where something changes.
      const headers = {
        'x-amz-copy-source': source,
        'x-amz-metadata-directive': 'REPLACE',
        'x-amz-meta-plumb-copied': new Date().toISOString(),
      };
      const { region } = this.address;
      const request = { method: 'PUT', ...this.named(to), headers };
      const response = await client.makeRequestAsync(request, '', [200], region);
      const text = Buffer.concat(await bodyOf(response)).toString();
      // A failure in the midst of copying comes as the text of a 200.
      const failed = /<Error>[\s\S]*<Code>([^<]*)<\/Code>/.exec(text)?.[1];
      if (failed !== undefined) throw Object.assign(new Error('copying failed'), { code: failed });
      return true;
    });
    return copied ?? false;
  }

  async remove(key: string): Promise<void> {
    await this.orAbsent(`delete ${key}`, async (client) => {
      const { region } = this.address;
      await client.makeRequestAsyncOmit({ method: 'DELETE', ...this.named(key) }, '', [200, 204], region);
      return true;
    });
  }

  /** Objects whose keys begin so, in no certain order. `shallow`: folders instead of what is in them, with a slash at the end. */
  async *list(prefix: string, shallow = false): AsyncGenerator<ObjectInfo> {
    const own = this.address.prefix;
    let token = '';
    do {
      const page = await this.tried(`list ${prefix}`, (client) =>
        client.listObjectsV2Query(this.address.bucket, own + prefix, token, shallow ? '/' : '', 1000, ''),
      );
      for (const { name, prefix: folder, size, etag = '', lastModified } of page.objects) {
        const key = (name ?? folder ?? '').slice(own.length);
        yield { key, size, etag, modified: lastModified ?? new Date(0) };
      }
      token = page.isTruncated ? page.nextContinuationToken : '';
    } while (token !== '');
  }

  async beginUpload(key: string): Promise<string> {
    const { bucket, prefix } = this.address;
    return this.tried(`write ${key}`, (client) =>
      client.initiateNewMultipartUpload(bucket, prefix + key, {}),
    );
  }

  /** @returns the part's ETag */
  async putPart(key: string, upload: string, part: number, bytes: Buffer, md5: string): Promise<string> {
    return this.tried(`write part ${part} of ${key}`, async (client) => {
      const query = `partNumber=${part}&uploadId=${encodeURIComponent(upload)}`;
      const response = await this.send(client, { ...this.named(key), query }, bytes, md5);
      return (response.headers.etag ?? '').replaceAll('"', '');
    });
  }

  /** Makes the parts an object of so many bytes. An upload that is gone was completed by us, whose answer was lost, or is lost. */
  async completeUpload(key: string, upload: string, etags: string[], size: number): Promise<void> {
    const { bucket, prefix } = this.address;
    const parts = etags.map((etag, i) => ({ part: i + 1, etag }));
    await this.tried(`write ${key}`, async (client, tries) => {
      try {
        await client.completeMultipartUpload(bucket, prefix + key, upload, parts);
      } catch (error) {
        if (tries === 1 || (error as { code?: unknown }).code !== 'NoSuchUpload') throw error;
        if ((await this.stat(key))?.size !== size) throw error;
      }
    });
  }

  async abortUpload(key: string, upload: string): Promise<void> {
    const { bucket, prefix } = this.address;
    await this.tried(`stop writing ${key}`, (client) =>
      client.abortMultipartUpload(bucket, prefix + key, upload),
    );
  }

  /** Multipart uploads that were begun and neither completed nor aborted. */
  async unfinishedUploads(): Promise<{ key: string; upload: string; begun: Date }[]> {
    const { bucket, prefix } = this.address;
    return this.tried('list unfinished uploads', async (client) => {
      const found: { key: string; upload: string; begun: Date }[] = [];
      for await (const item of client.listIncompleteUploads(bucket, prefix, true)) {
        const { key, uploadId, initiated } = item as { key: string; uploadId: string; initiated: Date };
        found.push({ key: key.slice(prefix.length), upload: uploadId, begun: new Date(initiated) });
      }
      return found;
    });
  }

  private named(key: string): { bucketName: string; objectName: string } {
    return { bucketName: this.address.bucket, objectName: this.address.prefix + key };
  }

  private async drained(client: Client, request: { method: string; objectName: string }) {
    const { bucket: bucketName, region } = this.address;
    return client.makeRequestAsyncOmit({ ...request, bucketName }, '', [200], region);
  }

  private async send(
    client: Client,
    request: { objectName: string; query?: string; headers?: Record<string, string> },
    bytes: Buffer,
    md5 = createHash('md5').update(bytes).digest('base64'),
  ): Promise<http.IncomingMessage> {
    const { bucket: bucketName, region } = this.address;
    const headers = { ...request.headers, 'content-md5': md5, 'content-length': bytes.length };
    const options = { ...request, method: 'PUT', bucketName, headers };
    const response = await client.makeRequestStreamAsync(options, bytes, '', [200], region);
    await bodyOf(response);
    return response;
  }

  private async orAbsent<T>(what: string, operation: (client: Client) => Promise<T>): Promise<T | null> {
    return this.tried(what, async (client) => {
      try {
        return await operation(client);
      } catch (error) {
        if (isAbsent(error)) return null;
        throw error;
      }
    });
  }

  private tried<T>(what: string, operation: (client: Client, tries: number) => Promise<T>): Promise<T> {
    return persistently(
      this.options.patience ?? PATIENCE,
      async (tries) => operation(await this.client(), tries),
      (error, tries) => {
        const found = judge(error, what, this.address, this.skewSeconds);
        if (found.stale) this.credentials.forget();
        // Refused once, they are looked for anew; refused twice, they are wrong.
        return found.stale && !found.again ? { ...found, again: tries === 1 } : found;
      },
    );
  }

  private client(): Promise<Client> {
    this.opened ??= this.open();
    return this.opened;
  }

  /** Here and not at the top: commands that read no bucket do not load the library. */
  private async open(): Promise<Client> {
    const { Client: MinioClient } = await import('minio');
    const { endpoint, region, pathStyle } = this.address;
    const secure = endpoint.protocol === 'https:';
    const provider = { getCredentials: async () => asMinio(await this.credentials.get()) };
    const client = new MinioClient({
      endPoint: endpoint.hostname.replace(/^\[|\]$/g, ''),
      port: endpoint.port === '' ? (secure ? 443 : 80) : Number(endpoint.port),
      useSSL: secure,
      region,
      pathStyle,
      credentialsProvider: provider as unknown as NonNullable<ClientOptions['credentialsProvider']>,
      // We try again ourselves: the library would send a body that is read already.
      retryOptions: { disableRetry: true },
      transport: transport(secure, this.options.idleMs ?? IDLE_MS, (time) => {
        this.skewSeconds = (time - Date.now()) / 1000;
      }),
      transportAgent: secure
        ? new https.Agent({ keepAlive: true, maxSockets: CONNECTIONS, ...this.trusted() })
        : new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS }),
    });
    // The signature covers the MD5 of what is sent; a SHA-256 of it beside would cost as much as the network.
    client.enableSHA256 = false;
    return client;
  }

  private trusted(): { ca?: string[] } {
    const { authorities } = this.address;
    if (authorities === null) return {};
    try {
      return { ca: [...rootCertificates, readFileSync(authorities, 'utf8')] };
    } catch (error) {
      throw new StoreError(
        'bad-name',
        `The certificates ${authorities} cannot be read (${(error as NodeJS.ErrnoException).code}).`,
        'Correct AWS_CA_BUNDLE: the path of a PEM file.',
      );
    }
  }
}

/** In the form in which the library asks for them. */
function asMinio(keys: { accessKey: string; secretKey: string; sessionToken?: string }) {
  return {
    getAccessKey: () => keys.accessKey,
    getSecretKey: () => keys.secretKey,
    getSessionToken: () => keys.sessionToken,
  };
}

/** To its end, or an error: a connection that was cut does not look like an end. */
function bodyOf(response: http.IncomingMessage): Promise<Buffer[]> {
  // By events: iterating waits once a chunk, which costs more than the chunk.
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', reject);
    response.on('end', () => resolve(chunks));
    response.on('close', () => {
      if (!response.complete) reject(Object.assign(new Error('aborted'), { code: 'ECONNRESET' }));
    });
  });
}

function infoOf(key: string, headers: http.IncomingHttpHeaders, size: number): ObjectInfo {
  return {
    key,
    size,
    etag: (headers.etag ?? '').replaceAll('"', ''),
    modified: new Date(headers['last-modified'] ?? 0),
  };
}
