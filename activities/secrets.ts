import { createReadStream } from 'node:fs';
import type { Json } from '../store/types.ts';

/** Names of the secrets that parameters refer to: objects `{ $secret: NAME }` anywhere in them. */
export function secretsIn(value: Json): string[] {
  if (typeof value !== 'object' || value === null) return [];
  if (!Array.isArray(value) && typeof value.$secret === 'string') return [value.$secret];
  return Object.values(value).flatMap((item) => secretsIn(item as Json));
}

/** Shorter values are not looked for: they would be found everywhere. */
const SHORTEST = 6;

/** Knows the values of some secrets, and keeps them out of everything that leaves the worker. */
export class Redactor {
  /** Longest first, so that a secret inside another one does not spoil it. */
  private readonly forms: { name: string; form: string }[];

  constructor(secrets: Record<string, string>) {
    this.forms = Object.entries(secrets)
      .flatMap(([name, value]) => formsOf(value).map((form) => ({ name, form })))
      .sort((a, b) => b.form.length - a.form.length);
  }

  redact(text: string): string {
    let clean = text;
    for (const { name, form } of this.forms) clean = clean.replaceAll(form, `[secret ${name}]`);
    return clean;
  }

  /** The name of a secret that the text holds. */
  findIn(text: string): string | null {
    return this.forms.find(({ form }) => text.includes(form))?.name ?? null;
  }

  /** The name of a secret that the file holds. Reads nothing when there are no secrets. */
  async findInFile(path: string): Promise<string | null> {
    if (this.forms.length === 0) return null;
    const needles = this.forms.map(({ name, form }) => ({ name, bytes: Buffer.from(form) }));
    const overlap = Math.max(...needles.map(({ bytes }) => bytes.length)) - 1;
    let before: Buffer = Buffer.alloc(0);
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
      const window = Buffer.concat([before, chunk as Buffer]);
      const found = needles.find(({ bytes }) => window.includes(bytes));
      if (found !== undefined) return found.name;
      before = window.subarray(Math.max(0, window.length - overlap));
    }
    return null;
  }
}

/** A value as it may be met: as it is (each line of it), in JSON, in a URL, and in base64. */
function formsOf(value: string): string[] {
  const forms = [
    ...value.split('\n').map((line) => line.trim()),
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value),
    Buffer.from(value).toString('base64').replace(/=+$/, ''),
  ];
  return [...new Set(forms)].filter((form) => form.length >= SHORTEST);
}
