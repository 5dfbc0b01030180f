import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { canonicalJson } from '../store/canonical.ts';
import type { Json } from '../store/types.ts';

/** Replies on disk by the digest of what was asked. Only replies that satisfied their schema are kept. */
export interface ResponseCache {
  get(question: Json): Json | undefined;
  put(question: Json, reply: Json): void;
}

export function openResponseCache(directory: string): ResponseCache {
  const fileOf = (question: Json) => {
    const digest = createHash('sha256').update(canonicalJson(question)).digest('hex');
    return join(directory, digest.slice(0, 2), `${digest}.json`);
  };
  return {
    get(question) {
      try {
        return (JSON.parse(readFileSync(fileOf(question), 'utf8')) as { reply: Json }).reply;
      } catch {
        return undefined; // absent, or torn by a crash of the machine: ask again
      }
    },
    put(question, reply) {
      const file = fileOf(question);
      mkdirSync(dirname(file), { recursive: true });
      const temporary = `${file}.${randomBytes(6).toString('hex')}`;
      writeFileSync(temporary, JSON.stringify({ question, reply }));
      renameSync(temporary, file);
    },
  };
}
