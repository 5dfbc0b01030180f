import { readFileSync } from 'node:fs';
import { SettingsError } from '../settings-error.ts';

const VARIABLE = 'PLUMBLINE_PAYLOAD_KEYS';
const FILE_VARIABLE = 'PLUMBLINE_PAYLOAD_KEYS_FILE';
/** AES-256. */
const KEY_BYTES = 32;
const MAKE_ONE = 'Make one: echo "$(date +%F)=$(openssl rand -base64 32)"';
const ENTRY = /^([A-Za-z0-9._-]{1,64})=([A-Za-z0-9+/]{43}=)$/;

/** Keys by id. The first one encrypts; all decrypt, so that a key is replaced by putting a new one before it. */
export interface KeyRing {
  first: string;
  keys: ReadonlyMap<string, Buffer>;
}

/**
 * The keys that the environment gives, each as `ID=KEY` (32 bytes in base64): in PLUMBLINE_PAYLOAD_KEYS, separated by white
 * space or commas, or in the file that PLUMBLINE_PAYLOAD_KEYS_FILE names, one a line, `#` before a comment. null: none are
 * wanted. Errors never quote a key.
 */
export function keysFromEnvironment(env: NodeJS.ProcessEnv): KeyRing | null {
  const inline = env[VARIABLE];
  const path = env[FILE_VARIABLE];
  if (inline && path)
    throw new SettingsError(`${VARIABLE} and ${FILE_VARIABLE} are both set.`, 'Keep one of them.');
  if (inline) return parse(inline.split(/[\s,]+/), VARIABLE);
  if (path) return parse(linesOf(path), `${FILE_VARIABLE} (${path})`);
  return null;
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .map((line) => line.replace(/#.*/, '').trim());
  } catch (error) {
    throw new SettingsError(
      `${FILE_VARIABLE} names ${path}, which cannot be read: ${(error as Error).message}`,
      'Correct the path, or let this user read the file.',
    );
  }
}

function parse(texts: string[], where: string): KeyRing {
  const entries = texts.filter((text) => text !== '');
  const keys = new Map<string, Buffer>();
  for (const [index, text] of entries.entries()) {
    const [, id, base64] = ENTRY.exec(text) ?? [];
    const key = Buffer.from(base64 ?? '', 'base64');
    if (id === undefined || key.length !== KEY_BYTES) {
      throw new SettingsError(
        `${where}: key ${index + 1} is not ID=KEY with ${KEY_BYTES} bytes in base64.`,
        MAKE_ONE,
      );
    }
    if (keys.has(id))
      throw new SettingsError(`${where}: the id ${id} is there twice.`, 'Give each key an id of its own.');
    keys.set(id, key);
  }
  const [first] = keys.keys();
  // An empty file must not turn encryption off in silence.
  if (first === undefined) throw new SettingsError(`${where} holds no key.`, MAKE_ONE);
  return { first, keys };
}
