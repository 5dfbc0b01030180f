export type RepositoryType = 'model' | 'dataset';

/** Which files of which repository. */
export interface HubRequest {
  type: RepositoryType;
  /** `organisation/name`, or `name` alone for the oldest ones. */
  repository: string;
  /** A commit, branch or tag. */
  revision: string;
  /** Picks among the paths of all files there; throws when what is wanted is not there. */
  choose(paths: string[], read: (path: string) => Promise<string>): string[] | Promise<string[]>;
  /** Tells partial downloads of one piece of work from another's. */
  owner: string;
}

export interface Snapshot {
  /** The full commit that the revision stands for. */
  commit: string;
  /** snapshots/<commit> in the cache, with the chosen files below it. */
  directory: string;
  files: string[];
}

/** One file as the hub lists it. */
export interface HubFile {
  path: string;
  size: number;
  /** Name of its blob in the cache: the SHA-256 of a large file, else git's SHA-1. */
  etag: string;
}

/** Where the hub and its cache are, and how to ask. */
export interface HubSettings {
  endpoint: string;
  cache: string;
  offline: boolean;
  token?: string;
  signal: AbortSignal;
  /** Bytes fetched so far and in all. */
  progress(done: number, total: number): void;
  log(message: string): void;
  /** First wait before another try, in ms; doubled each time. */
  backoffMs: number;
  /** A connection that gives nothing for so long is given up, in ms. */
  idleMs: number;
}
