/** Reading a Hugging Face config.json: every field is asked for by name, so that a bad one is an error that names it. */
export class ConfigError extends Error {
  override name = 'ConfigError';

  constructor(
    message: string,
    /** What to do about it, where that is not plain from the message. */
    readonly hint?: string,
  ) {
    super(message);
  }
}

export interface ConfigReader {
  integer(name: string, fallback?: number): number;
  /** null where the field is absent or null. */
  optionalInteger(name: string): number | null;
  number(name: string, fallback?: number): number;
  boolean(name: string, fallback?: boolean): boolean;
  string(name: string, fallback?: string): string;
  object(name: string): Record<string, unknown> | undefined;
}

export function configReader(config: Record<string, unknown>, where = 'config.json'): ConfigReader {
  const read = <T>(
    name: string,
    type: string,
    is: (value: unknown) => boolean,
    fallback: T | undefined,
  ): T => {
    const value = config[name];
    if (value === undefined || value === null) {
      if (fallback !== undefined) return fallback;
      throw new ConfigError(`${where}: the field "${name}" is missing`);
    }
    if (!is(value)) throw new ConfigError(`${where}: "${name}" is ${JSON.stringify(value)}, not ${type}`);
    return value as T;
  };
  return {
    integer: (name, fallback) => read(name, 'a whole number', Number.isInteger, fallback),
    optionalInteger: (name) =>
      config[name] === undefined || config[name] === null
        ? null
        : read<number>(name, 'a whole number', Number.isInteger, undefined),
    number: (name, fallback) => read(name, 'a number', (value) => typeof value === 'number', fallback),
    boolean: (name, fallback) => read(name, 'true or false', (value) => typeof value === 'boolean', fallback),
    string: (name, fallback) => read(name, 'a string', (value) => typeof value === 'string', fallback),
    object: (name) => {
      const value = config[name];
      if (value === undefined || value === null) return undefined;
      if (typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
      throw new ConfigError(`${where}: "${name}" is ${JSON.stringify(value)}, not an object`);
    },
  };
}
