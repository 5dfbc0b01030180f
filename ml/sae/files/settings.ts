import { readFileSync, statSync } from 'node:fs';
import { badDictionary } from './failure.ts';

/** A configuration is a page or two. */
const MAX_BYTES = 4 * 2 ** 20;

/** A JSON object of settings, read field by field with their types checked. An absent field and a null one are the same. */
export class Settings {
  private constructor(
    /** Names the file, and the field within it. */
    readonly where: string,
    private readonly fields: Readonly<Record<string, unknown>>,
  ) {}

  /** @throws ComputeError bad-dictionary when it is no JSON object */
  static read(path: string): Settings {
    const { size } = statSync(path);
    if (size > MAX_BYTES) throw badDictionary(path, `it has ${size} bytes, too many for a configuration`);
    let parsed: unknown;
    try {
      parsed = JSON.parse(readFileSync(path, 'utf8'));
    } catch (error) {
      throw badDictionary(path, `it is not JSON: ${(error as Error).message}`);
    }
    return Settings.of(parsed, path);
  }

  private static of(value: unknown, where: string): Settings {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw badDictionary(where, 'it is not a JSON object');
    return new Settings(where, value as Record<string, unknown>);
  }

  has(name: string): boolean {
    return this.value(name) !== undefined;
  }

  /** What lies below a field; without it, nothing does. */
  within(name: string): Settings {
    return Settings.of(this.value(name) ?? {}, `${this.where}: ${name}`);
  }

  string(name: string): string | null {
    return this.typed(name, 'a string', (value) => typeof value === 'string');
  }

  boolean(name: string): boolean | null {
    return this.typed(name, 'true or false', (value) => typeof value === 'boolean');
  }

  number(name: string): number | null {
    return this.typed(name, 'a number', (value) => typeof value === 'number');
  }

  /** A whole number of at least `least`. */
  integer(name: string, least: number): number | null {
    const fits = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= least;
    return this.typed(name, `a whole number of at least ${least}`, fits);
  }

  /** Of anything, for what has several types over the versions of a package. */
  value(name: string): unknown {
    return Object.hasOwn(this.fields, name) ? (this.fields[name] ?? undefined) : undefined;
  }

  private typed<T>(name: string, what: string, fits: (value: unknown) => boolean): T | null {
    const value = this.value(name);
    if (value === undefined) return null;
    if (fits(value)) return value as T;
    throw badDictionary(this.where, `${name} should be ${what}, but is ${shown(value)}`);
  }
}

const shown = (value: unknown): string => JSON.stringify(value).slice(0, 80);
