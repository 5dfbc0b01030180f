import { join } from 'node:path';
import { ComputeError } from '../ml/failure.ts';
import { SafetensorsFile, writeSafetensorsFile } from '../ml/models/safetensors-file.ts';
import type { LogProbsOfPairs } from '../ml/preferences/log-probs.ts';

/** What a `log-probs` artifact is of: it fits nothing else. */
export interface LogProbsSubject {
  /** Digest of the artifact of the model that gave them. */
  model: string;
  /** Digest of the tokenised pairs: the pairs, the tokenizer, and how long sequences were cut. */
  pairs: string;
  count: number;
}

const FILE = 'log-probs.safetensors';

/** `log-probs.safetensors`: `chosen` [N] and `rejected` [N] float32, and what they are of in the metadata. */
export function writeLogProbs(directory: string, logProbs: LogProbsOfPairs, subject: LogProbsSubject): void {
  const tensor = (data: Float32Array) => ({ dtype: 'F32' as const, shape: [data.length], data });
  writeSafetensorsFile(
    join(directory, FILE),
    { chosen: tensor(logProbs.chosen), rejected: tensor(logProbs.rejected) },
    { model: subject.model, pairs: subject.pairs, count: String(subject.count) },
  );
}

/** @throws ComputeError bad-parameter when they are of other pairs, of other lengths or of another model */
export function readLogProbs(directory: string, subject: LogProbsSubject): LogProbsOfPairs {
  const file = SafetensorsFile.open(join(directory, FILE));
  try {
    const { model, pairs, count } = file.header.metadata;
    if (count !== String(subject.count))
      throw refused(`they are of ${count} pairs, and there are ${subject.count}`);
    if (pairs !== subject.pairs)
      throw refused('they are of other pairs, or of these cut to other lengths or by another tokenizer');
    if (model !== subject.model)
      throw refused('they are of another model', 'name the model that they are of as `reference`');
    return {
      chosen: file.read('chosen').data as Float32Array,
      rejected: file.read('rejected').data as Float32Array,
    };
  } finally {
    file.close();
  }
}

const refused = (why: string, hint?: string) =>
  new ComputeError('bad-parameter', `The \`reference-log-probs\` do not belong here: ${why}.`, {
    hint:
      hint ??
      'make them by rlhf.reference from the same `preferences`, with the same `max-length`, `max-prompt-length`, `truncation` and `end-of-text`',
  });
