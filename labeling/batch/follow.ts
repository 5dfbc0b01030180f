import { setTimeout as sleep } from 'node:timers/promises';
import type { Batch } from 'openai/resources/batches';
import { ComputeError } from '../../ml/failure.ts';
import type { Ledger } from '../ledger.ts';
import type { BatchJournal, BatchRecord } from './journal.ts';
import type { LineReader, WaitingQuestion } from './line-reader.ts';
import type { BatchService } from './service.ts';

export interface FollowContext {
  service: BatchService;
  journal: BatchJournal;
  ledger: Ledger;
  /** Questions without an answer as yet, by id. */
  open: ReadonlyMap<string, WaitingQuestion>;
  lines: LineReader;
  pollSeconds: number;
  progress: ((done: number, total: number) => void) | undefined;
  say: ((line: string) => void) | undefined;
  field: string;
}

const LONGEST_POLL_SECONDS = 60;
/** A batch that was being submitted when the process died may appear in the list so much later. */
const APPEARS_SECONDS = 5;
/** The service takes no more tokens of this account at once. */
const TOO_LARGE = new Set(['token_limit_exceeded', 'request_limit_exceeded']);

/**
 * Polls a batch until it has ended, reads what came of it, and settles what it cost. Answers are kept before it counts as
 * read, so that after an end in between it is read again.
 * @returns `too-large`: the service wants fewer questions at once
 * @throws ComputeError `batch-refused`, `batch-cancelled`, and what polling meets once its tries are used up: the batch stays
 */
export async function followBatch(found: BatchRecord, context: FollowContext): Promise<'read' | 'too-large'> {
  const { service, journal, ledger, open, lines, say } = context;
  const id = found.batch ?? (await recover(found, context));
  const record: BatchRecord = { ...found, state: 'created', batch: id };
  const close = (dollars: number) => {
    ledger.reserve(0, `batch-${found.name}`).settle(dollars);
    journal.write({ ...record, state: 'read' });
  };

  if (id === null) {
    close(0); // It never reached the service.
    return 'read';
  }
  journal.write(record);

  const batch = await ended(id, context);
  if (batch === null) {
    say?.(`The service does not know batch ${id} any more: its price counts in full.`);
    journal.write({ ...record, state: 'read' });
    return 'read';
  }
  if (batch.status === 'failed') {
    close(0);
    return refusedBatch(batch, record, context);
  }

  const results = await service.results(batch);
  let dollars = 0;
  const mine = record.questions ?? [...open.keys()].filter((question) => results.has(question));
  for (const question of mine) {
    const waiting = open.get(question);
    const of = results.get(question) ?? [];
    dollars += lines.dollars(of, waiting);
    if (waiting) lines.take(waiting, of, id);
  }
  close(dollars);
  say?.(`Batch ${id} ${batch.status}: ${results.size} of ${mine.length} came back, $${dollars.toFixed(4)}.`);
  if (batch.status === 'cancelled' && record.questions !== null) {
    throw new ComputeError('batch-cancelled', `Batch ${id} was cancelled at the service.`, {
      hint: '`plumb rerun --failed` submits what is missing.',
    });
  }
  return 'read';
}

/** The id of a batch whose process died while it was being submitted; null: it never was. */
async function recover(record: BatchRecord, { service, pollSeconds }: FollowContext): Promise<string | null> {
  if (record.file === null) return null; // died before the upload was done
  for (let look = 0; look < 2; look++) {
    if (look > 0) await sleep(1000 * Math.min(APPEARS_SECONDS, pollSeconds));
    const found = await service.find(record.name, record.file);
    if (found) return found.id;
  }
  return null;
}

async function ended(id: string, { service, pollSeconds, progress }: FollowContext): Promise<Batch | null> {
  for (let wait = pollSeconds; ; wait = Math.min(LONGEST_POLL_SECONDS, wait * 1.5)) {
    const batch = await service.retrieve(id);
    if (batch === null) return null;
    const { completed = 0, failed = 0, total = 0 } = batch.request_counts ?? {};
    progress?.(completed + failed, total);
    if (['completed', 'failed', 'expired', 'cancelled'].includes(batch.status)) return batch;
    await sleep(1000 * wait);
  }
}

function refusedBatch(batch: Batch, record: BatchRecord, { say, field }: FollowContext): 'too-large' {
  const [error] = batch.errors?.data ?? [];
  const why = error?.message ?? 'it gives no reason';
  if (TOO_LARGE.has(error?.code ?? '')) {
    if ((record.questions?.length ?? 0) > 1) {
      say?.(`Batch ${batch.id} was too large for the account (${why}): trying half of it.`);
      return 'too-large';
    }
    throw new ComputeError('rate-limited', `The service takes no more batches now: ${why}`, {
      retryable: true,
      retryAfterSeconds: 300,
    });
  }
  throw new ComputeError('batch-refused', `The service refused batch ${batch.id}: ${why}`, {
    hint: `Check \`${field}.model\` and \`${field}.response-format\`, or set \`${field}.batch: false\`.`,
  });
}
