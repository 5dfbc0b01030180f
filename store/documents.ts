import { StoreError } from './error.ts';

/** Documents of a store: how they are called, and their text. */

/** Folders and files of the layout, never documents. */
const RESERVED = new Set(['blobs', 'claims', 'disposable', 'quarantine', 'tmp', 'store']);

/** The parts of a document's name between slashes. @throws StoreError `bad-name` */
export function documentParts(name: string): string[] {
  const parts = nameParts(name);
  if (isReserved(parts[0] as string)) throw badName(name);
  return parts;
}

/** The same for a name of anything else, such as a set of disposable blobs, that has a folder of its own. */
export function nameParts(name: string): string[] {
  const parts = name.split('/');
  // No leading dot: neither `..` nor hidden files. Everything else that file systems and object stores both take.
  if (
    name.length > 900 ||
    !parts.every((part) =>
      /^[\p{L}\p{N}_\-=,+@[\](){}!~ ][\p{L}\p{N}_\-=,+@[\](){}!~ .:]{0,200}$/u.test(part),
    )
  ) {
    throw badName(name);
  }
  return parts;
}

/** Whether the first part of a path in the store is not one of documents. */
export function isReserved(part: string): boolean {
  return RESERVED.has(part.replace(/\.json$/, ''));
}

function badName(name: string): StoreError {
  return new StoreError(
    'bad-name',
    `${JSON.stringify(name)} cannot name a document.`,
    'Use letters, digits and . _ - = between slashes.',
  );
}

/** The text that is stored. */
export function documentText(value: unknown): string {
  const text = JSON.stringify(value, null, 1);
  if (text === undefined) throw new TypeError('A document must be a JSON value.');
  return `${text}\n`;
}

/** @param place where it lies, for people. @throws StoreError `corrupt` */
export function parseDocument<T>(text: string, place: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new StoreError(
      'corrupt',
      `${place} is not JSON: it was changed from outside.`,
      `Delete ${place} and run again.`,
      { cause: error },
    );
  }
}

/** The format that `store.json` names. */
export const FORMAT = 1;

/** @throws StoreError `unsupported` */
export function checkFormat(marker: string, location: string): void {
  let format: unknown;
  try {
    format = (JSON.parse(marker) as { format?: unknown }).format;
  } catch {
    format = undefined;
  }
  if (format === FORMAT) return;
  throw new StoreError(
    'unsupported',
    `${location} has store format ${JSON.stringify(format ?? null)}, and this version reads format ${FORMAT}.`,
    'Use the version of plumb that wrote it, or another place for the store.',
  );
}
