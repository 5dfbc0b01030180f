import { join } from 'node:path';
import { ComputeError } from '../ml/failure.ts';
import { readJsonLines } from './json-lines.ts';

/** The texts of a `texts` artifact, in order. @throws ComputeError bad-data naming the line without a text */
export async function readTexts(directory: string): Promise<string[]> {
  const path = join(directory, 'texts.jsonl');
  const texts: string[] = [];
  for await (const { text } of readJsonLines<{ text?: unknown }>(path)) {
    if (typeof text !== 'string') {
      throw new ComputeError('bad-data', `${path}: row ${texts.length + 1} has no string \`text\``);
    }
    texts.push(text);
  }
  return texts;
}
