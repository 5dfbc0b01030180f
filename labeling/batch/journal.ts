import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';

/** A batch, from before it is sent until its results are read. */
export interface BatchRecord {
  /** Ours: stands in the metadata of the batch at the service, so that it is found again when its answer was lost. */
  name: string;
  /** Digest of the questions of which it holds some. */
  asked: string;
  /** Ids of its questions; null for a batch that was found at the service. */
  questions: string[] | null;
  /** `planned`: it may or may not have reached the service. */
  state: 'planned' | 'created' | 'read';
  /** Of the file with its requests, at the service. */
  file: string | null;
  /** The service's id. */
  batch: string | null;
}

/**
 * Batches on disk, so that a process that is killed at any instant leaves to the next one which batch to go on polling. Each
 * change is a line that is on disk before what it announces is done; the last line of a name counts.
 */
export interface BatchJournal {
  records(): BatchRecord[];
  write(record: BatchRecord): void;
  close(): void;
}

export function openBatchJournal(file: string): BatchJournal {
  const records = new Map<string, BatchRecord>();
  for (const line of linesOf(file)) {
    try {
      const record = JSON.parse(line) as BatchRecord;
      records.set(record.name, record);
    } catch {
      // The torn last line of a crash: what it announces had not been done.
    }
  }
  const handle = openSync(file, 'a');
  writeSync(handle, '\n'); // ends a torn line
  return {
    records: () => [...records.values()],
    write(record) {
      writeSync(handle, `${JSON.stringify(record)}\n`);
      fsyncSync(handle);
      records.set(record.name, record);
    },
    close: () => closeSync(handle),
  };
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
