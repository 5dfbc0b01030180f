import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { ComputeError } from '../ml/failure.ts';

/** The lines of a JSONL file, parsed, one at a time. @throws ComputeError bad-data naming the file and line */
export async function* readJsonLines<T>(path: string): AsyncGenerator<T> {
  let line = 0;
  for await (const text of createInterface({
    input: createReadStream(path, 'utf8'),
    crlfDelay: Number.POSITIVE_INFINITY,
  })) {
    line++;
    if (text.trim() === '') continue;
    try {
      yield JSON.parse(text) as T;
    } catch (error) {
      throw new ComputeError('bad-data', `${path}:${line} is not JSON: ${(error as Error).message}`);
    }
  }
}
