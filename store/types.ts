/** What the content-addressed store holds. Types only: implementations are `store/file-system.ts` and `store/s3/store.ts`. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Lower-case hex SHA-256. */
export type Digest = string;

/** Types of artifacts that steps hand to each other. A new one is added here and in the kind that makes it. */
export type ArtifactType =
  | 'texts' // texts.jsonl: one {"text", ...} a line
  | 'preferences' // preferences.jsonl: one {"prompt", "chosen", "rejected", "margin"?} a line
  | 'log-probs' // log-probs.safetensors: what a reference model gives the completions of a preferences artifact
  | 'classifier' // a Hugging Face directory of a sequence classifier or reward model
  | 'model' // a Hugging Face directory: config.json, model.safetensors, tokenizer.json, tokenizer_config.json
  | 'adapter' // adapter_config.json + adapter_model.safetensors, as `peft` lays them out
  | 'training-state' // training.json + a checkpoint: state.safetensors, state.json
  | 'divergence' // divergence.json
  | 'activations' // activations.json + one safetensors shard set a layer
  | 'sae' // sae_weights.safetensors + cfg.json, as SAELens lays them out
  | 'matches' // matches.json: which features of dictionaries are alike
  | 'triples' // triples.jsonl
  | 'probe' // probe.safetensors + probe.json
  | 'features' // features.json: explanations, classes, frequencies
  | 'annotation-kit' // kit.html for raters, items.json with the key
  | 'table' // table.json: rows with definitions
  | 'report'; // report.html, figures/, tables/

/**
 * A reference to an artifact, the form in which artifacts travel through parameters, payloads and history.
 * `from` names the step and point that made it, for people; it is not part of any key.
 */
export interface ArtifactRef {
  $artifact: ArtifactType;
  digest: Digest;
  from?: string;
}

/** One file of an artifact. */
export interface ArtifactFile {
  sha256: Digest;
  size: number;
}

/** The artifact itself: `digest` of an ArtifactRef is the SHA-256 of the canonical JSON of this. */
export interface ArtifactManifest {
  type: ArtifactType;
  /** Relative POSIX path -> file, sorted by path. */
  files: Record<string, ArtifactFile>;
}

/** A number with what is needed to believe it. Everything but `value` is optional. */
export interface Metric {
  value: number;
  /** Two-sided interval at `level` (default 0.95). */
  ci_low?: number;
  ci_high?: number;
  level?: number;
  /** Number of independent units behind the value (prompts, words, ...), named by `unit_of_n`. */
  n?: number;
  n_unit?: string;
  unit?: string;
  p_value?: number;
}

/** What an accepted point hands on: small values and references, never data. */
export interface PointOutputs {
  /** By the names that the kind declares. */
  outputs: Record<string, Json | ArtifactRef | ArtifactRef[]>;
  metrics: Record<string, Metric>;
}

export interface ProcessUsage {
  peakMemoryBytes: number;
  cpuSeconds: number;
  /** Points that it computed; absent: this one alone. */
  points?: number;
}

/** `results/<key>.json`: written once, never changed. */
export interface PointRecord extends PointOutputs {
  key: Digest;
  kind: string;
  kindVersion: number;
  /** Resolved parameters, artifacts as references. */
  params: Json;
  seed: number | null;
  /** Where it was first computed, for lineage: not part of the key. */
  run: { id: string; experiment: string; step: string; point: string };
  /** What the result can depend on beside the key: versions, processor, threads. */
  environment: Record<string, Json>;
  /** Of the process that computed the result, in its last attempt. */
  usage: ProcessUsage;
  startedAt: string;
  finishedAt: string;
  /** Wall seconds of computing over all attempts that led to this result. */
  seconds: number;
  attempts: number;
  /** Money spent on LLM calls, in US dollars. */
  dollars: number;
}

/** A saved state of an unfinished point, recorded after its files are complete: see `store/checkpoints.ts`. */
export interface CheckpointRecord {
  key: Digest;
  /** Units of work done (training steps, batches ...), as the body counts them. */
  step: number;
  /** Relative POSIX path -> file, in the disposable blobs of the attempt that saved it. */
  files: Record<string, ArtifactFile>;
}

/** What a look at a blob found. `corrupt`: there, but not the bytes that its name says. */
export type BlobState = 'ok' | 'missing' | 'corrupt';

/** Immutable byte sequences named by their SHA-256. */
export interface Blobs {
  /**
   * Stores a local file; a no-op when the blob is there and whole. With `consume` the file may be moved instead of
   * copied: the caller promises to have finished with it.
   */
  putBlob(file: string, options?: { consume?: boolean }): Promise<ArtifactFile>;
  putBytes(bytes: Uint8Array): Promise<ArtifactFile>;
  hasBlob(sha256: Digest): Promise<boolean>;
  /** `quick` looks at existence and size, `full` at every byte (once for as long as the stored blob does not change). */
  checkBlob(file: ArtifactFile, depth: 'quick' | 'full'): Promise<BlobState>;
  /** Copies or links the blob to `target` (read-only), checking its digest; throws `StoreError` when missing or corrupt. */
  getBlob(sha256: Digest, target: string): Promise<void>;
  readBytes(sha256: Digest): Promise<Uint8Array>;
}

/** Blobs with one owner, who may delete them all. */
export interface DisposableBlobs extends Blobs {
  deleteBlob(sha256: Digest): Promise<void>;
  deleteAll(): Promise<void>;
}

/** The one interface of every store. Reads check digests; writes are atomic. */
export interface Store extends Blobs {
  /** Blobs apart from the shared ones, for checkpoints: deleting them cannot touch an artifact. */
  disposable(name: string): DisposableBlobs;

  /** Small named JSON documents: `results/<key>`, `artifacts/<digest>`, `checkpoints/<key>/...`, `runs/<id>/plan` ... */
  readDocument<T>(name: string): Promise<T | null>;
  /** Creates the document unless it exists; returns what is stored now and whether this call made it. */
  putDocumentIfAbsent<T>(name: string, value: T): Promise<{ value: T; created: boolean }>;
  /** Replaces atomically. Only for pointers (checkpoints, run state), never for a result that is whole. */
  writeDocument<T>(name: string, value: T): Promise<void>;
  deleteDocument(name: string): Promise<void>;
  /** Names below a prefix, sorted. */
  listDocuments(prefix: string): Promise<string[]>;
  /** For messages: a path or a bucket address, without secrets. */
  readonly location: string;
}

export interface StoredBlob extends ArtifactFile {
  /** When it was written, or last put again. */
  modified: Date;
}

/**
 * What a collector of garbage asks of a store (`store/collect.ts`). A blob that nothing needs is first put in quarantine, from
 * where it can come back.
 */
export interface Collectable {
  listBlobs(): AsyncIterable<StoredBlob>;
  /** Here `modified` is when it was put there. */
  listQuarantine(): AsyncIterable<StoredBlob>;
  /** @returns false, leaving it where it is, when it was written or put again since `before`, or is gone */
  quarantine(sha256: Digest, before: Date): Promise<boolean>;
  restore(sha256: Digest): Promise<void>;
  /** Deletes a blob in quarantine. */
  drop(sha256: Digest): Promise<void>;
  /** The sets of disposable blobs, with the time of their latest blob. */
  listDisposable(): Promise<{ name: string; size: number; modified: Date }[]>;
  /** Removes what writers that died before then have left half written. @returns how many */
  removeUnfinished(before: Date): Promise<number>;
}

/** What `openStore` opens. */
export type CollectableStore = Store & Collectable;
