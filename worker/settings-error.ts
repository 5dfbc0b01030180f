/** An environment variable, or a file that one names, that cannot be used. Never quotes a secret. */
export class SettingsError extends Error {
  override name = 'SettingsError';

  constructor(
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}
